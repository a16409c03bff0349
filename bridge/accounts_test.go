package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/control"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// pair is two daemons on one NATS server.
func pair(t *testing.T, w *town, change ...func(*Settings)) (one, two *daemon) {
	t.Helper()
	shared := cluster(t)
	all := append([]func(*Settings){shared, func(s *Settings) { s.Name = "one" }}, change...)
	one = newDaemon(t, w, all...)
	two = newDaemon(t, w, append(all, func(s *Settings) { s.Name = "two" })...)
	return one, two
}

// verb asks tg.ctl._.accounts.<verb>: the answer, or the error's code and text.
func (d *daemon) verb(verb, body string, into any) (refused string) {
	d.t.Helper()
	reply := d.ask("tg.ctl._.accounts."+verb, body)
	if code := reply.Header.Get("Nats-Service-Error-Code"); code != "" {
		return code + " " + reply.Header.Get("Nats-Service-Error")
	}
	if into != nil {
		if err := json.Unmarshal(reply.Data, into); err != nil {
			d.t.Fatalf("%s: %v %s", verb, err, reply.Data)
		}
	}
	return ""
}

// listed waits until an account of the list is as wanted.
func (d *daemon) listed(name string, want func(Account) bool) Account {
	d.t.Helper()
	ctx := soon(d.t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var all control.List
		if refused := d.verb("list", "", &all); refused != "" {
			d.t.Fatal(refused)
		}
		var found Account
		for _, a := range all.Accounts {
			if a.Account == name {
				found = a
			}
		}
		if want(found) {
			return found
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.t.Fatalf("%s: %+v", name, found)
		}
	}
}

func connected(a Account) bool { return a.State == string(account.Connected) }

// An account is added, signed in, moved and removed while two daemons run, by requests that either of them may answer.
func TestAccountsAtRunTime(t *testing.T) {
	w := newTown(t, oneConnection)
	one, two := pair(t, w)

	var added Account
	if refused := one.verb("add", `{"account":"bob"}`, &added); refused != "" || added.State != string(account.WaitingForLogin) || added.Daemon == "" || added.SignedIn {
		t.Fatalf("%s %+v", refused, added)
	}
	if refused := one.verb("add", `{"account":"bob"}`, nil); !strings.HasPrefix(refused, "409 ") {
		t.Errorf("added twice: %s", refused)
	}
	if code := one.ask("tg.rpc.bob.help.getConfig", "").Header.Get("Nats-Service-Error-Code"); code != "401" {
		t.Errorf("a call before the login: %s", code)
	}

	one.signInBob(w)
	at := one.listed("bob", connected)
	if at.UserID != w.bob.ID() || !at.SignedIn || at.Since.IsZero() || at.Owner == "" {
		t.Errorf("%+v", at)
	}
	for range 4 {
		if code := one.ask("tg.ctl.bob.login.start", `{"phone":"`+w.bob.Phone()+`"}`).Header.Get("Nats-Service-Error-Code"); code != "409" {
			t.Fatalf("a login of who is signed in: %s", code)
		}
	}

	to := map[string]string{"one": "two", "two": "one"}[at.Daemon]
	var m control.Moved
	if refused := one.verb("move", `{"account":"bob","to":"`+to+`"}`, &m); refused != "" || m.Daemon != to || m.FromDaemon != at.Daemon || !connected(m.Account) {
		t.Fatalf("%s %+v", refused, m)
	}
	if refused := two.verb("move", `{"account":"bob"}`, &m); refused != "" || m.Daemon != at.Daemon {
		t.Fatalf("to the one with least to do: %s %+v", refused, m)
	}

	if n := w.DuplicatedKeys(); n != 0 {
		t.Errorf("%d keys were used from two places", n)
	}
	w.alice.Send(w.bob, "kept")
	one.updates("tg.upd.bob.updateNewMessage.>", 1)
	if got := refusedWith(one.ask("tg.ctl.bob.budget.set", `{"name":"alerts","methods":["*"],"calls":5}`)); got != "" {
		t.Fatal(got)
	}
	var gone control.Removed
	if refused := one.verb("remove", `{"account":"bob","logout":true,"purge":true}`, &gone); refused != "" || !gone.LoggedOut || !gone.Purged {
		t.Fatalf("%s %+v", refused, gone)
	}
	one.listed("bob", func(a Account) bool { return a == Account{} })
	if n := one.held("tg.upd.bob.>"); n != 0 {
		t.Errorf("%d updates are left", n)
	}
	kv, err := one.js.KeyValue(soon(t), "TG_LIMITS")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Get(soon(t), "bob.budget.alerts"); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("a budget is left: %v", err)
	}
	if n := w.Executed("auth.logOut"); n != 1 {
		t.Errorf("signed out %d times at Telegram", n)
	}
	for ctx := soon(t); ; { // the other daemon hears of it a moment later
		if refused := one.verb("remove", `{"account":"bob"}`, nil); strings.HasPrefix(refused, "404 ") {
			break
		} else if ctx.Err() != nil {
			t.Fatalf("removed twice: %s", refused)
		}
	}
}

// signInBob signs in over NATS. Every step comes to whichever daemon NATS draws.
func (d *daemon) signInBob(w *town) {
	d.t.Helper()
	for _, step := range [][3]string{
		{"start", `{"phone":"` + w.bob.Phone() + `"}`, "wait_code"}, {"status", ``, "wait_code"}, {"code", `{"code":"1"}`, "400"},
		{"code", `{"code":"CODE"}`, "wait_password"}, {"status", ``, "wait_password"}, {"status", ``, "wait_password"},
		{"password", `{"password":"correct horse"}`, "ready"},
	} {
		reply := d.ask("tg.ctl.bob.login."+step[0], strings.Replace(step[1], "CODE", w.Code(w.bob.Phone()), 1))
		if got := reply.Header.Get("Nats-Service-Error-Code") + string(reply.Data); !strings.Contains(got, step[2]) {
			d.t.Fatalf("%s: %s %v", step[0], got, reply.Header)
		}
	}
	for ctx := soon(d.t); ; time.Sleep(10 * time.Millisecond) { // the login is over a moment after its last answer
		reply := d.ask("tg.ctl.bob.login.status", "")
		if reply.Header.Get("Nats-Service-Error-Code") == "409" {
			return
		}
		if !strings.Contains(string(reply.Data), "ready") || ctx.Err() != nil {
			d.t.Fatalf("after the last step: %s %v", reply.Data, reply.Header)
		}
	}
}

// Without flags an account that is removed stays signed in at Telegram, and its updates stay.
func TestRemoveKeepsWhatItIsNotTold(t *testing.T) {
	w := newTown(t)
	one, two := pair(t, w)
	one.signIn("main", w.dora)
	w.alice.Send(w.dora, "kept")
	one.updates("tg.upd.main.updateNewMessage.>", 1)
	if refused := two.verb("remove", `{"account":"main"}`, nil); refused != "" {
		t.Fatal(refused)
	}
	one.listed("main", func(a Account) bool { return a == Account{} })
	if n := one.held("tg.upd.main.updateNewMessage.>"); n != 1 {
		t.Errorf("%d updates are left of 1", n)
	}
	if n := w.Executed("auth.logOut"); n != 0 {
		t.Error("signed out at Telegram")
	}
	sessions, err := one.js.KeyValue(soon(t), "TG_SESSIONS")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Get(soon(t), "main"); err != jetstream.ErrKeyNotFound { //nolint:errorlint // as it comes
		t.Errorf("the session is still there: %v", err)
	}
	// What was left can be purged later.
	var gone control.Removed
	if refused := one.verb("remove", `{"account":"main","purge":true}`, &gone); refused != "" || !gone.Purged {
		t.Errorf("%s %+v", refused, gone)
	}
	for _, name := range one.keptOf("main") {
		t.Errorf("%s is left", name)
	}
	if refused := two.verb("remove", `{"account":"main","purge":true}`, nil); !strings.HasPrefix(refused, "404 ") {
		t.Errorf("purged twice: %s", refused)
	}
	// The name is free again.
	if refused := one.verb("add", `{"account":"main"}`, nil); refused != "" {
		t.Error(refused)
	}
}

// keptOf are the subjects of streams and buckets that name an account and hold more than that something was deleted, but for the answers of
// its requests, which stay for their day, and leases, which pass away.
func (d *daemon) keptOf(name string) (subjects []string) {
	d.t.Helper()
	lister := d.js.ListStreams(soon(d.t))
	for info := range lister.Info() {
		st, err := d.js.Stream(soon(d.t), info.Config.Name)
		if err != nil {
			d.t.Fatal(err)
		}
		all, err := st.Info(soon(d.t), jetstream.WithSubjectFilter(">"))
		if err != nil {
			d.t.Fatal(err)
		}
		for subject := range all.State.Subjects {
			if !slices.Contains(strings.Split(subject, "."), name) {
				continue
			}
			last, err := st.GetLastMsgForSubject(soon(d.t), subject)
			if err != nil {
				d.t.Fatal(err)
			}
			if len(last.Data) > 0 && info.Config.Name != "KV_TG_ONCE" && info.Config.Name != "KV_TG_LEASES" {
				subjects = append(subjects, subject)
			}
		}
	}
	if err := lister.Err(); err != nil {
		d.t.Fatal(err)
	}
	return subjects
}

// signIn signs an account in, whichever daemon takes it.
func (d *daemon) signIn(name string, who *mttest.Account) {
	d.t.Helper()
	if _, err := Login(soon(d.t), d.s, d.o, SignIn{Account: name, Phone: who.Phone(), Prompt: d.prompt(who)}); err != nil {
		d.t.Fatal(err)
	}
	d.listed(name, connected)
}

// What cannot be says why.
func TestAccountsMistakes(t *testing.T) {
	w := newTown(t)
	one, _ := pair(t, w, func(s *Settings) { s.Capacity = 1 })
	names := one.crowd(2)
	a, b := one.listed(names[0], connected), one.listed(names[1], connected)
	if a.Daemon == b.Daemon {
		t.Fatalf("%+v %+v", a, b)
	}
	var spare Account
	if refused := one.verb("add", `{"account":"spare"}`, &spare); refused != "" || spare.State != control.StateFree || !strings.Contains(spare.Error, "NATSGRAM_CAPACITY") {
		t.Errorf("%s %+v", refused, spare)
	}
	for _, c := range []struct{ verb, body, want string }{
		{"add", `{"account":"Bad Name"}`, "400 account name"},
		{"add", `{}`, "400 account name"},
		{"add", `[]`, "400 the request"},
		{"add", `{"acount":"x"}`, "acount: no such field, did you mean account?"},
		{"add", `{"account":"` + names[0] + `"}`, "409 there is an account"},
		{"move", `{"account":"nobody"}`, "404 there is no account nobody"},
		{"move", `{"account":"spare"}`, "409 nobody runs spare"},
		{"move", `{"account":"` + names[0] + `"}`, "409 no other daemon can take " + names[0] + ": " + b.Daemon + " has no room: it runs 1 accounts of 1"},
		{"move", `{"account":"` + names[0] + `","to":"three"}`, `404 there is no daemon "three": there are `},
		{"move", `{"account":"` + names[0] + `","to":"` + a.Daemon + `"}`, "409 " + names[0] + " is on " + a.Daemon + " already"},
		{"move", `{"account":"` + names[0] + `","to":"` + b.Owner + `"}`, "409 " + b.Daemon + " has no room"},
		{"remove", `{"account":"nobody"}`, "404 there is no account nobody"},
		{"remove", `{"account":"spare","logout":true}`, "409 spare is not connected"},
		{"list", `{"limit":501}`, "400 limit"},
	} {
		if refused := one.verb(c.verb, c.body, nil); !strings.Contains(refused, c.want) {
			t.Errorf("%s %s: %q, want %q", c.verb, c.body, refused, c.want)
		}
	}
	if refused := one.verb("remove", `{"account":"spare"}`, nil); refused != "" {
		t.Errorf("an account that nobody runs: %s", refused)
	}
}

// A long list comes in pages.
func TestAccountsInPages(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	for i := range 5 {
		if refused := d.verb("add", fmt.Sprintf(`{"account":"a%d"}`, i), nil); refused != "" {
			t.Fatal(refused)
		}
	}
	var got []string
	for after := ""; ; {
		var page control.List
		if refused := d.verb("list", `{"limit":2,"after":"`+after+`"}`, &page); refused != "" {
			t.Fatal(refused)
		}
		for _, a := range page.Accounts {
			got = append(got, a.Account)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if strings.Join(got, " ") != "a0 a1 a2 a3 a4" {
		t.Errorf("%v", got)
	}
}
