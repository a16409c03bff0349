package account

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
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

// An event is about somebody by what it tells, not by its own words or the account's name, which may be spelled like a username.
func TestWhichEventsAreErased(t *testing.T) {
	e := &erasure{who: erase.Who{Target: erase.Target{Kind: subjects.User, ID: 5}, Names: []string{"main_one", "connected", "reason"}}, names: []string{"a photo"}}
	for event, want := range map[string]bool{
		`{"event":"connected","account":"main_one","at":"2026-11-28T12:00:00Z","dc":2}`:        false,
		`{"event":"owner.lost","account":"main_one","reason":"the lease is lost"}`:             false,
		`{"event":"queue.unknown","account":"a","chat":"user.5"}`:                              true,
		`{"event":"queue.unknown","account":"a","chat":"user.55"}`:                             false,
		`{"event":"history.done","account":"a","peer":"Connected"}`:                            true,
		`{"event":"history.failed","account":"a","error":"nobody has the username @main_one"}`: true,
		`{"event":"file.done","account":"a","object":"a photo"}`:                               true,
		`{"event":"file.done","account":"a","object":"another"}`:                               false,
		`no JSON, and user.5`: true,
	} {
		if got := e.tells([]byte(event)); got != want {
			t.Errorf("%s: %v", event, got)
		}
	}
}
