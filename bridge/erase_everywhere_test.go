package bridge

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/subjects"
)

// mark is in all that is kept of somebody: in her names, in what she wrote, and in what was written to her and of her.
const mark = "zyxmark"

// marked is a town with somebody of whom something is kept in every stream and bucket that can hold a text.
type marked struct {
	*daemon
	eve   *mttest.Account
	group *mttest.Channel
	dir   string // the server's
}

// plain are the streams whose files hold texts as they are; those of TG_ONCE are sealed.
var plain = []string{
	"TG_UPDATES", "TG_UPDATES_main", "TG_EVENTS", "TG_QUEUE", "TG_DONE", "TG_STATE", "TG_HISTORY", "KV_TG_JOBS", "KV_TG_PEERS", "KV_TG_TRANSFERS", "OBJ_TG_FILES",
}

func newMarked(t *testing.T) *marked {
	t.Helper()
	w, dir := newTown(t), t.TempDir()
	srv := node(t, "", func(o *server.Options) { o.StoreDir, o.SyncInterval = dir, 200*time.Millisecond })
	eve := w.AddUser(mttest.User{First: "Eve " + mark, Username: mark + "_old"})
	group := w.AddChannel(mttest.ChannelConfig{Title: "G", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora, eve}})
	file := func(name, text string, n int) world.Draft {
		return world.Draft{Text: "look", Media: w.World().AddFile(world.File{DC: 2, Name: name, MimeType: "application/x-a", Data: []byte(strings.Repeat(text+" ", n))})}
	}
	shared := file("a.bin", mark, 40_000)
	eve.SendDraft(w.dora, shared)
	w.alice.SendDraft(w.dora, shared)
	eve.SendDraft(w.dora, file("b.bin", mark, 400_000))
	const hers, alices, large = 1, 2, 3 // dora's first messages
	eve.Send(w.dora, mark+": before anybody kept anything")
	w.alice.Send(w.dora, "others wrote before")
	x := &marked{newDaemon(t, w, func(s *Settings) { s.URL, s.Secret, s.State = srv.ClientURL(), "sixteen characters", []string{"all"} }), eve, group, dir}
	x.login("main", w.dora)
	if _, err := storage.AddOwn(soon(t), x.js, subjects.Scheme{}, "main", storage.OwnLimits{}); err != nil {
		t.Fatal(err)
	}
	user, alice := fmt.Sprintf("user.%d", eve.ID()), fmt.Sprintf("user.%d", w.alice.ID())

	// TG_UPDATES: what she says, and what others say of her by a name that she had.
	eve.Send(w.dora, mark+" in confidence")
	eve.Send(group, mark+" in public")
	x.updates(fmt.Sprintf("tg.upd.main.updateNewChannelMessage.channel.%d", group.ID()), 1)
	eve.SetUsername(mark + "_new")
	w.alice.Send(group, "ask @"+mark+"_old about it")
	w.alice.Send(group, "what others say stays")
	x.updates(fmt.Sprintf("tg.upd.main.updateNewChannelMessage.channel.%d", group.ID()), 3)
	// TG_STATE, TG_ONCE
	w.dora.Draft(eve, mark+": a draft")
	x.fine(x.ask("tg.rpc.main.messages.sendMessage", fmt.Sprintf(`{"peer":%q,"message":"%s, once"}`, user, mark), "Nats-Msg-Id", "once").Header.Get("Nats-Service-Error"))
	// TG_HISTORY
	x.fine(x.ask("tg.ctl.main.history.fetch", fmt.Sprintf(`{"peer":%q,"limit":3}`, user)).Header.Get("Nats-Service-Error"))
	// TG_FILES: out of messages that are in no stream, one by a name that the caller chose, so that the event has it; TG_TRANSFERS: one that is on its way.
	_, m := x.store(fmt.Sprintf(`{"message":{"peer":%q,"id":%d},"to":"object"}`, alice, alices)) // which she has sent as well
	x.fine(m.Header.Get("Nats-Service-Error"))
	_, m = x.store(fmt.Sprintf(`{"message":{"peer":%q,"id":%d},"to":"object"}`, user, hers))
	x.fine(m.Header.Get("Nats-Service-Error"))
	_, m = x.store(fmt.Sprintf(`{"message":{"peer":%q,"id":%d},"to":"object:TG_FILES/%s-chosen.bin","limit":1000,"job":true}`, user, hers, mark))
	x.fine(m.Header.Get("Nats-Service-Error"))
	x.lies("TG_EVENTS", mark)
	parts := 0
	w.InterceptMethod("upload.getFile", func(*mttest.Request) mttest.Action {
		if parts++; parts > 1 {
			return mttest.Delay(time.Hour, mttest.Pass())
		}
		return mttest.Pass()
	})
	_, m = x.store(fmt.Sprintf(`{"message":{"peer":%q,"id":%d},"to":"object:TG_FILES/%s-slow.bin","job":true}`, user, large, mark))
	x.fine(m.Header.Get("Nats-Service-Error"))
	// TG_QUEUE, in her lane and in another's; TG_DONE, a result and an error; TG_JOBS, the error of a job that waits.
	x.job(user, "messages.sendMessage", fmt.Sprintf(`{"message":"%s, later"}`, mark), "Tg-Not-Before", "1h")
	x.job(alice, "messages.sendMessage", fmt.Sprintf(`{"message":"do you know @%s_old?"}`, mark), "Tg-Not-Before", "1h")
	x.job(alice, "messages.sendMessage", `{"message":"others' job"}`, "Tg-Not-Before", "1h")
	x.job(user, "messages.sendMessage", fmt.Sprintf(`{"message":"%s, now"}`, mark), "Nats-Msg-Id", "done")
	x.became("main", user, "done")
	x.job("none.0", "users.getUsers", fmt.Sprintf(`{"id":"@%s_new"}`, mark), "Nats-Msg-Id", "wrong")
	if m := x.became("main", "none.0", "wrong"); !strings.Contains(m.Header.Get("Nats-Service-Error"), mark) {
		t.Errorf("an error that does not tell of her: %v", m.Header)
	}
	w.FailNext("contacts.resolveUsername", 1, 420, "FLOOD_WAIT_3600")
	x.job("none.0", "contacts.block", fmt.Sprintf(`{"id":"@%s_old"}`, mark))
	return x
}

func (x *marked) fine(fault string) {
	x.t.Helper()
	if fault != "" {
		x.t.Fatal(fault)
	}
}

// of is where the server keeps a stream.
func (x *marked) of(stream string) string {
	return filepath.Join(x.dir, "jetstream", "$G", "streams", stream)
}

// lies waits until a text is in the files of a stream.
func (x *marked) lies(stream, text string) {
	x.t.Helper()
	for begun := time.Now(); len(embeddedtest.Found(x.of(stream), text)) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			x.t.Fatalf("%q does not come to stand in %s", text, stream)
		}
	}
}

// fillers are subjects of which the streams take messages that are nobody's.
var fillers = map[string]string{
	"TG_UPDATES": "tg.upd.filler.a.none.0", "TG_EVENTS": "tg.evt.filler.a", "TG_QUEUE": "tg.queue.filler.none.0.a.b", "TG_DONE": "tg.done.filler.none.0.a",
	"TG_STATE": "tg.state.filler.dialog.none.0", "TG_HISTORY": "tg.hist.filler.none.0", "KV_TG_JOBS": "$KV.TG_JOBS.filler.1", "KV_TG_PEERS": "$KV.TG_PEERS.filler.none.0",
	"KV_TG_TRANSFERS": "$KV.TG_TRANSFERS.filler.up", "OBJ_TG_FILES": "$O.TG_FILES.C.filler",
}

// compacted has the server go on to other files, and waits until it has compacted those that hold a text.
func (x *marked) compacted(text string) {
	x.t.Helper()
	junk := []byte(strings.Repeat("x", 1<<20-1000))
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		where := embeddedtest.Found(x.dir, text)
		if len(where) == 0 {
			return
		}
		if time.Since(begun) > time.Minute {
			x.t.Fatalf("%q is in %v", text, where)
		}
		for stream, subject := range fillers {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(where)), func(path string) bool { return strings.HasPrefix(path, x.of(stream)+"/") }) {
				continue
			}
			for range 3 {
				if _, err := x.js.Publish(soon(x.t), subject, junk); err != nil {
					x.t.Fatalf("%s: %v", subject, err)
				}
			}
			st, err := x.js.Stream(soon(x.t), stream)
			if err == nil {
				err = st.Purge(soon(x.t), jetstream.WithPurgeSubject(subject)) // a file that is more than half in use stays as it is
			}
			if err != nil {
				x.t.Fatalf("%s: %v", stream, err)
			}
		}
	}
}

// After an erasure no byte of what was kept of somebody is in any file of the server, whichever stream or bucket it was in; what is others'
// is where it was.
func TestEraseEverywhere(t *testing.T) {
	x := newMarked(t)
	for _, stream := range plain {
		x.lies(stream, mark)
	}
	reply := x.ask("tg.ctl.main.erase", fmt.Sprintf(`{"peer":"@%s_new"}`, mark))
	x.fine(reply.Header.Get("Nats-Service-Error"))
	for _, want := range []string{
		`"TG_QUEUE":{"read":4,"erased":3}`, `"TG_TRANSFERS":{"read":1,"erased":1}`, `"TG_FILES":{"read":2,"erased":2}`, `"TG_ONCE":{"read":2,"erased":2}`,
		fmt.Sprintf(`"names":["%s_new","%s_old"]`, mark, mark),
	} {
		if !strings.Contains(string(reply.Data), want) {
			t.Errorf("no %s in %s", want, reply.Data)
		}
	}
	x.compacted(mark)
	for stream, text := range map[string]string{"TG_UPDATES": "what others say stays", "TG_QUEUE": "others' job", "KV_TG_PEERS": "alice"} {
		if len(embeddedtest.Found(x.of(stream), text)) == 0 {
			t.Errorf("%q is gone from %s", text, stream)
		}
	}
	if l := x.queued(""); len(l.Jobs) != 1 {
		t.Errorf("the queue: %+v", l.Jobs)
	}
	if err := x.stop(); err != nil {
		t.Fatal(err)
	}
	if where := embeddedtest.Found(x.dir, mark); len(where) > 0 {
		t.Errorf("what was learned a moment ago is written at the end: %v", where)
	}
}

// A daemon that may not read the account's own stream takes out all else, and says what it has left.
func TestEraseLeavesWhatItMayNotRead(t *testing.T) {
	srv, _, _ := leastRights(t, "")
	where := srv.ClientURL()
	w := newTown(t)
	d := newDaemon(t, w, func(s *Settings) {
		s.URL, s.User, s.Password, s.Inbox, s.Secret = where, "daemon", "d", "_INBOX_.daemon", "sixteen characters"
	})
	d.signInBob(w)
	d.listed("bob", connected)
	w.alice.Send(w.bob, "kept")
	d.updates("tg.upd.bob.updateNewMessage.>", 1)
	if _, err := storage.AddOwn(soon(t), d.js, subjects.Scheme{}, "bob", storage.OwnLimits{}); err != nil {
		t.Fatal(err)
	}
	m := d.ask("tg.ctl.bob.erase", fmt.Sprintf(`{"peer":"user.%d"}`, w.alice.ID()))
	if said := string(m.Data); !strings.Contains(said, `"TG_UPDATES":{"read":2,"erased":1}`) || !strings.Contains(said, `"left":["TG_UPDATES_bob"]`) {
		t.Errorf("%v %s", m.Header, said)
	}
}

// What is no peer is the caller's mistake; who is not known is not found.
func TestEraseWhom(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	d.login("main", w.dora)
	for peer, want := range map[string]string{"user.0": "400", "user.-5": "400", "a b": "400", "@nobody_known": "404", "me": "400", "": "400"} {
		if got := d.ask("tg.ctl.main.erase", fmt.Sprintf(`{"peer":%q}`, peer)).Header.Get("Nats-Service-Error-Code"); got != want {
			t.Errorf("%q: %s, want %s", peer, got, want)
		}
	}
}
