package bridge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/subjects"
)

// F13: who may read the account's messages, by calls or in the stream, must not be able to sign in as it. As reported: the
// code stood in getHistory and getDialogs by tg.ro, in the clear.
func TestLoginCodesStayOffTheBus(t *testing.T) {
	w := newTown(t)
	telegram := w.AddUser(mttest.User{First: "Telegram", ID: 777000})
	const code = "54321"
	d := newDaemon(t, w)
	d.login("main", w.dora)
	told := telegram.Send(w.dora, "Login code: "+code+". Do not give this code to anyone.")
	w.InterceptMethod("messages.search", func(r *mttest.Request) mttest.Action {
		return mttest.Answer(mttest.M{"_": "messages.messages", "topics": []mttest.M{}, "chats": []mttest.M{}, "users": []mttest.M{}, "messages": []mttest.M{{
			"_": "message", "id": told.ID, "peer_id": mttest.M{"_": "peerUser", "user_id": 777000}, "date": 1, "message": "Login code: " + code,
		}}})
	})
	seen := d.updates("tg.upd.main.updateNewMessage.user.777000", 1)[0]
	if strings.Contains(string(seen.Data()), code) || seen.Headers().Get(subjects.HeaderRedacted) == "" || !strings.Contains(string(seen.Data()), fmt.Sprintf(`"id":%d`, told.ID)) {
		t.Errorf("in the stream: %v %s", seen.Headers(), seen.Data())
	}
	const page = `"offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"`
	for method, body := range map[string]string{
		"messages.getHistory":     `{"peer":"user.777000",` + page + `}`,
		"messages.getDialogs":     `{"offset_date":0,"offset_id":0,"offset_peer":{"_":"inputPeerEmpty"},"limit":10,"hash":"0"}`,
		"messages.getPeerDialogs": `{"peers":[{"_":"inputDialogPeer","peer":"user.777000"}]}`,
		"messages.getMessages":    fmt.Sprintf(`{"id":[{"_":"inputMessageID","id":%d}]}`, told.ID),
		"messages.search":         `{"peer":"user.777000","q":"","filter":{"_":"inputMessagesFilterEmpty"},"min_date":0,"max_date":0,` + strings.Replace(page, `"offset_date":0,`, "", 1) + `}`,
	} {
		for _, tree := range []string{"tg.ro.main.", "tg.rpc.main."} {
			for _, accept := range []string{"application/json", "application/msgpack", "application/x-tl"} {
				reply := d.ask(tree+method, body, "Accept", accept)
				if reply.Header.Get(subjects.HeaderRedacted) != "service message" || strings.Contains(string(reply.Data), code) || len(reply.Data) < 20 {
					t.Errorf("%s%s as %s: %v %q", tree, method, accept, reply.Header, reply.Data)
				}
			}
		}
	}
	forward := `{"from_peer":"user.777000","id":[` + fmt.Sprint(told.ID) + `],"to_peer":"@alice"}`
	if reply := d.ask("tg.rpc.main.messages.forwardMessages", forward); reply.Header.Get(subjects.HeaderErrorCode) != "403" {
		t.Errorf("forwarding the code: %v %s", reply.Header, reply.Data)
	}
	if h, err := w.World().History(w.dora.ID(), telegram.Peer(), world.Page{Limit: 5}); err != nil || !strings.Contains(h.Messages[0].Text, code) {
		t.Errorf("the account has no such message, so that this test shows nothing: %v %v", h, err)
	}
}

// Where the operator wants it, the codes are told, in calls and in the stream.
func TestLoginCodesWhereAllowed(t *testing.T) {
	w := newTown(t)
	telegram := w.AddUser(mttest.User{First: "Telegram", ID: 777000})
	d := newDaemon(t, w, func(s *Settings) { s.ServiceMessages = true })
	d.login("main", w.dora)
	telegram.Send(w.dora, "Login code: 54321")
	if seen := d.updates("tg.upd.main.updateNewMessage.user.777000", 1)[0]; !strings.Contains(string(seen.Data()), "54321") {
		t.Errorf("in the stream: %v %s", seen.Headers(), seen.Data())
	}
	reply := d.ask("tg.ro.main.messages.getHistory", `{"peer":"user.777000","offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"}`)
	if !strings.Contains(string(reply.Data), "54321") || reply.Header.Get(subjects.HeaderRedacted) != "" {
		t.Errorf("%v %s", reply.Header, reply.Data)
	}
}
