package control

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/chats"
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

// What is wrong with the dialogs is told beside the state, once it has lasted.
func TestWrongWithDialogs(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	told := func(state account.Phase, d *chats.Figures) string {
		return wrongWith(account.Status{State: state, UpdatesStatus: account.UpdatesStatus{Dialogs: d}}, now)
	}
	refused := func(since time.Duration) *chats.Figures {
		return &chats.Figures{Error: "messages.getDialogs: 400 FOLDER_ID_INVALID", Since: now.Add(-since)}
	}
	for _, c := range []struct{ got, want string }{
		{told(account.Connected, nil), ""}, {told(account.Connected, &chats.Figures{}), ""}, {told(account.Connected, refused(10*time.Second)), ""},
		{told(account.Connected, refused(2*time.Minute)), "dialogs, since 03:02:05: messages.getDialogs: 400 FOLDER_ID_INVALID"},
		{told(account.SignedOut, refused(2*time.Minute)), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
