package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// throng asks n times at once, and gives the answers as they come.
func (d *daemon) throng(n int, subject string, body func(i int) string) <-chan *nats.Msg {
	d.t.Helper()
	answers := make(chan *nats.Msg, n)
	inbox := d.nc.NewInbox()
	sub, err := d.nc.Subscribe(inbox, func(m *nats.Msg) { answers <- m })
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = sub.Unsubscribe() }) // the connection may be closed
	for i := range n {
		if err := d.nc.PublishRequest(subject, inbox, []byte(body(i))); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := d.nc.Flush(); err != nil {
		d.t.Fatal(err)
	}
	return answers
}

// next is the next answer.
func (d *daemon) next(answers <-chan *nats.Msg) *nats.Msg {
	d.t.Helper()
	select {
	case m := <-answers:
		return m
	case <-time.After(30 * time.Second):
		d.t.Fatal("no answer")
		return nil
	}
}

// frozenAndBack freezes the account and lets it write again, as an operator does.
func (d *daemon) frozenAndBack() {
	d.t.Helper()
	for _, verb := range []string{"freeze", "unfreeze", "status", "queue.list", "watch.list", "budget.list"} {
		if got := d.ask("tg.ctl.main."+verb, ""); refusedWith(got) != "" {
			d.t.Errorf("%s: %v", verb, got.Header)
		}
	}
}

// A reader's names that Telegram wants to wait are told so at once, and keep no operator out. As reported: forty of them, and the account could
// not be frozen as long as they went on.
func TestNamesThatWaitKeepNobodyOut(t *testing.T) {
	w, d := newServed(t)
	w.FailNext("contacts.resolveUsername", 100, 420, "FLOOD_WAIT_8")
	answers := d.throng(40, "tg.ctl.main.peers.resolve", func(i int) string { return fmt.Sprintf(`{"peer":"@nobody_%d"}`, i) })
	d.frozenAndBack()
	waits := 0
	for range 40 {
		m := d.next(answers)
		switch got := refusedWith(m); {
		case got == "420 no FLOOD_WAIT_8" && m.Header.Get("Tg-Retry-After") != "":
			waits++
		case got == "503 no" && m.Header.Get("Tg-Retry-After") != "":
		default:
			t.Errorf("%v %s", m.Header, m.Data)
		}
	}
	if waits == 0 {
		t.Error("nobody was told of the flood wait")
	}
}

// So do searches, of which many are under way all the time.
func TestSearchesKeepNobodyOut(t *testing.T) {
	_, d := newServed(t)
	answers := d.throng(64, "tg.ctl.main.peers.search", func(int) string { return `{"text":"zzzz"}` })
	for i := range 200 { // whoever is answered asks again
		if i%20 == 0 {
			d.frozenAndBack()
		}
		m := d.next(answers)
		if got := refusedWith(m); got != "" && got != "503 no" {
			t.Errorf("%v %s", m.Header, m.Data)
		}
		if err := d.nc.PublishRequest("tg.ctl.main.peers.search", m.Subject, []byte(`{"text":"zzzz"}`)); err != nil {
			t.Fatal(err)
		}
	}
}

// Steps of one account's login that wait keep neither other logins out nor what is asked of the daemons.
func TestALoginKeepsNobodyOut(t *testing.T) {
	w := newTown(t)
	held := make(chan struct{})
	w.InterceptMethod("auth.sendCode", func(*mttest.Request) mttest.Action { <-held; return mttest.Pass() })
	d := newDaemon(t, w)
	d.throng(1, "tg.ctl.one.login.start", func(int) string { return `{"phone":"+99966 2 0001"}` })
	answers := d.throng(70, "tg.ctl.one.login.status", func(int) string { return "" })
	for range 50 {
		if got := refusedWith(d.next(answers)); got != "503 no" && got != "409 no" {
			t.Error(got)
		}
	}
	if got := refusedWith(d.ask("tg.ctl.two.login.status", "")); got != "409 no" {
		t.Errorf("another login: %s", got)
	}
	if got := refusedWith(d.ask("tg.ctl._.accounts.list", "")); got != "" {
		t.Errorf("the accounts: %s", got)
	}
	close(held)
}
