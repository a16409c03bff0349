package bridge

import (
	"strings"
	"testing"
)

// What is written to an account between its sign-in and the first time that a daemon runs it is in the stream, behind the word
// where the stream begins; by either way to sign in.
func TestUpdatesBeginAtTheSignIn(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	d.signInBob(w) // over the bus
	w.alice.Send(w.bob, "after")
	if all := d.updates("tg.upd.bob.>", 2); !strings.Contains(string(all[0].Data()), `"reason":"beginning"`) {
		t.Errorf("%s", all[0].Data())
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := Login(soon(t), d.s, d.o, SignIn{Account: "main", Phone: w.dora.Phone(), Prompt: d.prompt(w.dora)}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} { // nobody runs the account
		w.alice.Send(w.dora, text)
	}
	d.start()
	all := d.updates("tg.upd.main.>", 3)
	for i, want := range []string{`"reason":"beginning"`, `"message":"one"`, `"message":"two"`} {
		if !strings.Contains(string(all[i].Data()), want) {
			t.Errorf("%d: want %s, got %s", i, want, all[i].Data())
		}
	}
	if user := all[1].Headers().Get("Tg-User"); user == "" || user != all[0].Headers().Get("Tg-User") {
		t.Errorf("%q", user)
	}
}
