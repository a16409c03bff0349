package bridge

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// What was written about somebody before she was erased, and what the server takes in only after the erasure has answered, is in no file of the server:
// dialogs, messages of history, results of jobs and answers to requests.
func TestEraseIsTheLastWord(t *testing.T) {
	w, dir := newTown(t), t.TempDir()
	hold := embeddedtest.Hold(node(t, "", func(o *server.Options) { o.StoreDir, o.SyncInterval = dir, 200*time.Millisecond }))
	eve := w.AddUser(mttest.User{First: "Eve"})
	eve.Send(w.dora, mark+": before anybody kept anything")
	d := newDaemon(t, w, func(s *Settings) { s.URL, s.Secret, s.State = hold.Listen(t), "sixteen characters", []string{"all"} })
	d.login("main", w.dora)
	user := fmt.Sprintf("user.%d", eve.ID())
	d.await("main", "connected")
	x := &marked{daemon: d, eve: eve, dir: dir}
	eve.Send(w.dora, mark+" in confidence")
	x.lies("TG_UPDATES", mark)
	x.lies("TG_STATE", user)

	var mu sync.Mutex
	seen := map[string]int{}
	hold.Back(func(subject string) bool { // what is written again comes
		mu.Lock()
		defer mu.Unlock()
		seen[subject]++
		switch first := seen[subject] == 1; {
		case strings.HasPrefix(subject, "tg.state.main.through."), strings.HasPrefix(subject, "tg.done.main."+user+"."):
			return first
		case strings.HasPrefix(subject, "$KV.TG_ONCE.main."):
			return seen[subject] == 2 // the first is the claim
		}
		return subject == "tg.hist.main."+user // all of a batch
	})
	w.dora.Draft(eve, mark+": a draft")
	x.fine(d.ask("tg.ctl.main.history.fetch", fmt.Sprintf(`{"peer":%q,"limit":3}`, user)).Header.Get("Nats-Service-Error"))
	x.job(user, "messages.sendMessage", fmt.Sprintf(`{"message":"%s, now"}`, mark), "Nats-Msg-Id", "late")
	x.fine(d.ask("tg.rpc.main.messages.sendMessage", fmt.Sprintf(`{"peer":%q,"message":"%s, once"}`, user, mark), "Nats-Msg-Id", "once").Header.Get("Nats-Service-Error"))
	x.until("something of each is held back", func() bool {
		held := strings.Join(hold.Held(), " ")
		for _, of := range []string{"tg.state.", "tg.done.", "tg.hist.", "$KV.TG_ONCE."} {
			if !strings.Contains(held, of) {
				return false
			}
		}
		return true
	})
	w.dora.Draft(eve, "") // or Telegram would tell it again
	x.until("the erasure is done", func() bool {
		reply, err := d.nc.Request("tg.ctl.main.erase", fmt.Appendf(nil, `{"peer":%q}`, user), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return reply.Header.Get("Nats-Service-Error") == ""
	})
	hold.Release(t)
	for _, subject := range fillers { // behind it, in each
		if _, err := d.nc.Request(subject, nil, 10*time.Second); err != nil && err != nats.ErrNoResponders { //nolint:errorlint // as it comes
			t.Fatalf("%s: %v", subject, err)
		}
	}
	x.compacted(mark)
	if reply := d.ask("tg.ctl.main.erase", fmt.Sprintf(`{"peer":%q,"dry_run":true}`, user)); !strings.Contains(string(reply.Data), `"TG_ONCE":{"read":2,"erased":0}`) {
		t.Errorf("%v %s", reply.Header, reply.Data)
	}
	if got := string(x.became("main", user, "late").Data); strings.Contains(got, mark) || !strings.Contains(got, "erased") {
		t.Error(got)
	}
}

// An event that was told of somebody before, and that the stream takes in behind all else of the erasure, goes as well: it comes before the mark.
func TestEraseEventsOnTheirWay(t *testing.T) {
	w := newTown(t)
	eve := w.AddUser(mttest.User{First: "Eve"})
	eve.Send(w.dora, "before anybody kept anything")
	hold := embeddedtest.Hold(node(t, "", func(*server.Options) {}))
	d := newDaemon(t, w, func(s *Settings) { s.URL, s.Secret = hold.Listen(t), "sixteen characters" })
	d.login("main", w.dora)
	x := &marked{daemon: d}
	erased := fmt.Sprintf("tg.evt.main.erased.user.%d", eve.ID())
	hold.Back(func(subject string) bool {
		return subject == "tg.evt.main.history.done" || subject == erased
	})
	request := fmt.Sprintf(`{"peer":"user.%d"}`, eve.ID())
	x.fine(d.ask("tg.ctl.main.history.fetch", request).Header.Get("Nats-Service-Error"))
	x.until("its end is told", func() bool { return len(hold.Held()) == 1 })
	answer := make(chan *nats.Msg, 1)
	go func() {
		reply, _ := d.nc.Request("tg.ctl.main.erase", []byte(request), time.Minute)
		answer <- reply
	}()
	x.until("the mark is told", func() bool { return len(hold.Held()) == 2 })
	hold.Release(t)
	if reply := <-answer; reply == nil || !strings.Contains(string(reply.Data), `"TG_EVENTS":`) {
		t.Fatalf("%v", reply)
	}
	st, err := d.js.Stream(soon(t), "TG_EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := st.GetLastMsgForSubject(soon(t), "tg.evt.main.history.done"); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("%v %+v", err, m)
	}
	if _, err := st.GetLastMsgForSubject(soon(t), erased); err != nil {
		t.Errorf("no mark: %v", err)
	}
}

// until waits until something is so.
func (x *marked) until(what string, is func() bool) {
	x.t.Helper()
	for begun := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > 2*time.Minute {
			x.t.Fatalf("not so: %s", what)
		}
	}
}

// erasing begins an erasure that stands still where it is to go through the dialogs; answered lets it go on and waits for its end.
func (x *marked) erasing(hold *embeddedtest.Holding, user string) (answered func()) {
	x.t.Helper()
	hold.Back(func(subject string) bool {
		return strings.HasPrefix(subject, "$JS.API.CONSUMER.CREATE.TG_STATE.") && strings.HasSuffix(subject, ".tg.state.main.>")
	})
	answer := make(chan *nats.Msg, 1)
	go func() {
		reply, _ := x.nc.Request("tg.ctl.main.erase", fmt.Appendf(nil, `{"peer":%q}`, user), time.Minute)
		answer <- reply
	}()
	x.until("the erasure is at work", func() bool { return len(hold.Held()) > 0 })
	return func() {
		x.t.Helper()
		hold.Release(x.t)
		if reply := <-answer; reply == nil || reply.Header.Get("Nats-Service-Error") != "" {
			x.t.Fatalf("%v", reply)
		}
	}
}

// Who writes again while an erasure is at work has a dialog again: its record is of later, and stays.
func TestEraseOfWhoWritesMeanwhile(t *testing.T) {
	w := newTown(t)
	eve := w.AddUser(mttest.User{First: "Eve"})
	eve.Send(w.dora, "before anybody kept anything")
	hold := embeddedtest.Hold(node(t, "", func(*server.Options) {}))
	d := newDaemon(t, w, func(s *Settings) { s.URL, s.Secret, s.State = hold.Listen(t), "sixteen characters", []string{"all"} })
	d.login("main", w.dora)
	d.await("main", "connected")
	x := &marked{daemon: d}
	user := fmt.Sprintf("user.%d", eve.ID())
	record := func() string {
		st, err := d.js.Stream(soon(t), "TG_STATE")
		if err != nil {
			return ""
		}
		m, err := st.GetLastMsgForSubject(soon(t), "tg.state.main.dialog."+user)
		if err != nil {
			return ""
		}
		return string(m.Data)
	}
	shows := func(message int) func() bool {
		return func() bool { return strings.Contains(record(), fmt.Sprintf(`"top_message":%d,`, message)) }
	}
	eve.Send(w.dora, "as soon as it is kept")
	x.until("she has a record", shows(2))
	answered := x.erasing(hold, user)
	eve.Send(w.dora, "later")
	x.until("she has another one", shows(3))
	answered()
	if !shows(3)() {
		t.Errorf("her record is %q", record())
	}
}

// Who writes while he is being erased stays known, also where Telegram's updates leave out who it is: his message is of later, and stays. The bucket says
// so when the erasure has answered, so that the next owner knows him too.
func TestEraseKeepsWhoIsMetMeanwhile(t *testing.T) {
	for name, short := range map[string]bool{"told whole": false, "told in short": true} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, func(c *mttest.Config) { c.Updates.Short = short })
			eve := w.AddUser(mttest.User{First: "Eve"})
			eve.Send(w.dora, "before anybody kept anything")
			hold := embeddedtest.Hold(node(t, "", func(*server.Options) {}))
			d := newDaemon(t, w, func(s *Settings) { s.URL, s.Secret, s.State = hold.Listen(t), "sixteen characters", []string{"all"} })
			d.login("main", w.dora)
			d.await("main", "connected")
			x := &marked{daemon: d}
			user := fmt.Sprintf("user.%d", eve.ID())
			subject := "tg.upd.main.updateNewMessage." + user
			eve.Send(w.dora, "as soon as it is kept")
			eve.Send(w.dora, "and again")
			d.updates(subject, 2)
			answered := x.erasing(hold, user)
			for i, text := range []string{"later", "and later"} {
				eve.Send(w.dora, text)
				x.until("it is stored", func() bool { return d.held(subject) == 3+i })
			}
			answered()
			kv, err := d.js.KeyValue(soon(t), "TG_PEERS")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := kv.Get(soon(t), "main."+user); err != nil {
				t.Errorf("in the bucket: %v", err)
			}
			if n := d.held(subject); n != 2 {
				t.Errorf("%d of her messages are kept", n)
			}
			if err := d.knows("main", eve.ID(), "Eve"); err != nil {
				t.Error(err)
			}
			if err := d.stop(); err != nil {
				t.Fatal(err)
			}
			d.start()
			d.await("main", account.Connected)
			if err := errors.Join(d.knows("main", eve.ID(), "Eve"), d.writesTo("main", eve.ID())); err != nil {
				t.Errorf("the next owner: %v", err)
			}
		})
	}
}

// A job that was asked for before brings nothing back of who is erased, out of whatever chat: neither what she wrote there nor who she is. What is
// asked for afterwards does.
func TestOlderJobsBringNothingBack(t *testing.T) {
	w := newTown(t)
	eve := w.AddUser(mttest.User{First: "Eve " + mark, Username: mark})
	group := w.AddChannel(mttest.ChannelConfig{Title: "G", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora, eve}})
	eve.Send(group, mark+" in public")
	w.alice.Send(group, "ask @"+mark)
	w.alice.Send(group, "what others say stays")
	d := newDaemon(t, w)
	d.login("main", w.dora)
	d.await("main", "connected")
	x := &marked{daemon: d}
	channel, user := fmt.Sprintf("channel.%d", group.ID()), fmt.Sprintf(`{"peer":"user.%d"}`, eve.ID())
	eve.Send(group, mark+" again, so that it is known who she is")
	d.updates("tg.upd.main.updateNewChannelMessage."+channel, 1)
	held := func() uint64 {
		st, err := d.js.Stream(soon(t), "TG_HISTORY")
		if err != nil {
			t.Fatal(err)
		}
		info, err := st.Info(soon(t), jetstream.WithSubjectFilter("tg.hist.main."+channel))
		if err != nil {
			t.Fatal(err)
		}
		return info.State.Subjects["tg.hist.main."+channel]
	}
	done := func(job string) func() bool {
		return func() bool {
			return strings.Contains(string(d.ask("tg.ctl.main.history.list", job).Data), `"state":"done"`)
		}
	}
	d.ask("tg.ctl.main.freeze", `{}`)
	job := func() string {
		m := d.ask("tg.ctl.main.history.fetch", fmt.Sprintf(`{"peer":%q}`, channel))
		x.fine(m.Header.Get("Nats-Service-Error"))
		_, id, _ := strings.Cut(string(m.Data), `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		return fmt.Sprintf(`{"job":%q}`, id)
	}
	older := job()
	x.fine(d.ask("tg.ctl.main.erase", user).Header.Get("Nats-Service-Error"))
	d.ask("tg.ctl.main.unfreeze", `{}`)
	x.until("the older job is done", done(older))
	all := held()
	if code := d.ask("tg.ctl.main.peers.get", user).Header.Get("Nats-Service-Error-Code"); code != "404" {
		t.Errorf("she is known again: %q", code)
	}
	x.until("the later job is done", done(job()))
	if now := held(); now != all+3 || all < 2 {
		t.Errorf("%d messages of the older job, %d with the later one", all, now)
	}
	if code := d.ask("tg.ctl.main.peers.get", user).Header.Get("Nats-Service-Error-Code"); code != "" {
		t.Errorf("she is not known again: %q", code)
	}
}

// Of somebody who writes again behind an erasure, or when the stream was lost, the stream tells anew who it is, also where Telegram's updates leave that
// out.
func TestWhoWritesAgainIsToldAnew(t *testing.T) {
	w := newTown(t, func(c *mttest.Config) { c.Updates.Short = true })
	eve := w.AddUser(mttest.User{First: "Eve"})
	eve.Send(w.dora, "before anybody kept anything")
	d := newDaemon(t, w)
	d.login("main", w.dora)
	d.await("main", "connected")
	x := &marked{daemon: d}
	subject, peer := fmt.Sprintf("tg.upd.main.updateNewMessage.user.%d", eve.ID()), fmt.Sprintf(`{"peer":"user.%d"}`, eve.ID())
	eve.Send(w.dora, "one")
	eve.Send(w.dora, "two")
	d.updates(subject, 2)
	x.fine(d.ask("tg.ctl.main.erase", peer).Header.Get("Nats-Service-Error"))
	eve.Send(w.dora, "three")
	if m := d.updates(subject, 1)[0]; !strings.Contains(string(m.Data()), `"first_name":"Eve"`) {
		t.Errorf("%s", m.Data())
	}
	x.fine(d.ask("tg.ctl.main.peers.get", peer).Header.Get("Nats-Service-Error"))

	if err := d.js.DeleteStream(soon(t), "TG_UPDATES"); err != nil {
		t.Fatal(err)
	}
	x.until("the loss is told", func() bool {
		st, err := d.js.Stream(soon(t), "TG_EVENTS")
		if err == nil {
			_, err = st.GetLastMsgForSubject(soon(t), "tg.evt.main.storage.lost")
		}
		return err == nil
	})
	eve.Send(w.dora, "four")
	if m := d.updates(subject, 1)[0]; !strings.Contains(string(m.Data()), `"first_name":"Eve"`) {
		t.Errorf("in another stream: %s", m.Data())
	}
}
