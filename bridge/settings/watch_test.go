package settings

import (
	"slices"
	"strings"
	"testing"
)

func TestWatch(t *testing.T) {
	s := Defaults()
	s.Watch = []string{"1234", "main=77", " main=1234", "news=5", "-1000000009000", "-1012345678901"}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	for account, want := range map[string][]int64{"main": {1234, 77, 9000, 12345678901}, "news": {1234, 5, 9000, 12345678901}, "other": {1234, 9000, 12345678901}} {
		if got := s.WatchedBy(account); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", account, got, want)
		}
	}
	for _, wrong := range []string{"x", "a b=1", "main=", "-5", "-1009000", "-1000000000000", "main=0", "4611686018427387905", "-4611686018427387905"} {
		s.Watch = []string{wrong}
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), "NATSGRAM_WATCH") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
