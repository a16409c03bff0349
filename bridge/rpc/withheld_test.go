package rpc

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/withhold"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/codec/codectest"
)

// The texts of service messages in these tests, as they stand in TL and, in bytes, in JSON.
const loginCode = "Login code: 31337"

var loginCodes = [][]byte{[]byte(loginCode), []byte(base64.StdEncoding.EncodeToString([]byte(loginCode)))}

func tells(data []byte) bool {
	return bytes.Contains(data, loginCodes[0]) || bytes.Contains(data, loginCodes[1])
}

// codes makes objects by which Telegram itself tells something, of any constructor of the schema that can.
type codes struct {
	g *codectest.Generator
	r *rand.Rand
	s *codec.Schema
}

// object is one of c with loginCode as every text, in which a field says that it is from, or about, a service user.
func (m codes) object(c *tl.Combinator) []byte {
	m.g.Text = func() []byte { return []byte(loginCode) }
	defer func() { m.g.Text = nil }()
	for range 1000 {
		object := m.g.Boxed(nil, c, 4)
		view, err := m.s.View(object)
		if err == nil && bytes.Contains(object, loginCodes[0]) && (c.Name == "updateServiceNotification" || m.sign(view)) {
			return object
		}
	}
	return nil // it has no text, or no user
}

// sign writes a service user's id into one of the places that say whose message it is.
func (m codes) sign(v codec.View) bool {
	var places [][]byte
	peer := func(v codec.View, field string) {
		if p, ok := v.Object(field); ok && p.Has("user_id") {
			places = append(places, p.Raw()[p.Offset("user_id"):])
		}
	}
	for _, field := range []string{"from_id", "peer_id", "saved_peer_id", "reply_to_peer_id", "monoforum_peer_id", "peer"} {
		peer(v, field)
	}
	for _, field := range []string{"fwd_from", "reply_from"} {
		if header, ok := v.Object(field); ok {
			peer(header, "from_id")
			peer(header, "saved_from_peer")
			peer(header, "saved_from_id")
		}
	}
	if short := v.Name(); short == "updateShortMessage" {
		places = append(places, v.Raw()[v.Offset("user_id"):])
	} else if short == "updateShortChatMessage" {
		places = append(places, v.Raw()[v.Offset("from_id"):])
	}
	if len(places) == 0 {
		return false
	}
	id := withhold.Users[m.r.IntN(len(withhold.Users))]
	binary.LittleEndian.PutUint64(places[m.r.IntN(len(places))], uint64(id))
	return true
}

// telling are the constructors that can hold what Telegram tells the account.
func telling(decl *tl.Schema) (all []*tl.Combinator) {
	for _, c := range decl.Constructors {
		if class := c.Result.Name; strings.HasSuffix(class, "Message") || class == "MessageReplyHeader" || class == "InputReplyTo" {
			all = append(all, c)
		}
		switch c.Name {
		case "updateServiceNotification", "updateShortMessage", "updateShortChatMessage":
			all = append(all, c)
		}
	}
	return all
}

// F13: whoever may read must not be able to sign in. Every method whose answer can hold a message, in every encoding, with
// the message at any place of the answer where the schema lets one stand.
func TestLoginCodesInNoAnswer(t *testing.T) {
	var result []byte
	s, decl := layer()
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) { return result, nil },
		func(c *Config) { c.Methods = methods.New(s, decl, []string{"*"}) })
	m := codes{codectest.New(decl, 7), rand.New(rand.NewPCG(7, 7)), s}
	tried, asked := map[string]bool{}, 0
	for _, c := range telling(decl) {
		planter := m.g.Planter(c.Result.Name)
		if m.object(c) == nil {
			continue // it never has text
		}
		for _, fn := range decl.Functions {
			if !planter.Reaches(fn.Result) {
				continue
			}
			object := m.object(c)
			out := Encoding(asked % len(answer.ContentTypes)) // a method is asked once for each constructor, so that it comes to all
			result = planter.Value(nil, fn.Result, object, asked/len(answer.ContentTypes)%5)
			reply := g.ask("tg.rpc.main."+fn.Name, string(inSomeChat(m.g.Boxed(nil, fn, 1))), "Content-Type", "application/x-tl",
				"Tg-Layer", fmt.Sprint(s.Layer()), "Accept", out.String())
			asked++
			if reply.Header.Get("Nats-Service-Error") != "" || reply.Header.Get("Tg-Redacted") != withhold.Message || tells(reply.Data) {
				t.Fatalf("%s, with a %s, as %s: %v\n%q", fn.Name, c.Name, out, reply.Header, reply.Data)
			}
			if typ := functionNamed(t, fn.Name).Result(); out == TL && s.Check(reply.Data, typ) != nil {
				t.Fatalf("%s: what is left is no %s: %v", fn.Name, typ, s.Check(reply.Data, typ))
			}
			tried[fn.Name] = true
		}
	}
	for _, name := range []string{
		"messages.getHistory", "messages.getDialogs", "messages.search", "messages.searchGlobal", "messages.getMessages", "channels.getMessages",
		"messages.getPeerDialogs", "messages.getReplies", "messages.getSavedHistory", "messages.sendMessage", "messages.getAllDrafts",
		"updates.getDifference", "updates.getChannelDifference", "channels.getAdminLog", "stats.getMessagePublicForwards",
	} {
		if !tried[name] {
			t.Errorf("%s was not tried", name)
		}
	}
	t.Logf("%d methods, %d answers", len(tried), asked)
}

// inSomeChat is a call that leaves no chat open: such are refused where an id could be one of Telegram's own messages.
func inSomeChat(call []byte) []byte {
	open, _ := tlOf(codec.M{"_": "inputPeerEmpty"})
	self, _ := tlOf(codec.M{"_": "inputPeerSelf"})
	return bytes.ReplaceAll(call, open, self)
}

func functionNamed(t *testing.T, name string) *codec.Function {
	t.Helper()
	s, _ := layer()
	fn, ok := s.Function(name)
	if !ok {
		t.Fatal(name)
	}
	return fn
}

// historyOf answers with one message of a user.
func historyOf(t *testing.T, user int64) []byte {
	t.Helper()
	history, err := tlOf(codec.M{"_": "messages.messages", "topics": []codec.M{}, "chats": []codec.M{}, "users": []codec.M{{"_": "userEmpty", "id": user}}, "messages": []codec.M{{
		"_": "message", "id": 5, "peer_id": codec.M{"_": "peerUser", "user_id": user}, "date": 1700000000, "message": loginCode,
		"entities": []codec.M{{"_": "messageEntityBold", "offset": 0, "length": 10}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return history
}

// In a wrapper the answer is the inner call's.
func TestLoginCodesThroughWrappers(t *testing.T) {
	history := historyOf(t, 777000)
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) { return history, nil })
	const inner = `{"_":"messages.getHistory","peer":{"_":"inputPeerUser","user_id":"777000","access_hash":"1"},"offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"}`
	for method, with := range map[string]string{"invokeWithoutUpdates": "", "invokeWithTakeout": `"takeout_id":"1",`, "invokeAfterMsg": `"msg_id":"1",`} {
		for _, accept := range answer.ContentTypes {
			reply := g.ask("tg.rpc.main."+method, `{`+with+`"query":`+inner+`}`, "Accept", accept)
			if reply.Header.Get("Tg-Redacted") == "" || tells(reply.Data) {
				t.Errorf("%s as %s: %v %q", method, accept, reply.Header, reply.Data)
			}
		}
	}
}

// What is no secret stays: which message it is, from whom and when; and other people's messages as they are.
func TestWhatIsWithheld(t *testing.T) {
	var history []byte
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) { return history, nil })
	const ask = `{"peer":{"_":"inputPeerSelf"},"offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"}`
	history = historyOf(t, 777000)
	reply := g.ask("tg.ro.main.messages.getHistory", ask)
	const want = `{"_":"message","id":5,"peer_id":{"_":"peerUser","user_id":"777000"},"date":1700000000,"message":""}`
	if !strings.Contains(string(reply.Data), want) || reply.Header.Get("Tg-Redacted") != "service message" {
		t.Errorf("%v %s", reply.Header, reply.Data)
	}
	history = historyOf(t, 777001)
	reply = g.ask("tg.ro.main.messages.getHistory", ask)
	if !tells(reply.Data) || reply.Header.Get("Tg-Redacted") != "" {
		t.Errorf("%v %s", reply.Header, reply.Data)
	}
	if reply = g.ask("tg.ro.main.messages.getHistory", ask, "Accept", "application/x-tl"); !bytes.Equal(reply.Data, history) {
		t.Errorf("%x", reply.Data)
	}
}

// NATSGRAM_ALLOW_SERVICE_MESSAGES shows them.
func TestServiceMessagesAllowed(t *testing.T) {
	history := historyOf(t, 777000)
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) { return history, nil }, func(c *Config) {
		s, decl := layer()
		c.Methods = methods.New(s, decl, nil)
		c.Methods.ShowServiceMessages()
	})
	for _, accept := range answer.ContentTypes {
		reply := g.ask("tg.ro.main.messages.getHistory", `{"peer":{"_":"inputPeerSelf"},"offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"}`, "Accept", accept)
		if !tells(reply.Data) || reply.Header.Get("Tg-Redacted") != "" {
			t.Errorf("%v %s", reply.Header, reply.Data)
		}
	}
}

// An answer that this layer cannot read may hold anything: it is not handed out, raw TL neither, where it can hold messages.
func TestUnreadableAnswerIsNotHandedOut(t *testing.T) {
	history := historyOf(t, 777000)
	future := bytes.Clone(history)
	s, _ := layer()
	ctor, _ := s.Constructor("message")
	at := bytes.Index(future, binary.LittleEndian.AppendUint32(nil, ctor.ID))
	future[at] ^= 0xff // the message of a later layer
	for name, result := range map[string][]byte{"unknown": future, "cut off": history[:len(history)-8], "more": append(bytes.Clone(history), 1, 2, 3, 4)} {
		g := newRig(t, func(context.Context, codec.View) ([]byte, error) { return result, nil })
		for _, accept := range answer.ContentTypes {
			reply := g.ask("tg.ro.main.messages.getHistory", `{"peer":{"_":"inputPeerSelf"},"offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"}`, "Accept", accept)
			if tells(reply.Data) || reply.Header.Get(subjects.HeaderErrorCode) != "502" || reply.Header.Get("Tg-Sent") != "yes" {
				t.Errorf("%s, as %s: %v %q", name, accept, reply.Header, reply.Data)
			}
		}
	}
}
