package rpc

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Text and numbers in the place of a peer are given to who knows peers; what it has against them names the place, and was
// not sent.
func TestPeersByText(t *testing.T) {
	resolve := func(_ context.Context, class, text string) ([]byte, bool, *Fault) {
		switch {
		case class != "InputPeer":
			return nil, false, nil
		case text == "nobody":
			return nil, true, &Fault{Code: 400, Text: "names no peer", Sent: "no"}
		case text == "@flood":
			return nil, true, &Fault{Code: 420, Text: "@flood: FLOOD_WAIT_7", Telegram: "FLOOD_WAIT_7", RetryAfter: 7 * time.Second, Sent: "yes"}
		}
		object, err := tlOf(codec.M{"_": "inputPeerChat", "chat_id": len(text)})
		if err != nil {
			t.Error(err)
		}
		return object, true, nil
	}
	sent := 0
	answer := func(_ context.Context, call codec.View) ([]byte, error) {
		sent++
		peer, _ := call.Object("peer")
		return tlOf(codec.M{"_": "messages.affectedMessages", "pts": int(peer.Int("chat_id")), "pts_count": 0})
	}
	g := newRig(t, answer, func(c *Config) { c.Resolve = resolve })
	const subject = "tg.rpc.main.messages.readHistory"
	for peer, want := range map[string]string{`"@four"`: `"pts":5`, `123`: `"pts":3`, `{"_":"inputPeerChat","chat_id":"9"}`: `"pts":9`} {
		if got := string(g.ask(subject, `{"peer":`+peer+`,"max_id":0}`).Data); !strings.Contains(got, want) {
			t.Errorf("%s: %s", peer, got)
		}
	}
	packed, _ := msgpack.Marshal(map[string]any{"peer": "@four", "max_id": 0})
	if got := g.ask(subject, string(packed), subjects.HeaderContentType, "application/msgpack", subjects.HeaderAccept, "application/json"); !strings.Contains(string(got.Data), `"pts":5`) {
		t.Errorf("%s", got.Data)
	}
	before := sent
	for peer, want := range map[string]Fault{
		`"nobody"`: {Code: 400, Text: "messages.readHistory: peer: names no peer", Sent: "no", Path: "messages.readHistory: peer"},
		`"@flood"`: {Code: 420, Text: "messages.readHistory: peer: @flood: FLOOD_WAIT_7", Telegram: "FLOOD_WAIT_7", RetryAfter: 7 * time.Second, Sent: "no", Path: "messages.readHistory: peer"},
	} {
		reply := g.ask(subject, `{"peer":`+peer+`,"max_id":0}`)
		if got, want := string(reply.Data), string(want.Body(JSON)); got != want {
			t.Errorf("%s: got %s, want %s", peer, got, want)
		}
	}
	if sent != before {
		t.Error("a request that was refused was sent")
	}
}

// A question, of which Telegram allows few, is not asked for a call that cannot be made; what is wrong with it is told as ever.
func TestNothingIsAskedInVain(t *testing.T) {
	asked := 0
	hole, err := tlOf(codec.M{"_": "inputPeerUser", "user_id": -1, "access_hash": 0})
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) {
		return tlOf(codec.M{"_": "updatesTooLong"})
	}, func(c *Config) {
		c.Locate = func(class, text string, _ int64) ([]byte, string, bool) { return hole, text, text[0] == '@' }
		c.Resolve = func(_ context.Context, class, text string) ([]byte, bool, *Fault) {
			if text[0] != '@' {
				return nil, true, &Fault{Code: 400, Text: "names no peer", Sent: "no"}
			}
			asked++
			object, err := tlOf(codec.M{"_": "inputPeerChat", "chat_id": 5})
			return object, err == nil, nil
		}
	})
	for body, want := range map[string]string{
		`{"from_peer":"@a","to_peer":"@b"}`:              "id: missing",
		`{"from_peer":"@a","to_peer":"@b","id":["x"]}`:   "id[0]: want int",
		`{"from_peer":"@a","to_peer":"nobody","id":[1]}`: "to_peer: names no peer",
	} {
		if got := string(g.ask("tg.rpc.main.messages.forwardMessages", body).Data); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	if asked != 0 {
		t.Errorf("%d were asked for", asked)
	}
	if got := string(g.ask("tg.rpc.main.messages.forwardMessages", `{"from_peer":"@a","to_peer":"@b","id":[1]}`).Data); asked != 2 || !strings.Contains(got, "updatesTooLong") {
		t.Errorf("%d were asked for: %s", asked, got)
	}
}

// A request that is repeated has the same random_id although the name in it is known by then.
func TestRandomIDOfWhoIsAskedFor(t *testing.T) {
	object, err := tlOf(codec.M{"_": "inputPeerUser", "user_id": 5, "access_hash": 7})
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, name := range []string{"@a", ""} {
		g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
			ids = append(ids, call.Int("random_id"))
			return tlOf(codec.M{"_": "updatesTooLong"})
		}, func(c *Config) {
			c.Locate = func(string, string, int64) ([]byte, string, bool) { return object, name, true }
			c.Resolve = func(context.Context, string, string) ([]byte, bool, *Fault) { return object, true, nil }
		})
		g.ask("tg.rpc.main.messages.sendMessage", `{"peer":"@a","message":"hello"}`, subjects.HeaderMsgID, "one")
	}
	if len(ids) != 2 || ids[0] != ids[1] || ids[0] == 0 {
		t.Error(ids)
	}
}

// Users and chats in an answer are met in whatever encoding it is told, before the caller has it.
func TestMet(t *testing.T) {
	answer := func(context.Context, codec.View) ([]byte, error) {
		return tlOf(codec.M{"_": "contacts.resolvedPeer", "peer": codec.M{"_": "peerUser", "user_id": 5}, "chats": []codec.M{{"_": "chatEmpty", "id": 9}},
			"users": []codec.M{{"_": "user", "id": 5, "access_hash": 55}}})
	}
	met, calls := 0, 0
	g := newRig(t, answer, func(c *Config) {
		c.Met = func(objects []codec.View, result []byte) {
			met += len(objects)
			if calls++; len(result) == 0 {
				t.Error("no answer was shown")
			}
		}
	})
	for i, accept := range []string{"application/json", "application/msgpack", "application/x-tl"} {
		g.ask("tg.rpc.main.contacts.resolveUsername", `{"username":"eve"}`, subjects.HeaderAccept, accept)
		if met != 2*(i+1) || calls != i+1 {
			t.Errorf("%s: %d met in %d answers", accept, met, calls)
		}
	}
}
