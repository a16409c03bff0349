package bridge

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// Beside the streams there are jobs that wait, answers to requests with an id, files out of the chat, and who a name was found to be: they go
// too. A request whose answer was erased is still not executed twice.
func TestEraseKept(t *testing.T) {
	w := newTown(t)
	eve := w.AddUser(mttest.User{First: "Evelyn", Username: "eve_secretly"})
	d := newDaemon(t, w)
	d.login("main", w.dora)
	photo := w.World().AddFile(world.File{DC: 2, Name: "eves.bin", MimeType: "application/x-eve", Data: []byte(strings.Repeat("eves picture ", 30_000))})
	other := w.World().AddFile(world.File{DC: 2, Name: "alices.bin", MimeType: "application/x-alice", Data: []byte(strings.Repeat("alices picture ", 30_000))})
	eve.SendDraft(w.dora, world.Draft{Text: "eve: look", Media: photo})
	w.alice.SendDraft(w.dora, world.Draft{Text: "alice: look", Media: other})
	user, alice := fmt.Sprintf("user.%d", eve.ID()), fmt.Sprintf("user.%d", w.alice.ID())
	files := map[string]fileAnswer{}
	for _, peer := range []string{user, alice} {
		id := d.updates("tg.upd.main.updateNewMessage."+peer, 1)[0].Headers().Get("Tg-Msg-Id")
		file, m := d.store(fmt.Sprintf(`{"message":{"peer":%q,"id":%s},"to":"object"}`, peer, id))
		if file.File.Object == "" {
			t.Fatalf("%v %s", m.Header, m.Data)
		}
		files[peer] = file
	}
	d.job(user, "messages.sendMessage", `{"message":"to eve, later"}`, "Tg-Not-Before", "1h")
	d.job(alice, "messages.sendMessage", `{"message":"to alice, later"}`, "Tg-Not-Before", "1h")
	send := fmt.Sprintf(`{"peer":"@eve_secretly","message":"to eve, once %d"}`, 1)
	if m := d.ask("tg.rpc.main.messages.sendMessage", send, "Nats-Msg-Id", "for-eve"); m.Header.Get("Nats-Service-Error") != "" {
		t.Fatal(m.Header)
	}
	executed := w.Executed("messages.sendMessage")

	request := fmt.Sprintf(`{"peer":%q}`, user)
	reply := d.ask("tg.ctl.main.erase", request)
	for _, want := range []string{`"TG_QUEUE":{"read":2,"erased":1}`, `"TG_ONCE":{"read":1,"erased":1}`, `"TG_FILES":{"read":2,"erased":1}`} {
		if !strings.Contains(string(reply.Data), want) {
			t.Errorf("no %s in %s %v", want, reply.Data, reply.Header)
		}
	}
	again := d.ask("tg.rpc.main.messages.sendMessage", send, "Nats-Msg-Id", "for-eve")
	if again.Header.Get("Nats-Service-Error-Code") != "413" || w.Executed("messages.sendMessage") != executed {
		t.Errorf("made again: %v", again.Header)
	}
	if l := d.queued(""); len(l.Jobs) != 1 || l.Jobs[0].Chat != alice {
		t.Errorf("the queue: %+v", l)
	}
	if at := files[alice].File; len(at.Object) == 0 {
		t.Error("the other file is gone")
	} else {
		d.bytesOf(at.Bucket, at.Object)
	}
	st, err := d.js.ObjectStore(soon(t), files[user].File.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.GetInfo(soon(t), files[user].File.Object); !errors.Is(err, jetstream.ErrObjectNotFound) {
		t.Errorf("her file: %v", err)
	}
	time.Sleep(300 * time.Millisecond) // what was learned a moment ago would be written now
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"eves picture", "eve: look", "to eve, later"} {
		if where := inFiles(t, d.s.StateDir, text); len(where) > 0 {
			t.Errorf("%q is in %q", text, where)
		}
	}
	for _, text := range []string{"alices picture", "alice: look", "to alice, later"} {
		if len(inFiles(t, d.s.StateDir, text)) == 0 {
			t.Errorf("%q is gone", text)
		}
	}
}
