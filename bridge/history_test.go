package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// fetch asks for history, and gives the job.
func (d *daemon) fetch(body string) history.Job {
	d.t.Helper()
	m := d.ask("tg.ctl.main.history.fetch", body)
	var got history.Fetched
	if err := json.Unmarshal(m.Data, &got); err != nil || got.Job.ID == "" {
		d.t.Fatalf("%s: %v %s", body, m.Header, m.Data)
	}
	return got.Job
}

// job is what is told of a job of history now.
func (d *daemon) historyJob(id string) history.Job {
	d.t.Helper()
	m := d.ask("tg.ctl.main.history.list", fmt.Sprintf(`{"job":%q}`, id))
	var got history.Jobs
	if err := json.Unmarshal(m.Data, &got); err != nil || len(got.Jobs) != 1 {
		d.t.Fatalf("job %s: %v %s", id, m.Header, m.Data)
	}
	return got.Jobs[0]
}

// until waits until a job is as is says.
func (d *daemon) until(id string, is func(history.Job) bool) history.Job {
	d.t.Helper()
	for ctx := soon(d.t); ; time.Sleep(5 * time.Millisecond) {
		j := d.historyJob(id)
		if is(j) {
			return j
		}
		if ctx.Err() != nil {
			d.t.Fatalf("job: %+v", j)
		}
	}
}

func hasEnded(j history.Job) bool { return j.Ended != nil }

// fetched asks for history and waits until the job has ended well.
func (d *daemon) fetched(body string) history.Job {
	d.t.Helper()
	j := d.until(d.fetch(body).ID, hasEnded)
	if j.State != history.Done {
		d.t.Fatalf("%s: %+v", body, j)
	}
	return j
}

// past is what TG_HISTORY holds below a subject: the texts, in order.
func (d *daemon) past(filter string) (texts []string, all []*jetstream.RawStreamMsg) {
	d.t.Helper()
	st, err := d.js.Stream(soon(d.t), "TG_HISTORY")
	if err != nil {
		return nil, nil
	}
	for seq := uint64(1); ; seq++ {
		m, err := st.GetMsg(soon(d.t), seq, jetstream.WithGetMsgSubject(filter))
		if err != nil {
			return texts, all
		}
		seq = m.Sequence
		var body struct {
			Update struct {
				Name    string `json:"_"`
				Message struct {
					Name    string `json:"_"`
					Message string
					Media   *struct{}
				}
			}
		}
		if err := json.Unmarshal(m.Data, &body); err != nil {
			d.t.Fatal(err)
		}
		text := body.Update.Message.Message
		if body.Update.Message.Name != "message" {
			text = body.Update.Message.Name
		}
		texts, all = append(texts, text), append(all, m)
	}
}

func numbered(from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprint("m", i))
	}
	return all
}

// A channel's history comes oldest first, each message once however often it is asked for; what comes later is fetched later.
func TestHistory(t *testing.T) {
	w := newTown(t)
	for i := range 250 {
		w.alice.Send(w.news, fmt.Sprint("m", i))
	}
	d := newDaemon(t, w)
	d.login("main", w.dora)
	channel := fmt.Sprintf("channel.%d", w.news.ID())
	j := d.fetched(fmt.Sprintf(`{"peer":%q,"limit":120}`, channel))
	texts, all := d.past("tg.hist.main." + channel)
	if !slices.Equal(texts, numbered(130, 249)) || j.Done != 120 || j.Stored != 120 || j.Percent != 100 || j.Of != 120 || j.Subject != "tg.hist.main."+channel {
		t.Fatalf("%+v: %v", j, texts)
	}
	h := all[0].Header
	if h.Get("Tg-Type") != "updateNewChannelMessage" || h.Get("Tg-Backfill") != "true" || h.Get("Tg-Msg-Id") != "132" || h.Get("Tg-Box") != channel || h.Get("Tg-Pts") != "" ||
		h.Get("Tg-Date") == "" || h.Get("Tg-User") != fmt.Sprint(w.dora.ID()) || h.Get("Nats-Msg-Id") != fmt.Sprintf("main/%d/history/%s/132", w.dora.ID(), channel) || h.Get("Tg-Delay") != "" {
		t.Errorf("headers: %v", h)
	}
	if !strings.Contains(string(all[0].Data), `"chats":[{"_":"channel"`) {
		t.Errorf("whose it is, is missing: %s", all[0].Data)
	}
	if again := d.fetched(fmt.Sprintf(`{"peer":%q,"limit":120}`, channel)); again.ID == j.ID || again.Done != 120 || again.Stored != 0 {
		t.Errorf("again: %+v", again)
	}
	whole := d.fetched(fmt.Sprintf(`{"peer":%q}`, channel))
	if whole.Done != 251 || whole.Stored != 131 { // and the one that says who made it
		t.Errorf("all: %+v", whole)
	}
	w.alice.Send(w.news, "m250")
	if new := d.fetched(fmt.Sprintf(`{"peer":%q,"limit":10}`, channel)); new.Done != 10 || new.Stored != 1 {
		t.Errorf("one more: %+v", new)
	}
	texts, _ = d.past("tg.hist.main." + channel)
	want := append(append(append(numbered(130, 249), "messageService"), numbered(0, 129)...), "m250")
	if !slices.Equal(texts, want) {
		t.Errorf("got %v", texts)
	}
	st, err := d.js.Stream(soon(t), "TG_UPDATES")
	if err != nil || whole.Through == 0 || whole.Through > st.CachedInfo().State.LastSeq {
		t.Errorf("through %d: %v", whole.Through, err)
	}
}

// The ends of a range are ids or dates, and a chat is written in any way; of a private chat, a basic group, and the account's own notes.
func TestHistoryRanges(t *testing.T) {
	w := newTown(t)
	group := w.AddGroup("Three", w.alice, w.dora, w.bob)
	var dates []int
	for i := range 20 {
		m := w.alice.Send(w.dora, fmt.Sprint("m", i))
		w.alice.Send(group, fmt.Sprint("g", i))
		w.dora.Send(w.dora, fmt.Sprint("n", i))
		dates = append(dates, m.Date)
		w.bob.Send(w.dora, "another's")
	}
	d := newDaemon(t, w)
	d.login("main", w.dora)
	var hers []int
	d.fetched(`{"peer":"@alice"}`)
	texts, all := d.past(fmt.Sprintf("tg.hist.main.user.%d", w.alice.ID()))
	if !slices.Equal(texts, numbered(0, 19)) {
		t.Fatalf("%v", texts)
	}
	for _, m := range all {
		var id int
		_, _ = fmt.Sscan(m.Header.Get("Tg-Msg-Id"), &id)
		hers = append(hers, id)
	}
	for _, c := range []struct {
		body string
		done int
	}{
		{fmt.Sprintf(`{"peer":{"_":"peerUser","user_id":"%d"},"from":%d,"to":%d}`, w.alice.ID(), hers[3], hers[7]), 5},
		{fmt.Sprintf(`{"peer":%d,"from":%d}`, w.alice.ID(), hers[18]), 2},
		{fmt.Sprintf(`{"peer":"t.me/alice","to":%d,"limit":3}`, hers[9]), 3},
		{fmt.Sprintf(`{"peer":"alice","from":"@%d","to":"2037-01-01"}`, dates[0]), 20},
		{`{"peer":"alice","from":"2037-01-01T00:00:00Z"}`, 0},
		{`{"peer":"alice","to":"2001-01-01"}`, 0},
		{fmt.Sprintf(`{"peer":"chat.%d","limit":5}`, group.ID()), 5},
		{`{"peer":"me"}`, 20},
		{`{"peer":"@bob"}`, 20},
	} {
		if j := d.fetched(c.body); j.Done != c.done {
			t.Errorf("%s: %+v", c.body, j)
		}
	}
	if texts, _ := d.past(fmt.Sprintf("tg.hist.main.user.%d", w.dora.ID())); len(texts) != 20 || texts[0] != "n0" {
		t.Errorf("her notes: %v", texts)
	}
	if texts, _ := d.past(fmt.Sprintf("tg.hist.main.chat.%d", group.ID())); len(texts) != 5 || texts[4] != "g19" {
		t.Errorf("the group: %v", texts)
	}
}

// What is refused, and what Telegram refuses.
func TestHistoryRefused(t *testing.T) {
	w := newTown(t)
	closed := w.AddChannel(mttest.ChannelConfig{Title: "Closed", Creator: w.alice, Members: []*mttest.Account{w.dora}})
	w.alice.Send(closed, "m0")
	d := newDaemon(t, w)
	d.login("main", w.dora)
	for _, c := range [][3]string{
		{"fetch", `{}`, "400"}, {"fetch", `{"peer":null}`, "400"}, {"fetch", `{"peer":"@nobody_at_all"}`, "404"}, {"fetch", `{"peer":[]}`, "400"}, {"fetch", `{"peer":"t.me/+hash"}`, "400"},
		{"fetch", `{"peer":"me","limit":0}`, "400"}, {"fetch", `{"peer":"me","limit":-5}`, "400"}, {"fetch", `{"peer":"me","limit":99999999999}`, "400"}, {"fetch", `{"peer":"me","from":0}`, "400"},
		{"fetch", `{"peer":"me","from":"yesterday"}`, "400"}, {"fetch", `{"peer":"me","from":9,"to":3}`, "400"}, {"fetch", `{"peer":"me","from":"2026-02-01","to":"2026-01-01"}`, "400"},
		{"fetch", `{"peer":"me","topic":-1}`, "400"}, {"fetch", `{"peer":"me","count":3}`, "400"}, {"fetch", `{"peer":{"_":"inputPeerEmpty"}}`, "400"}, {"fetch", `[]`, "400"},
		{"fetch", `{"peer":"` + strings.Repeat("x", 5000) + `"}`, "400"},
		{"list", `{"job":"x"}`, "404"}, {"list", `{"all":true}`, "400"}, {"cancel", `{}`, "404"}, {"cancel", `{"job":"x"}`, "404"}, {"cancel", `3`, "400"},
	} {
		m := d.ask("tg.ctl.main.history."+c[0], c[1])
		if h := m.Header; h.Get("Nats-Service-Error-Code") != c[2] || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), "history."+c[0]) {
			t.Errorf("%.80s: %v", c[1], h)
		}
	}
	w.InterceptMethod("messages.getHistory", func(*mttest.Request) mttest.Action { return mttest.Error(400, "CHANNEL_PRIVATE") })
	j := d.until(d.fetch(fmt.Sprintf(`{"peer":"channel.%d"}`, closed.ID())).ID, hasEnded)
	if j.State != history.Failed || j.Code != 400 || !strings.Contains(j.Error, "CHANNEL_PRIVATE") {
		t.Errorf("%+v", j)
	}
}

// A flood wait and what passes by keep a job waiting, and do not end it; one that is cancelled ends. A frozen account fetches nothing.
func TestHistoryWaits(t *testing.T) {
	w := newTown(t)
	for i := range 150 {
		w.alice.Send(w.news, fmt.Sprint("m", i))
	}
	d := newDaemon(t, w)
	d.login("main", w.dora)
	channel := fmt.Sprintf("channel.%d", w.news.ID())
	var asked atomic.Int32
	w.InterceptMethod("messages.getHistory", func(*mttest.Request) mttest.Action {
		switch asked.Add(1) {
		case 2:
			return mttest.Error(420, "FLOOD_WAIT_1")
		case 3:
			return mttest.Error(500, "INTERNAL")
		}
		return mttest.Pass()
	})
	if j := d.fetched(fmt.Sprintf(`{"peer":%q}`, channel)); j.Stored != 151 {
		t.Errorf("%+v", j)
	}
	d.ask("tg.ctl.main.freeze", `{"reason":"holiday"}`)
	j := d.fetch(`{"peer":"@alice"}`)
	if j := d.until(j.ID, func(j history.Job) bool { return j.Reason != "" }); j.State != history.Waiting || !strings.Contains(j.Reason, "frozen") {
		t.Errorf("%+v", j)
	}
	if same := d.fetch(fmt.Sprintf(`{"peer":"user.%d"}`, w.alice.ID())); same.ID != j.ID {
		t.Errorf("the same request is another job: %+v %+v", j, same)
	}
	if m := d.ask("tg.ctl.main.history.cancel", fmt.Sprintf(`{"job":%q}`, j.ID)); !strings.Contains(string(m.Data), j.ID) {
		t.Errorf("%v %s", m.Header, m.Data)
	}
	if j := d.historyJob(j.ID); j.State != history.Cancelled {
		t.Errorf("%+v", j)
	}
	if m := d.ask("tg.ctl.main.history.cancel", fmt.Sprintf(`{"job":%q}`, j.ID)); m.Header.Get("Nats-Service-Error-Code") != "409" {
		t.Errorf("%v", m.Header)
	}
	waits := d.fetch(`{"peer":"@bob"}`)
	d.ask("tg.ctl.main.unfreeze", "")
	if j := d.until(waits.ID, hasEnded); j.State != history.Done {
		t.Errorf("%+v", j)
	}
}

// A thread is fetched alone, and a supergroup says which basic group it was.
func TestHistoryOfThread(t *testing.T) {
	w := newTown(t)
	forum := w.AddChannel(mttest.ChannelConfig{Title: "Forum", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora}})
	root := w.alice.Send(forum, "topic").ID
	for i := range 150 {
		w.alice.Send(forum, "beside")
		w.alice.SendDraft(forum, world.Draft{Text: fmt.Sprint("m", i), ReplyTo: root})
	}
	d := newDaemon(t, w)
	d.login("main", w.dora)
	channel := fmt.Sprintf("channel.%d", forum.ID())
	if j := d.fetched(fmt.Sprintf(`{"peer":%q,"topic":%d,"limit":120}`, channel, root)); j.Stored != 120 || j.Topic != root {
		t.Errorf("%+v", j)
	}
	if texts, _ := d.past("tg.hist.main." + channel); !slices.Equal(texts, numbered(30, 149)) {
		t.Errorf("%v", texts)
	}
	j := d.until(d.fetch(fmt.Sprintf(`{"peer":%q,"topic":99999}`, channel)).ID, hasEnded)
	if j.State != history.Failed || !strings.Contains(j.Error, "MSG_ID_INVALID") {
		t.Errorf("%+v", j)
	}
	w.InterceptMethod("messages.getHistory", func(*mttest.Request) mttest.Action {
		return mttest.Answer(mttest.M{"_": "messages.channelMessages", "pts": 1, "count": 1, "topics": []mttest.M{}, "chats": []mttest.M{}, "users": []mttest.M{}, "messages": []mttest.M{{
			"_": "messageService", "id": 1, "peer_id": mttest.M{"_": "peerChannel", "channel_id": forum.ID()}, "date": 1,
			"action": mttest.M{"_": "messageActionChannelMigrateFrom", "title": "G", "chat_id": 4321},
		}}})
	})
	if j := d.fetched(fmt.Sprintf(`{"peer":%q}`, channel)); j.Former != "chat.4321" || j.Done != 1 {
		t.Errorf("%+v", j)
	}
}

// F13: a login code stays off this stream as well; and somebody who is erased is erased here too, in either encoding.
func TestHistoryWithoutCodesAndTheErased(t *testing.T) {
	for _, encoding := range []string{"json", "msgpack"} {
		t.Run(encoding, func(t *testing.T) {
			w := newTown(t)
			telegram, eve := w.AddUser(mttest.User{First: "Telegram", ID: 777000}), w.AddUser(mttest.User{First: "Eve", Username: "eve_e"})
			group := w.AddChannel(mttest.ChannelConfig{Title: "G", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora, eve}})
			const code, secret = "54321", "what eve said"
			telegram.Send(w.dora, "Login code: "+code)
			for range 5 {
				w.alice.Send(group, "what alice said")
				eve.Send(group, secret)
				eve.Send(w.dora, secret)
			}
			d := newDaemon(t, w, func(s *Settings) { s.Encoding = encoding })
			d.login("main", w.dora)
			for _, peer := range []string{`"user.777000"`, `"@eve_e"`, fmt.Sprintf(`"channel.%d"`, group.ID())} {
				d.fetched(`{"peer":` + peer + `}`)
			}
			st, err := d.js.Stream(soon(t), "TG_HISTORY")
			if err != nil {
				t.Fatal(err)
			}
			m, err := st.GetLastMsgForSubject(soon(t), "tg.hist.main.user.777000")
			if err != nil || strings.Contains(string(m.Data), code) || m.Header.Get("Tg-Redacted") != "service message" {
				t.Errorf("%v %v", err, m)
			}
			if reply := d.ask("tg.ctl.main.erase", fmt.Sprintf(`{"peer":"user.%d"}`, eve.ID())); !strings.Contains(string(reply.Data), `"TG_HISTORY":{"read":17,"erased":10}`) {
				t.Errorf("%v %s", reply.Header, reply.Data)
			}
			info, err := st.Info(soon(t))
			if err != nil || info.State.Msgs != 7 { // the code's, alice's, and who made the group
				t.Errorf("%d messages are left: %v", info.State.Msgs, err)
			}
			if err := d.stop(); err != nil {
				t.Fatal(err)
			}
			if where := inFiles(t, d.s.StateDir, secret); len(where) > 0 {
				t.Errorf("her words are in %q", where)
			}
			if where := inFiles(t, d.s.StateDir, code); len(where) > 0 {
				t.Errorf("the code is in %q", where)
			}
		})
	}
}

// Whoever takes the account over goes on with the job; and an account that is removed for good leaves nothing of its history.
func TestHistoryAtAnotherDaemon(t *testing.T) {
	w := newTown(t)
	for i := range 900 {
		w.alice.Send(w.news, fmt.Sprint("m", i))
	}
	one, two := pair(t, w)
	one.signIn("main", w.dora)
	w.InterceptMethod("messages.getHistory", func(*mttest.Request) mttest.Action { return mttest.Delay(100*time.Millisecond, mttest.Pass()) })
	channel := fmt.Sprintf("channel.%d", w.news.ID())
	j := one.fetch(fmt.Sprintf(`{"peer":%q}`, channel))
	j = one.until(j.ID, func(j history.Job) bool { return j.Done > 200 })
	one.move()
	if end := two.until(j.ID, hasEnded); end.State != history.Done || end.Done != 901 || end.Stored != 901 {
		t.Errorf("%+v", end)
	}
	if texts, _ := two.past("tg.hist.main.>"); !slices.Equal(texts, append([]string{"messageService"}, numbered(0, 899)...)) {
		t.Errorf("%v", texts)
	}
	if refused := two.verb("remove", `{"account":"main","purge":true}`, nil); refused != "" {
		t.Fatal(refused)
	}
	if texts, _ := two.past("tg.hist.main.>"); len(texts) > 0 {
		t.Errorf("%d messages are left", len(texts))
	}
}

// A long history does not hold up calls: they are answered while it comes, and Telegram's answers to them are theirs.
func TestHistoryBesideCalls(t *testing.T) {
	w := newTown(t)
	for i := range 1500 {
		w.alice.Send(w.news, fmt.Sprint("m", i))
	}
	d := newDaemon(t, w, func(s *Settings) { s.Concurrency = 1 })
	d.login("main", w.dora)
	var held atomic.Bool
	held.Store(true)
	w.InterceptMethod("messages.getHistory", func(*mttest.Request) mttest.Action {
		if held.Load() {
			return mttest.Delay(10*time.Millisecond, mttest.Error(500, "SOMETHING_FAILED"))
		}
		return mttest.Pass()
	})
	j := d.fetch(fmt.Sprintf(`{"peer":"channel.%d"}`, w.news.ID()))
	for range 20 {
		if m := d.ask("tg.rpc.main.help.getConfig", "{}"); m.Header.Get("Nats-Service-Error") != "" {
			t.Fatalf("%v", m.Header)
		}
	}
	if now := d.historyJob(j.ID); now.Ended != nil {
		t.Errorf("%+v", now)
	}
	held.Store(false)
	if j = d.until(j.ID, hasEnded); j.State != history.Done || j.Stored != 1501 {
		t.Errorf("%+v", j)
	}
}
