package bridge

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/subjects"
)

// hushed is what the account was told by 777000, or has written there, in tests of what reaches the bus.
const hushed = "Login code 54398 kumquat"

// dialog waits for a dialog that is as is says, with all others asked for, and gives its record.
func (d *daemon) dialog(kind subjects.Kind, id int64, is func(record string) bool) string {
	d.t.Helper()
	for ctx := soon(d.t); ; time.Sleep(5 * time.Millisecond) {
		reply := d.ask("tg.ctl.main.chats", `{"limit":500}`)
		var page chats.Page
		if err := json.Unmarshal(reply.Data, &page); err == nil && page.Complete {
			for _, c := range page.Chats {
				if c.Kind == kind && c.ID == id && is(string(c.Record)) {
					return string(c.Record)
				}
			}
		}
		if ctx.Err() != nil {
			d.t.Fatalf("%s.%d: %v %s", kind, id, reply.Header, reply.Data)
		}
	}
}

// stored are the subjects of all that any stream or bucket holds which has a text in it.
func (d *daemon) stored(text string) (subjects []string) {
	d.t.Helper()
	streams := d.js.ListStreams(soon(d.t))
	for info := range streams.Info() {
		st, err := d.js.Stream(soon(d.t), info.Config.Name)
		if err != nil {
			d.t.Fatal(err)
		}
		for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
			if m, err := st.GetMsg(soon(d.t), seq); err == nil && within(m.Header, m.Data, text) {
				subjects = append(subjects, m.Subject)
			}
		}
	}
	if err := streams.Err(); err != nil {
		d.t.Fatal(err)
	}
	return subjects
}

// restart ends the daemon and starts one in its place.
func (d *daemon) restart() {
	d.t.Helper()
	if err := d.stop(); err != nil {
		d.t.Fatal(err)
	}
	d.start()
	if err := d.b.WaitServing(soon(d.t), "main"); err != nil {
		d.t.Fatal(err)
	}
}

func within(h nats.Header, data []byte, text string) bool {
	for _, values := range h {
		if strings.Contains(strings.Join(values, "\n"), text) {
			return true
		}
	}
	return strings.Contains(string(data), text)
}

// What is withheld is nowhere on the bus: in no message that passes, and in no stream or bucket. As reported: a draft in 777000's chat was
// left out of updates and answers, and stood in TG_STATE and in what tg.ctl.<account>.chats answers.
func TestWithheldIsNowhereOnTheBus(t *testing.T) {
	w := newTown(t)
	telegram := w.AddUser(mttest.User{First: "Telegram", ID: 777000})
	telegram.Send(w.dora, hushed)
	w.bob.Send(w.dora, "hello")
	w.dora.Draft(telegram, hushed+" of before") // an answer tells of it, and no update
	d := newDaemon(t, w, func(s *Settings) { s.State = []string{"all"} })
	var mu sync.Mutex
	var passed []string
	if _, err := d.nc.Subscribe(">", func(m *nats.Msg) {
		if within(m.Header, m.Data, "kumquat") {
			mu.Lock()
			defer mu.Unlock()
			passed = append(passed[:min(len(passed), 10)], m.Subject)
		}
	}); err != nil {
		t.Fatal(err)
	}
	d.login("main", w.dora)
	d.dialog(subjects.User, 777000, func(string) bool { return true })

	telegram.Send(w.dora, hushed)
	telegram.SendDraft(w.dora, world.Draft{Media: w.AddFile(2, "kumquat 54398.pdf", noise(100))})
	past, err := w.World().History(w.dora.ID(), telegram.Peer(), world.Page{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.dora.Draft(telegram, hushed+" draft")
	quote := mttest.M{"_": "inputReplyToMessage", "reply_to_msg_id": 1, "reply_to_peer_id": mttest.M{"_": "inputPeerUser", "user_id": 777000, "access_hash": 1}, "quote_text": hushed}
	w.dora.Push(mttest.M{"_": "updateDraftMessage", "peer": mttest.M{"_": "peerUser", "user_id": w.bob.ID()}, "draft": mttest.M{
		"_": "draftMessage", "message": "look at that", "date": 1, "reply_to": quote,
	}})
	w.alice.Send(w.dora, "hello")
	w.dora.Draft(w.alice, "the last of all")
	drafted := func(record string) bool { return strings.Contains(record, `"draft":`) }
	d.dialog(subjects.User, w.alice.ID(), drafted)
	if record := d.dialog(subjects.User, w.bob.ID(), drafted); !strings.Contains(record, "look at that") || strings.Contains(record, "kumquat") {
		t.Errorf("a draft that quotes what is withheld: %s", record)
	}
	told := d.dialog(subjects.User, 777000, func(string) bool { return true })
	if !strings.Contains(told, `"draft":{"_":"draftMessage","message":"","date":`) {
		t.Errorf("of the draft it is told that it is there, and nothing else: %s", told)
	}
	d.updates("tg.upd.main.updateDraftMessage.user.777000", 1)

	d.fetched(`{"peer":"user.777000"}`)
	d.became("main", "user.777000", d.job("user.777000", "messages.getHistory", `{"offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"}`))
	for subject, body := range map[string]string{
		"tg.ctl.main.peers.search": `{"text":""}`, "tg.ctl.main.peers.get": `{"peer":"user.777000"}`, "tg.ro.main.messages.getAllDrafts": `{}`,
		"tg.ro.main.messages.getPinnedDialogs": `{"folder_id":0}`, "tg.ro.main.messages.getDialogFilters": `{}`, "tg.ctl.main.status": ``,
	} {
		d.ask(subject, body)
	}
	for _, how := range []string{"", `,"to":"object"`} {
		got := d.ask("tg.file.main.get", fmt.Sprintf(`{"message":{"peer":"user.777000","id":%d}%s}`, past.Messages[0].ID, how))
		if got.Header.Get(subjects.HeaderErrorCode) != "404" || len(got.Data) > 1000 {
			t.Errorf("a file of a message that is told without it: %v %d bytes", got.Header, len(got.Data))
		}
	}
	d.restart() // what the stream tells is folded in again
	if again := d.dialog(subjects.User, 777000, func(string) bool { return true }); again != told {
		t.Errorf("after a restart:\n%s\n%s", again, told)
	}
	if bad := d.stored("kumquat"); len(bad) > 0 {
		t.Errorf("stored in the clear: %v", bad)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(passed) > 0 {
		t.Errorf("passed in the clear: %v", passed)
	}
	if len(d.stored("the last of all")) == 0 || len(d.stored("look at that")) == 0 {
		t.Error("what is looked for is found nowhere, so that this test shows nothing")
	}
}

// What was written where it was not withheld goes from the records when it is.
func TestWithheldFromRecordsOfBefore(t *testing.T) {
	w := newTown(t)
	telegram := w.AddUser(mttest.User{First: "Telegram", ID: 777000})
	telegram.Send(w.dora, "hello")
	w.dora.Draft(telegram, hushed)
	d := newDaemon(t, w, func(s *Settings) { s.State, s.ServiceMessages = []string{"all"}, true })
	d.login("main", w.dora)
	d.dialog(subjects.User, 777000, func(record string) bool { return strings.Contains(record, hushed) })
	d.s.ServiceMessages = false
	d.restart()
	d.dialog(subjects.User, 777000, func(record string) bool { return strings.Contains(record, `"draft":{"_":"draftMessage","message":"",`) })
	for ctx := soon(t); len(d.stored("kumquat")) > 0; time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("still in the clear: %v", d.stored("kumquat"))
		}
	}
}
