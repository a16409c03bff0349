package bridge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// What is kept of a person goes, from every stream and bucket and every file of the store; all others' updates stay, and the account goes on from
// the thinned stream as if nothing had been taken out.
func TestErase(t *testing.T) {
	for _, encoding := range []string{"json", "msgpack"} {
		t.Run(encoding, func(t *testing.T) {
			w := newTown(t)
			eve := w.AddUser(mttest.User{First: "Eve", Username: "eve_e"})
			group := w.AddChannel(mttest.ChannelConfig{Title: "G", Megagroup: true, Creator: w.alice, Members: []*mttest.Account{w.dora, eve}})
			d := newDaemon(t, w, func(s *Settings) { s.Encoding = encoding })
			d.login("main", w.dora)
			const secret, other = "what eve said in confidence", "what alice said"
			for i := range 5 {
				eve.Send(group, fmt.Sprint(secret, i))
				w.alice.Send(group, fmt.Sprint(other, i))
				eve.Send(w.dora, fmt.Sprint(secret, i))
				w.alice.Send(w.dora, fmt.Sprint(other, i))
			}
			inGroup := fmt.Sprintf("tg.upd.main.updateNewChannelMessage.channel.%d", group.ID())
			d.updates(inGroup, 10)
			d.updates("tg.upd.main.updateNewMessage.*.*", 10)
			request := fmt.Sprintf(`{"peer":"user.%d"}`, eve.ID())
			for _, refused := range [][2]string{{`{"peer":"me"}`, "400"}, {`{"peer":"@nobody_known"}`, "404"}, {`{}`, "400"}, {`{"peer":4611686018427387909}`, "400"}, {`{"peer":{"_":"peerUser"}}`, "400"}} {
				if got := d.ask("tg.ctl.main.erase", refused[0]).Header.Get("Nats-Service-Error-Code"); got != refused[1] {
					t.Errorf("%s: %s", refused[0], got)
				}
			}
			for body, want := range map[string]string{
				`{"peer":"channel.404"}`: "404 history.fetch: peer: no channel with the id 404 is known", `{"peer":{"_":"peerUser","user_id":"404"}}`: "404 history.fetch: peer: no user with the id 404 is known",
				`{"peer":"@nobody_at_all"}`: "404 history.fetch: peer: @nobody_at_all: ",
				`{"peer":"?"}`:              `400 history.fetch: peer: "?" names no peer`, `{"peer":[]}`: "400 history.fetch: peer: want InputPeer", `{"peer":{"_":"peerUser"}}`: "400 history.fetch: peer: user_id: missing",
			} {
				h := d.ask("tg.ctl.main.history.fetch", body).Header
				if got := h.Get("Nats-Service-Error-Code") + " " + h.Get("Nats-Service-Error"); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %s, want %s", body, got, want)
				}
			}
			d.ask("tg.ctl.main.freeze", `{}`)
			if got := string(d.ask("tg.ctl.main.history.fetch", request).Data); !strings.Contains(got, `"state":"waiting"`) {
				t.Fatalf("history: %s", got)
			}
			dry := string(d.ask("tg.ctl.main.erase", fmt.Sprintf(`{"peer":"user.%d","dry_run":true}`, eve.ID())).Data)
			if !strings.Contains(dry, `"erased":10`) || d.held(inGroup) != 10 {
				t.Errorf("dry run: %s", dry)
			}
			for _, peer := range []string{"%d", `{"_":"peerUser","user_id":"%d"}`, `{"_":"inputUser","user_id":%d}`} {
				body := fmt.Sprintf(`{"peer":`+peer+`,"dry_run":true}`, eve.ID())
				if got := string(d.ask("tg.ctl.main.erase", body).Data); got != dry {
					t.Errorf("%s: %s, want %s", body, got, dry)
				}
			}
			reply := d.ask("tg.ctl.main.erase", request)
			if !strings.Contains(string(reply.Data), `"erased":10`) {
				t.Fatalf("%v %s", reply.Header, reply.Data)
			}
			if got := string(d.ask("tg.ctl.main.history.list", `{}`).Data); got != `{"jobs":[]}` {
				t.Errorf("her history is still to be fetched: %s", got)
			}
			d.ask("tg.ctl.main.unfreeze", `{}`)
			if d.held(inGroup) != 5 || d.held(fmt.Sprintf("tg.upd.main.*.user.%d", eve.ID())) != 0 {
				t.Error("the wrong updates are left")
			}
			if got := d.ask("tg.ctl.main.peers.get", request).Header.Get("Nats-Service-Error-Code"); got != "404" {
				t.Errorf("she is still known: %s", got)
			}
			events := d.held("tg.upd.main.gap.*.*")
			mark, err := d.js.Stream(soon(t), "TG_EVENTS")
			if err != nil {
				t.Fatal(err)
			}
			m, err := mark.GetLastMsgForSubject(soon(t), "tg.evt.main.erased.user."+fmt.Sprint(eve.ID()))
			for ctx := soon(t); err != nil && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) { // nobody waits for events to be stored
				m, err = mark.GetLastMsgForSubject(ctx, "tg.evt.main.erased.user."+fmt.Sprint(eve.ID()))
			}
			if err != nil || !strings.Contains(string(m.Data), fmt.Sprintf(`"user.%d"`, eve.ID())) {
				t.Errorf("no mark: %v", err)
			}
			if err := d.stop(); err != nil {
				t.Fatal(err)
			}
			if where := inFiles(t, d.s.StateDir, secret); len(where) > 0 {
				t.Errorf("her words are in %q", where)
			}
			if len(inFiles(t, d.s.StateDir, other)) == 0 {
				t.Error("others' words are gone")
			}
			w.alice.Send(group, "while nobody was here")
			d.start()
			d.await("main", account.Connected)
			w.alice.Send(group, "afterwards")
			d.updates(inGroup, 7)
			if d.held(inGroup) != 7 || d.held("tg.upd.main.gap.*.*") != events {
				t.Errorf("%d updates, gaps %d before and %d after", d.held(inGroup), events, d.held("tg.upd.main.gap.*.*"))
			}
		})
	}
}

// inFiles are the files below a folder that hold a text.
func inFiles(t *testing.T, dir, text string) (where []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), text) {
			where = append(where, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return where
}
