package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// job puts one into the queue.
func (d *daemon) job(chat, method, body string, headers ...string) uint64 {
	d.t.Helper()
	return d.jobOf("main", chat, method, body, headers...)
}

func (d *daemon) jobOf(account, chat, method, body string, headers ...string) uint64 {
	d.t.Helper()
	m := nats.NewMsg("tg.queue." + account + "." + chat + "." + method)
	m.Data = []byte(body)
	for i := 0; i < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	ack, err := d.js.PublishMsg(soon(d.t), m)
	if err != nil {
		d.t.Fatal(err)
	}
	return ack.Sequence
}

// became waits for what became of a job.
func (d *daemon) became(account, chat string, id any) *jetstream.RawStreamMsg {
	d.t.Helper()
	ctx := soon(d.t)
	for {
		st, err := d.js.Stream(ctx, "TG_DONE")
		var m *jetstream.RawStreamMsg
		if err == nil {
			m, err = st.GetLastMsgForSubject(ctx, fmt.Sprintf("tg.done.%s.%s.%v", account, chat, id))
		}
		if err == nil {
			return m
		}
		select {
		case <-ctx.Done():
			d.t.Fatalf("job %v of %s: %v", id, chat, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (d *daemon) queued(chat string) *queue.List {
	d.t.Helper()
	l := &queue.List{}
	if err := json.Unmarshal(d.ask("tg.ctl.main.queue.list", `{"chat":"`+chat+`"}`).Data, l); err != nil {
		d.t.Fatal(err)
	}
	return l
}

// meet has the account write to people, so that their ids are known.
func (d *daemon) meet(names ...string) {
	d.t.Helper()
	for _, name := range names {
		if r := d.ask("tg.rpc.main.messages.sendMessage", `{"peer":"`+name+`","message":"hello"}`); r.Header.Get("Nats-Service-Error") != "" {
			d.t.Fatal(r.Header)
		}
	}
}

// Jobs are run as calls are: by the peer that the subject names, in order, and what comes of them says so.
func TestQueue(t *testing.T) {
	w, d := newServed(t)
	d.meet("@alice", "@bob")
	var sent executed
	sent.watch(w, nil)
	alice, news := fmt.Sprint("user.", w.alice.ID()), fmt.Sprint("channel.", w.news.Peer().ID)
	var want []string
	for i := range 20 {
		text := fmt.Sprint("n", i)
		d.job(alice, "messages.sendMessage", `{"message":"`+text+`"}`)
		want = append(want, text)
	}
	m := d.became("main", alice, 20)
	if m.Header.Get("Tg-Job-State") != "done" || !strings.Contains(string(m.Data), `"_":"update`) {
		t.Errorf("%v %s", m.Header, m.Data)
	}
	if got := sent.take(); !slices.Equal(got, want) {
		t.Error(got)
	}
	for _, c := range []struct{ chat, method, body, want string }{
		{alice, "messages.sendMessage", `{"message":"x","peer":"@bob"}`, "403"},
		{alice, "messages.sendMessage", `{"message":"x","peer":"@alice"}`, ""},
		{alice, "messages.sendMessage", `{"massage":"x"}`, "400"},
		{news, "messages.getHistory", `{"offset_id":0,"offset_date":0,"add_offset":0,"limit":1,"max_id":0,"min_id":0,"hash":0}`, ""},
		{news, "messages.getDialogs", `{}`, "403"},
		{news, "auth.logOut", `{}`, "403"},
		{"none.0", "auth.logOut", `{}`, "403"},
		{"none.0", "help.noSuchThing", `{}`, "404"},
		{"none.0", "help.getNearestDc", `{}`, ""},
		{"channel.4711", "messages.sendMessage", `{"message":"x"}`, "400"},
	} {
		m := d.became("main", c.chat, d.job(c.chat, c.method, c.body))
		if got := m.Header.Get("Nats-Service-Error-Code"); got != c.want || c.want != "" && m.Header.Get("Tg-Sent") != "no" {
			t.Errorf("%s %s %s: %s %v %s", c.chat, c.method, c.body, got, m.Header, m.Data)
		}
	}
	if l := d.queued(""); l.Waiting != 0 || len(l.Jobs) != 0 {
		t.Errorf("%+v", l)
	}
}

// A flood wait of an hour: it outlives the daemon, holds up no other chat, and nobody runs into it again.
func TestQueueWaits(t *testing.T) {
	w, d := newServed(t)
	d.meet("@alice", "@bob")
	alice, bob := fmt.Sprint("user.", w.alice.ID()), fmt.Sprint("user.", w.bob.ID())
	var sent executed
	flood := mttest.Error(420, "SLOWMODE_WAIT_3600")
	var held atomic.Bool
	held.Store(true)
	sent.watch(w, func(r *mttest.Request) *mttest.Action {
		if p, _ := r.Args.Object("peer"); held.Load() && p.Int("user_id") == w.alice.ID() {
			return &flood
		}
		return nil
	})
	d.job(alice, "messages.sendMessage", `{"message":"first"}`)
	d.job(alice, "messages.sendMessage", `{"message":"second"}`, "Nats-Msg-Id", "second")
	d.became("main", bob, d.job(bob, "messages.sendMessage", `{"message":"to bob"}`))
	waits := func() bool {
		l := d.queued(alice)
		return len(l.Jobs) == 2 && l.Jobs[0].State == "waiting" && strings.HasPrefix(l.Jobs[0].Error, "SLOWMODE_WAIT") && time.Until(*l.Jobs[0].Until) > 50*time.Minute && l.Jobs[1].State == "behind"
	}
	for ctx := soon(t); !waits(); {
		if ctx.Err() != nil {
			t.Fatalf("%+v", d.queued(alice))
		}
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.await("main", "connected")
	for ctx := soon(t); !waits(); {
		if ctx.Err() != nil {
			t.Fatalf("%+v", d.queued(alice))
		}
	}
	// A person may have it tried, and it waits on: Telegram's wait is on the flood board, and nobody asks before it is over.
	held.Store(false)
	if r := d.ask("tg.ctl.main.queue.retry", `{"job":"1"}`); r.Header.Get("Nats-Service-Error") != "" {
		t.Fatal(r.Header)
	}
	for ctx := soon(t); !waits() || d.queued(alice).Jobs[0].Tries < 2; {
		if ctx.Err() != nil {
			t.Fatalf("%+v", d.queued(alice))
		}
	}
	d.ask("tg.ctl.main.queue.cancel", `{"chat":"`+alice+`","all":true}`)
	if m := d.became("main", alice, "second"); m.Header.Get("Tg-Job-State") != "cancelled" || m.Header.Get("Tg-Sent") != "no" {
		t.Error(m.Header)
	}
	if got := sent.take(); !slices.Equal(got, []string{"to bob"}) {
		t.Error(got)
	}
}

// The account passes from one daemon to another in the midst of its jobs.
func TestQueueHandOver(t *testing.T) {
	w := newTown(t)
	one := newDaemon(t, w, func(s *Settings) { s.Name = "one" })
	one.login("main", w.dora)
	one.meet("@alice")
	newDaemon(t, w, func(s *Settings) {
		s.Name, s.URL, s.Secret, s.StateDir = "two", one.b.ClientURL(), "", one.s.StateDir
	})
	var sent executed
	sent.watch(w, nil)
	alice := fmt.Sprint("user.", w.alice.ID())
	const jobs = 120
	var want []string
	for i := range jobs {
		one.job(alice, "messages.sendMessage", fmt.Sprintf(`{"message":"n%d"}`, i))
		want = append(want, fmt.Sprint("n", i))
	}
	for i := range 3 {
		one.became("main", alice, 20*(i+1))
		if r := one.ask("tg.ctl._.accounts.move", `{"account":"main"}`); r.Header.Get("Nats-Service-Error") != "" {
			t.Fatal(r.Header)
		}
	}
	one.became("main", alice, jobs)
	if got := sent.take(); !slices.Equal(got, want) {
		t.Errorf("%d: %v", len(got), got)
	}
}
