package account

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Whoever has something new kept in JetStream says what an erasure does to it, and tells those who ask for one.
func TestEverythingKeptHasARuleForErasing(t *testing.T) {
	docs, err := os.ReadFile("../../docs/peers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(docs), "## Erasing somebody")
	var ruled []string
	for _, r := range eraseRules {
		if ruled = append(ruled, r.of); r.erase == nil && r.stays == "" {
			t.Errorf("%s: an erasure does nothing to it, and nobody says why", r.of)
		}
		if !strings.Contains(section, "`TG_"+r.of+"`") {
			t.Errorf("docs/peers.md does not say what an erasure does to TG_%s", r.of)
		}
	}
	all := storage.Names()
	slices.Sort(all)
	slices.Sort(ruled)
	if !slices.Equal(all, ruled) {
		t.Errorf("rules for %q, want them for %q", ruled, all)
	}
}
