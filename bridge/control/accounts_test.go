package control

import (
	"errors"
	"strings"
	"testing"
)

func TestNoLease(t *testing.T) {
	for want, err := range map[string]error{
		"no account can be run from here: this daemon has no lease: no responders":               errors.New("no responders"),
		"no account can be run from here: this daemon has no lease: it is only just being taken": nil,
	} {
		if got := noLease(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShort(t *testing.T) {
	if short(strings.Repeat("ü", 200)) != strings.Repeat("ü", 100) {
		t.Error("a reason is cut within a letter")
	}
}
