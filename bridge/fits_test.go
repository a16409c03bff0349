package bridge

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/vault"
)

// Design §6: a daemon with another secret neither begins, and so takes no account from one that can run it, nor has a person
// spend a login code on a session that it could not store.
func TestAnotherSecretIsTurnedAway(t *testing.T) {
	srv := embeddedtest.Start(t)
	w, d := newServed(t, func(s *Settings) { s.URL, s.Secret = srv.ClientURL(), "sixteen characters" })
	other := d.s
	other.Secret = "another sixteen characters"
	b, err := New(other, d.o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.Run(ctx); !errors.Is(err, vault.ErrSealed) || !strings.Contains(err.Error(), "NATSGRAM_SECRET") {
		t.Errorf("a daemon with another secret: %v", err)
	}
	codes := w.Executed("auth.sendCode")
	_, err = Login(ctx, other, d.o, SignIn{Account: "main", Phone: w.dora.Phone(), Prompt: d.prompt(w.dora)})
	if !errors.Is(err, vault.ErrSealed) || !strings.Contains(err.Error(), "accounts remove main") || w.Executed("auth.sendCode") != codes {
		t.Errorf("a login with another secret: %v, %d codes", err, w.Executed("auth.sendCode")-codes)
	}
	none := d.s
	none.APIID = 0
	if b, err = New(none, d.o); err != nil {
		t.Fatal(err)
	}
	if err := b.Run(ctx); !errors.Is(err, settings.ErrNoAPI) {
		t.Errorf("a daemon without api_id: %v", err)
	}
	other.Accounts = []string{"else"} // accounts of its own beside the others': those are not its business
	if b, err = New(other, d.o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	select {
	case <-b.Ready():
	case err := <-ended:
		t.Fatalf("a daemon with accounts of its own: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Two daemons that each made a key of their own, before there was a session to see it by: the one that cannot open the first
// sessions ends when it comes upon one, and the other keeps the accounts.
func TestAnotherSecretIsFoundOutLater(t *testing.T) {
	srv := embeddedtest.Start(t)
	w := newTown(t)
	d := newDaemon(t, w, func(s *Settings) { s.URL, s.StateDir = srv.ClientURL(), t.TempDir() })
	other := d.s
	other.StateDir = t.TempDir()
	b, err := New(other, d.o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Run(soon(t)) }()
	<-b.Ready()
	d.login("bob", w.bob)
	d.login("main", w.dora) // one of the two accounts is the other's to take
	d.login("alice", w.alice)
	if err := <-ended; !errors.Is(err, vault.ErrSealed) {
		t.Errorf("ended with %v", err)
	}
	for _, name := range []string{"bob", "main", "alice"} {
		if err := d.b.WaitServing(soon(t), name); err != nil {
			t.Error(err)
		}
	}
}
