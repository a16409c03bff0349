package bridge

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// refusedWith is code, Tg-Sent and Telegram's text of an answer; empty: it is a good one.
func refusedWith(m *nats.Msg) string {
	h := m.Header
	if h.Get("Nats-Service-Error-Code") == "" {
		return ""
	}
	return strings.TrimSpace(h.Get("Nats-Service-Error-Code") + " " + h.Get("Tg-Sent") + " " + h.Get("Tg-Error"))
}

func (d *daemon) send(text string, headers ...string) *nats.Msg {
	d.t.Helper()
	return d.ask("tg.rpc.main.messages.sendMessage", `{"peer":`+d.peer(d.w.alice)+`,"message":"`+text+`"}`, headers...)
}

// sentMessage is the id of the message that an answer tells of.
func sentMessage(t *testing.T, m *nats.Msg) int {
	t.Helper()
	var u struct {
		ID      int // of an updateShortSentMessage
		Updates []struct {
			Kind string `json:"_"`
			ID   int
		}
	}
	if err := json.Unmarshal(m.Data, &u); err != nil || refusedWith(m) != "" {
		t.Fatalf("%v %s", m.Header, m.Data)
	}
	for _, x := range u.Updates {
		if x.Kind == "updateMessageID" {
			return x.ID
		}
	}
	return u.ID
}

// move hands main over to the other daemon.
func (d *daemon) move() {
	d.t.Helper()
	if refused := d.verb("move", `{"account":"main"}`, nil); refused != "" {
		d.t.Fatal(refused)
	}
	d.listed("main", connected)
}

func TestOnceAtAnotherDaemon(t *testing.T) {
	w := newTown(t, oneConnection)
	one, two := pair(t, w)
	one.signIn("main", w.dora)
	first := one.send("x", "Nats-Msg-Id", "1")
	id := sentMessage(t, first)
	one.move()
	if again := two.send("x", "Nats-Msg-Id", "1"); string(again.Data) != string(first.Data) || again.Header.Get("Tg-Replayed") == "" {
		t.Errorf("%v %s", again.Header, again.Data)
	}
	if got := refusedWith(two.send("y", "Nats-Msg-Id", "1")); got != "409 no" {
		t.Error(got)
	}
	if n := w.Executed("messages.sendMessage"); n != 1 || id == 0 {
		t.Errorf("sent %d times, message %d", n, id)
	}

	// Telegram executes a call when its caller has given up, and the daemon is another one when he asks again.
	remove := w.InterceptMethod("messages.sendMessage", func(*mttest.Request) mttest.Action {
		return mttest.Delay(time.Second, mttest.Pass())
	})
	if got := refusedWith(one.send("late", "Nats-Msg-Id", "2", "Tg-Timeout", "300ms")); !strings.HasPrefix(got, "504 ") {
		t.Error(got)
	}
	remove()
	for limit := time.After(20 * time.Second); w.Distinct("messages.sendMessage") < 2; {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-limit:
			t.Fatal("it was never sent")
		}
	}
	one.move()
	found := one.send("late", "Nats-Msg-Id", "2")
	if got := sentMessage(t, found); got <= id || found.Header.Get("Tg-Redacted") != "found in the chat" || found.Header.Get("Tg-Replayed") == "" {
		t.Errorf("message %d: %v", got, found.Header)
	}
	if again := two.send("late", "Nats-Msg-Id", "2"); string(again.Data) != string(found.Data) {
		t.Errorf("%v %s", again.Header, again.Data)
	}
	one.updates("tg.upd.main.updateNewMessage.>", 2)
	if n := one.held("tg.upd.main.updateNewMessage.>"); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// The flood board: the next owner does not run into the flood wait of the one before.
func TestNextOwnerKnowsFloodWaits(t *testing.T) {
	w := newTown(t, oneConnection)
	one, two := pair(t, w)
	one.signIn("main", w.dora)
	seen, err := one.nc.SubscribeSync("$KV.TG_FLOOD.main.>")
	if err == nil {
		err = one.nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.FailNext("messages.sendMessage", 1, 420, "FLOOD_WAIT_3600")
	if got := refusedWith(one.send("x")); !strings.HasPrefix(got, "420") {
		t.Fatal(got)
	}
	want := fmt.Sprintf("$KV.TG_FLOOD.main.messages.sendMessage.user.%d", w.alice.ID())
	if m, err := seen.NextMsgWithContext(soon(t)); err != nil || m.Subject != want {
		t.Errorf("%v %v", m, err)
	}
	one.move()
	if got := refusedWith(two.send("x")); !strings.HasPrefix(got, "420 no FLOOD_WAIT_") {
		t.Error(got)
	}
	if n := w.Executed("messages.sendMessage"); n != 0 {
		t.Errorf("executed %d times", n)
	}
	st := two.status("main")
	if len(st.FloodWaits) != 1 || st.FloodWaits[0].Method != "messages.sendMessage" || time.Until(st.FloodWaits[0].Until) < 50*time.Minute {
		t.Errorf("%+v", st.FloodWaits)
	}
}

// A frozen account writes nothing, at no daemon, under load, through hand-overs and restarts, from the answer on.
func TestFreezeAccount(t *testing.T) {
	w := newTown(t, oneConnection)
	one, two := pair(t, w)
	one.signIn("main", w.dora)
	events, err := two.nc.SubscribeSync("tg.evt.main.writes.*")
	if err == nil {
		err = two.nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var work sync.WaitGroup
	for i := range 4 {
		work.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					m := &nats.Msg{Subject: "tg.rpc.main.messages.sendMessage", Data: []byte(`{"peer":` + one.peer(w.alice) + `,"message":"x"}`)}
					_, _ = one.nc.RequestMsg(m, 10*time.Second)
					if n == 20 && i == 0 {
						_ = one.verb("move", `{"account":"main"}`, nil)
					}
				}
			}
		})
	}
	for w.Executed("messages.sendMessage") < 100 {
		time.Sleep(time.Millisecond)
	}
	for limit := soon(t); ; {
		got := refusedWith(one.ask("tg.ctl.main.freeze", `{"reason":"hacked"}`))
		if got == "" {
			break
		}
		if !strings.HasPrefix(got, "503") || limit.Err() != nil { // it is passing to the other daemon
			t.Fatal(got)
		}
	}
	sent := w.Executed("messages.sendMessage")
	chat := fmt.Sprint("user.", w.alice.ID())
	job := one.job(chat, "messages.sendMessage", `{"message":"a job"}`)
	refused := func(d *daemon) {
		t.Helper()
		if got := refusedWith(d.send("x")); got != "423 no" {
			t.Errorf("%q", got)
		}
		if got := refusedWith(d.ask("tg.rpc.main.help.getNearestDc", "")); got != "" {
			t.Errorf("reading: %q", got)
		}
	}
	refused(one)
	close(stop)
	work.Wait()
	one.move()
	refused(two)
	if st := two.status("main"); st.Frozen == nil || st.Frozen.Reason != "hacked" {
		t.Errorf("%+v", st)
	}
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	two.listed("main", connected)
	refused(two)
	until(t, "jobs wait, and none fails", func() error {
		if l := two.queued(""); l.Held == "" {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	if st := two.status("main"); st.Jobs == nil || st.Jobs.Chats != 1 || st.Jobs.Held == "" {
		t.Errorf("%+v", st.Jobs)
	}
	if n := w.Executed("messages.sendMessage"); n != sent {
		t.Errorf("%d messages after the answer", n-sent)
	}
	if got := refusedWith(two.ask("tg.ctl.main.unfreeze", "")); got != "" {
		t.Error(got)
	}
	if got := refusedWith(two.send("x")); got != "" {
		t.Error(got)
	}
	if m := two.became("main", chat, job); m.Header.Get("Tg-Job-State") != "done" {
		t.Error(m.Header)
	}
	if m, err := events.NextMsg(10 * time.Second); err != nil || m.Subject != "tg.evt.main.writes.frozen" || !strings.Contains(string(m.Data), "hacked") {
		t.Errorf("%v %v", m, err)
	}
}

func TestAccountBudgets(t *testing.T) {
	w := newTown(t, oneConnection)
	one, two := pair(t, w, func(s *Settings) { s.Budgets = []string{"messages.getDialogs=0"} })
	one.signIn("main", w.dora)
	if got := refusedWith(one.ask("tg.ctl.main.budget.set", `{"name":"sends","methods":["messages.sendMessage"],"calls":2}`)); got != "" {
		t.Fatal(got)
	}
	if got := refusedWith(one.send("x")); got != "" {
		t.Error(got)
	}
	one.move()
	for _, want := range []string{"", "429 no"} {
		m := two.send("x")
		if got := refusedWith(m); got != want || want != "" && m.Header.Get("Tg-Retry-After") == "" {
			t.Errorf("%q, want %q: %v", got, want, m.Header)
		}
	}
	if got := refusedWith(two.ask("tg.ro.main.messages.getDialogs", `{"offset_date":0,"offset_id":0,"offset_peer":{"_":"inputPeerEmpty"},"limit":1,"hash":"0"}`)); got != "429 no" {
		t.Errorf("a budget of the settings: %q", got)
	}
	paid := two.ask("tg.rpc.main.messages.sendMessage", `{"peer":`+two.peer(w.alice)+`,"message":"x","allow_paid_stars":"1"}`)
	if got := refusedWith(paid); got != "403 no" && got != "429 no" {
		t.Errorf("Stars without a budget: %q", got)
	}
	var list struct {
		Budgets []struct {
			Name string
			Used map[string]struct{ Calls int }
		}
	}
	if err := json.Unmarshal(two.ask("tg.ctl.main.budget.list", "").Data, &list); err != nil || len(list.Budgets) != 2 || list.Budgets[0].Name != "sends" || list.Budgets[0].Used[""].Calls != 2 {
		t.Errorf("%+v %v", list, err)
	}
	for verb, body := range map[string]string{"set": `{"name":"a","method":["x"]}`, "remove": `{"name":"none"}`, "list": `{"x":1}`} {
		if got := refusedWith(two.ask("tg.ctl.main.budget."+verb, body)); got != "400 no" && got != "404 no" {
			t.Errorf("%s: %q", verb, got)
		}
	}
	if got := refusedWith(two.ask("tg.ctl.main.budget.remove", `{"name":"sends"}`)); got != "" {
		t.Error(got)
	}
	if got := refusedWith(two.send("x")); got != "" {
		t.Error(got)
	}
}
