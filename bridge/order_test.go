package bridge

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// executed notes the texts of the messages that Telegram sent or edited, in the order in which it did.
type executed struct {
	mu    sync.Mutex
	texts []string
}

// watch asks about each call what to do with it; nil: nothing, so that it is executed and noted.
func (e *executed) watch(w *town, before func(r *mttest.Request) *mttest.Action) {
	w.Intercept(func(r *mttest.Request) mttest.Action {
		if r.Method != "messages.sendMessage" && r.Method != "messages.editMessage" {
			return mttest.Pass()
		}
		if before != nil {
			if a := before(r); a != nil {
				return *a
			}
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.texts = append(e.texts, r.Args.Str("message"))
		return mttest.Pass()
	})
}

func (e *executed) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.texts
	e.texts = nil
	return all
}

// burst makes requests at once and gives the answers.
func (d *daemon) burst(requests ...*nats.Msg) []*nats.Msg {
	d.t.Helper()
	inbox := d.nc.NewInbox()
	sub, err := d.nc.SubscribeSync(inbox + ".*")
	if err == nil {
		err = d.nc.Flush()
	}
	for i, r := range requests {
		if r.Reply = inbox + "." + strconv.Itoa(i); err == nil {
			err = d.nc.PublishMsg(r)
		}
	}
	if err != nil {
		d.t.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the test ends
	answers := make([]*nats.Msg, len(requests))
	for range requests {
		m, err := sub.NextMsg(30 * time.Second)
		if err != nil {
			d.t.Fatal(err)
		}
		i, _ := strconv.Atoi(m.Subject[len(inbox)+1:])
		answers[i] = m
	}
	return answers
}

func send(peer, text string, headers ...string) *nats.Msg {
	m := nats.NewMsg("tg.rpc.main.messages.sendMessage")
	m.Data = []byte(`{"peer":` + peer + `,"message":"` + text + `"}`)
	for i := 0; i < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	return m
}

// sends are n of them, with the numbers as texts, naming the chat in turn by each of the ways.
func sends(n int, ways ...string) (all []*nats.Msg, texts []string) {
	for i := range n {
		texts = append(texts, strconv.Itoa(i))
		all = append(all, send(ways[i%len(ways)], texts[i]))
	}
	return all, texts
}

func swaps(got, want []string) int { // of one permutation
	n := 0
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			n++
		}
	}
	return n
}

func (d *daemon) mustSucceed(answers []*nats.Msg) {
	d.t.Helper()
	for i, m := range answers {
		if why := m.Header.Get("Nats-Service-Error"); why != "" {
			d.t.Errorf("%d: %s", i, why)
		}
	}
}

// Design §11: what NATS delivers for one chat is executed in that order, however the chat is named.
func TestOrder(t *testing.T) {
	w, d, e := newWatched(t)
	rounds := 50
	if testing.Short() {
		rounds = 10
	}
	alice := fmt.Sprintf(`"user.%d"`, w.alice.ID())
	d.mustSucceed(d.burst(send(`"@alice"`, "first"))) // so that her id is known
	for name, ways := range map[string][]string{
		"an object":  {d.peer(w.alice)},
		"a name":     {`"@alice"`},
		"an id":      {alice},
		"every way":  {`"@alice"`, d.peer(w.alice), `"t.me/Alice"`, fmt.Sprint(w.alice.ID()), alice, `"https://t.me/alice"`},
		"themselves": {`"me"`, `{"_":"inputPeerSelf"}`, fmt.Sprintf(`"user.%d"`, w.dora.ID()), `"@dora"`},
	} {
		for _, way := range ways { // so that names are known
			d.mustSucceed(d.burst(send(way, "first")))
		}
		e.take()
		wrong := 0
		for range rounds {
			all, want := sends(40, ways...)
			d.mustSucceed(d.burst(all...))
			wrong += swaps(e.take(), want)
		}
		if wrong > 0 {
			t.Errorf("%s: %d out of place in %d rounds", name, wrong, rounds)
		}
	}
}

// One name that nobody has asked for yet is asked for once, and its calls keep their order; others do not wait.
func TestOrderOfUnknownNames(t *testing.T) {
	w := newTown(t)
	slow := w.AddUser(mttest.User{First: "Slow", Username: "slow_name"})
	d := newDaemon(t, w)
	d.login("main", w.dora)
	var e executed
	e.watch(w, nil)
	lookedUp := make(chan struct{})
	w.InterceptMethod("contacts.resolveUsername", func(r *mttest.Request) mttest.Action {
		if r.Args.Str("username") == "slow_name" {
			close(lookedUp)
			return mttest.Delay(2*time.Second, mttest.Pass())
		}
		return mttest.Pass()
	})
	all, want := sends(20, `"@slow_name"`, `"t.me/slow_name"`)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.mustSucceed(d.burst(all...))
	}()
	<-lookedUp
	d.mustSucceed(d.burst(send(d.peer(w.bob), "bob"), send(`"@alice"`, "alice"), send(d.peer(w.bob), "bob again")))
	if got := e.take(); len(got) != 3 || swaps(slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s == "alice" }), []string{"bob", "bob again"}) > 0 {
		t.Errorf("while a name was looked up were sent: %v", got)
	}
	<-ended
	if got := e.take(); swaps(got, want) > 0 || w.Executed("contacts.resolveUsername") != 2 {
		t.Errorf("sent %v to %d, %d questions", got, slow.ID(), w.Executed("contacts.resolveUsername"))
	}
	answers := d.burst(send(`"@nobody_there"`, "x"), send(`"@nobody_there"`, "y"))
	for _, m := range answers {
		if m.Header.Get("Nats-Service-Error-Code") != "400" || m.Header.Get("Tg-Sent") != "no" {
			t.Errorf("%v", m.Header)
		}
	}
}

// A flood wait of one call holds up those behind it to the same chat, and nobody else.
func TestOrderThroughAFloodWait(t *testing.T) {
	w, d := newServed(t)
	var e executed
	flooded := false
	e.watch(w, func(r *mttest.Request) *mttest.Action {
		if r.Args.Str("message") != "15" || flooded {
			return nil
		}
		flooded = true
		a := mttest.Error(420, "FLOOD_WAIT_2")
		return &a
	})
	all, want := sends(40, d.peer(w.alice))
	for i := range 10 { // in between, to somebody else
		all = slices.Insert(all, 10+3*i, send(`"me"`, "me"))
	}
	began := time.Now()
	answers := d.burst(all...)
	d.mustSucceed(answers)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
	got := e.take()
	if mine := slices.IndexFunc(got, func(s string) bool { return s == "15" }); mine < 25 {
		t.Errorf("others waited: %v", got)
	}
	if got = slices.DeleteFunc(got, func(s string) bool { return s == "me" }); swaps(got, want) > 0 {
		t.Errorf("executed: %v", got)
	}
	waits := 0
	for _, m := range answers {
		if m.Header.Get("Tg-Waited") != "" {
			waits++
		}
	}
	if waits < 25 || waits > 35 {
		t.Errorf("%d answers tell of a wait", waits)
	}
}

// A line that breaks in the middle changes nothing in the order.
func TestOrderThroughCuts(t *testing.T) {
	w, d := newServed(t)
	var e executed
	e.watch(w, func(r *mttest.Request) *mttest.Action {
		if r.Args.Str("message") == "17" {
			w.Cut()
		}
		return nil
	})
	for range 5 {
		all, want := sends(40, d.peer(w.alice))
		d.mustSucceed(d.burst(all...))
		if got := unique(e.take()); swaps(got, want) > 0 {
			t.Errorf("executed: %v", got)
		}
	}
}

// unique leaves the first of several.
func unique(all []string) (first []string) {
	for _, s := range all {
		if !slices.Contains(first, s) {
			first = append(first, s)
		}
	}
	return first
}

// texts are twenty of a round.
func texts(round int) (all []string) {
	for i := range 20 {
		all = append(all, fmt.Sprint(round, ".", i))
	}
	return all
}

// newWatched is newServed with an eye on what Telegram executes.
func newWatched(t *testing.T) (*town, *daemon, *executed) {
	t.Helper()
	w, d := newServed(t)
	e := &executed{}
	e.watch(w, nil)
	return w, d, e
}

// The last edit that was published is the last that stands.
func TestOrderOfEdits(t *testing.T) {
	w, d, e := newWatched(t)
	m := w.dora.Send(w.alice, "0")
	for round := range 10 {
		var all []*nats.Msg
		want := texts(round)
		for i, text := range want {
			r := nats.NewMsg("tg.rpc.main.messages.editMessage")
			r.Data = fmt.Appendf(nil, `{"peer":%s,"id":%d,"message":"%s"}`, d.peer(w.alice), m.ID, text)
			if i%5 == 4 {
				r = send(d.peer(w.alice), text)
			}
			all = append(all, r)
		}
		d.mustSucceed(d.burst(all...))
		if got := e.take(); swaps(got, want) > 0 {
			t.Errorf("executed: %v", got)
		}
	}
}

// Requests with ids keep their order too, and one that comes twice at once is executed once, and holds nobody up.
func TestOrderWithIDs(t *testing.T) {
	w, d, e := newWatched(t)
	for round := range 10 {
		var all []*nats.Msg
		want := texts(round)
		for i, text := range want {
			for range 1 + i%3 {
				all = append(all, send(d.peer(w.alice), text, "Nats-Msg-Id", text))
			}
		}
		d.mustSucceed(d.burst(all...))
		if got := e.take(); swaps(got, want) > 0 || len(got) != len(want) {
			t.Errorf("executed: %v", got)
		}
	}
}

// Whoever steps out of the order does not wait for it.
func TestOrderFree(t *testing.T) {
	w, d := newServed(t)
	var e executed
	var once sync.Once
	e.watch(w, func(r *mttest.Request) (a *mttest.Action) {
		if r.Args.Str("message") == "slow" {
			once.Do(func() { d := mttest.Delay(time.Second, mttest.Pass()); a = &d })
		}
		return a
	})
	d.mustSucceed(d.burst(send(d.peer(w.alice), "slow"), send(d.peer(w.alice), "behind"), send(d.peer(w.alice), "free", "Tg-Order", "free")))
	if got := e.take(); swaps(got, []string{"free", "behind"}) > 0 {
		t.Errorf("executed: %v", got)
	}
	if h := d.ask("tg.rpc.main.messages.sendMessage", `{}`, "Tg-Order", "strict").Header; h.Get("Nats-Service-Error-Code") != "400" {
		t.Error(h)
	}
}

// A hand-over changes nothing in the order, although for a moment NATS gives requests to either daemon.
func TestOrderThroughAHandOver(t *testing.T) {
	w, one, two := newPair(t)
	var e executed
	e.watch(w, nil)
	inbox := two.nc.NewInbox()
	answers, err := two.nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	stopped := make(chan error, 1)
	var want []string
	publish := func() {
		m := send(one.peer(w.alice), strconv.Itoa(len(want)))
		m.Reply = inbox
		want = append(want, strconv.Itoa(len(want)))
		if err := two.nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	for range 40 {
		publish()
	}
	go func() { stopped <- one.stop() }()
	for done := false; !done; {
		select {
		case <-pace.C:
			publish()
		case err := <-stopped:
			if done = true; err != nil {
				t.Error(err)
			}
		}
	}
	for range 40 {
		publish()
	}
	for range want {
		m, err := answers.NextMsg(20 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if why := m.Header.Get("Nats-Service-Error"); why != "" {
			t.Error(why)
		}
	}
	if got := e.take(); swaps(got, want) > 0 {
		t.Errorf("%d requests, executed: %v", len(want), got)
	}
}

// Who sits out a flood wait takes nothing from anybody: not from other methods, nor from other chats.
func TestFloodWaitsHoldNobodyElse(t *testing.T) {
	w, d := newServed(t, func(s *Settings) { s.Queue, s.Timeout = 40_000, 30*time.Second })
	flooded := time.Now().Add(5 * time.Second)
	w.InterceptMethod("users.getFullUser", func(*mttest.Request) mttest.Action {
		if left := time.Until(flooded); left > 0 {
			return mttest.Error(420, fmt.Sprint("FLOOD_WAIT_", int(left.Seconds())+1))
		}
		return mttest.Pass()
	})
	const n = 10_000
	inbox := d.nc.NewInbox()
	answers, err := d.nc.SubscribeSync(inbox)
	for range n {
		if err == nil {
			err = d.nc.PublishRequest("tg.rpc.main.users.getFullUser", inbox, []byte(`{"id":{"_":"inputUserSelf"}}`))
		}
	}
	if err == nil {
		err = d.nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	d.mustSucceed(d.burst(send(d.peer(w.alice), "one"), send(`"@bob"`, "two"), send(`"me"`, "three")))
	if got, _, _ := answers.Pending(); got != 0 || time.Now().After(flooded) {
		t.Errorf("%d of those who wait were answered before", got)
	}
	for range n {
		m, err := answers.NextMsg(30 * time.Second)
		if err != nil || m.Header.Get("Nats-Service-Error") != "" || m.Header.Get("Tg-Waited") == "" {
			t.Fatalf("%+v %v", m, err)
		}
	}
}
