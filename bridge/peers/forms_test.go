package peers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/tl/codec"
)

// written are ways to write peers that newBench knows, each in the parameters of a method, and what is to become of them.
var written = []struct{ method, params, want string }{
	{"messages.readHistory", `{"peer":{"_":"peerUser","user_id":"1"},"max_id":0}`, "inputPeerUser 1 11"},
	{"messages.readHistory", `{"peer":{"user_id":1,"_":"peerUser"},"max_id":0}`, "inputPeerUser 1 11"},
	{"messages.readHistory", `{"max_id":0,"peer":{"_":"peerChat","chat_id":"2"}}`, "inputPeerChat 2"},
	{"messages.readHistory", `{"peer":{"_":"peerChannel","channel_id":"3"},"max_id":0}`, "inputPeerChannel 3 33"},
	{"messages.readHistory", `{"peer":{"_":"inputPeerUser","user_id":"1"},"max_id":0}`, "inputPeerUser 1 11"},
	{"messages.readHistory", `{"peer":{"_":"inputPeerUser","access_hash":"0","user_id":"1"},"max_id":0}`, "inputPeerUser 1 11"},
	{"messages.readHistory", `{"peer":{"_":"inputPeerUser","access_hash":"7","user_id":"1"},"max_id":0}`, "inputPeerUser 1 7"},
	{"messages.readHistory", `{"peer":{"_":"inputPeerChannel","channel_id":"3"},"max_id":0}`, "inputPeerChannel 3 33"},
	{"messages.readHistory", `{"peer":{"_":"inputUser","user_id":"1"},"max_id":0}`, "inputPeerUser 1 11"},
	{"messages.readHistory", `{"peer":{"_":"peerUser","user_id":"500"},"max_id":0}`, "inputPeerSelf"},
	{"messages.readHistory", `{"peer":-1000000000003,"max_id":0}`, "inputPeerChannel 3 33"},
	{"messages.readHistory", `{"peer":"-1000000000003","max_id":0}`, "inputPeerChannel 3 33"},
	{"messages.readHistory", `{"peer":-2,"max_id":0}`, "inputPeerChat 2"},
	{"messages.readHistory", `{"peer":1,"max_id":0}`, "inputPeerUser 1 11"},
	{"users.getUsers", `{"id":[{"_":"peerUser","user_id":"1"}]}`, "inputUser 1 11"},
	{"users.getUsers", `{"id":[{"_":"inputUser","user_id":"1"}]}`, "inputUser 1 11"},
	{"users.getUsers", `{"id":[{"_":"inputPeerUser","user_id":"1","access_hash":"11"}]}`, "inputUser 1 11"},
	{"channels.getChannels", `{"id":[{"_":"inputChannel","channel_id":"3"}]}`, "inputChannel 3 33"},
	{"channels.getChannels", `{"id":[{"_":"peerChannel","channel_id":"3"}]}`, "inputChannel 3 33"},
	{"messages.getPeerDialogs", `{"peers":[{"_":"inputDialogPeer","peer":{"_":"peerUser","user_id":"1"}}]}`, "inputDialogPeer inputPeerUser 1 11"},
	{"messages.getPeerDialogs", `{"peers":[{"_":"peerUser","user_id":"1"}]}`, "inputDialogPeer inputPeerUser 1 11"},
	{"messages.readHistory", `{"peer":{"_":"inputPeerUserFromMessage","peer":{"_":"peerChannel","channel_id":"3"},"msg_id":7,"user_id":"9"},"max_id":0}`, "inputPeerUserFromMessage inputPeerChannel 3 33"},

	{"messages.readHistory", `{"peer":{"_":"inputUserSelf"},"max_id":0}`, "inputPeerSelf"},
	{"users.getUsers", `{"id":[{"_":"inputPeerSelf"}]}`, "inputUserSelf"},
	{"users.getUsers", `{"id":[{"_":"inputUserSelf"}]}`, "inputUserSelf"},
	{"messages.getPeerDialogs", `{"peers":[{"_":"inputPeerSelf"}]}`, "inputDialogPeer inputPeerSelf"},
	{"messages.getPeerDialogs", `{"peers":[{"_":"inputUserSelf"}]}`, "inputDialogPeer inputPeerSelf"},
	{"messages.getPeerDialogs", `{"peers":[{"_":"inputPeerChat","chat_id":"2"}]}`, "inputDialogPeer inputPeerChat 2"},
	{"messages.getPeerDialogs", `{"peers":[{"_":"dialogPeer","peer":{"_":"peerChannel","channel_id":"3"}}]}`, "inputDialogPeer inputPeerChannel 3 33"},
	{"messages.getPeerDialogs", `{"peers":[{"_":"dialogPeerFolder","folder_id":1}]}`, "inputDialogPeerFolder"},
	{"messages.getPeerDialogs", `{"peers":[{"_":"inputUserFromMessage","peer":"channel.3","msg_id":7,"user_id":"9"}]}`, "inputDialogPeer inputPeerUserFromMessage 9"},
	{"messages.readHistory", `{"peer":{"_":"dialogPeer","peer":{"_":"peerUser","user_id":"1"}},"max_id":0}`, "inputPeerUser 1 11"},
	{"account.getNotifySettings", `{"peer":{"_":"notifyPeer","peer":{"_":"peerChannel","channel_id":"3"}}}`, "inputNotifyPeer inputPeerChannel 3 33"},
	{"account.getNotifySettings", `{"peer":{"_":"notifyUsers"}}`, "inputNotifyUsers"},
	{"messages.readHistory", `{"peer":{"_":"inputUserFromMessage","peer":{"_":"peerChannel","channel_id":"3"},"msg_id":7,"user_id":"9"},"max_id":0}`, "inputPeerUserFromMessage inputPeerChannel 3 33"},
	{"messages.readHistory", `{"peer":{"_":"inputChannelFromMessage","peer":"channel.3","msg_id":7,"channel_id":"9"},"max_id":0}`, "inputPeerChannelFromMessage inputPeerChannel 3 33"},
	{"users.getUsers", `{"id":[{"_":"inputPeerUserFromMessage","peer":"channel.3","msg_id":7,"user_id":"9"}]}`, "inputUserFromMessage inputPeerChannel 3 33"},
	{"channels.getChannels", `{"id":[{"_":"inputPeerChannelFromMessage","peer":"channel.3","msg_id":7,"channel_id":"9"}]}`, "inputChannelFromMessage inputPeerChannel 3 33"},
	{"messages.readHistory", `{"peer":{"_":"peerChannel","channel_id":"-1000000000003"},"max_id":0}`, "inputPeerChannel 3 33"},
	{"messages.readHistory", `{"peer":{"_":"inputPeerChannel","channel_id":-1000000000003},"max_id":0}`, "inputPeerChannel 3 33"},
	{"channels.getChannels", `{"id":[{"_":"inputChannel","channel_id":-1000000000003}]}`, "inputChannel 3 33"},
	{"messages.readHistory", `{"peer":{"_":"peerChat","chat_id":"-2"},"max_id":0}`, "inputPeerChat 2"},
	{"messages.readHistory", `{"peer":{"_":"inputPeerChat","chat_id":-2},"max_id":0}`, "inputPeerChat 2"},
	{"messages.readHistory", `{"peer":1.0,"max_id":0}`, "inputPeerUser 1 11"},
	{"messages.getFullChat", `{"chat_id":400001}`, "400001"},
	{"messages.getFullChat", `{"chat_id":"400001"}`, "400001"},
	{"messages.getFullChat", `{"chat_id":"chat.400001"}`, "400001"},
	{"messages.getFullChat", `{"chat_id":-400001}`, "400001"},
	{"messages.getFullChat", `{"chat_id":"-400001"}`, "400001"},
	{"messages.getFullChat", `{"chat_id":{"_":"peerChat","chat_id":"400001"}}`, "400001"},
	{"messages.getFullChat", `{"chat_id":{"_":"inputPeerChat","chat_id":-400001}}`, "400001"},
	{"messages.getFullChat", `{"chat_id":{"_":"dialogPeer","peer":{"_":"peerChat","chat_id":"400001"}}}`, "400001"},
	{"messages.getChats", `{"id":[400001,-400002,"chat.400003",{"_":"peerChat","chat_id":"400004"}]}`, "400001 400002 400003 400004"},

	{"messages.readHistory", `{"peer":{"_":"peerUser","user_id":"-5"},"max_id":0}`, `error: messages.readHistory: peer: "user.-5" names no peer: "-5" is no id`},
	{"messages.readHistory", `{"peer":{"_":"peerChannel","channel_id":"-5"},"max_id":0}`, `error: messages.readHistory: peer: "channel.-5" names no peer: "-5" is no id`},
	{"channels.getChannels", `{"id":[{"_":"inputPeerSelf"}]}`, "error: channels.getChannels: id[0]: the account itself is no channel"},
	{"users.getUsers", `{"id":[{"_":"inputPeerChannelFromMessage","peer":"channel.3","msg_id":7,"channel_id":"9"}]}`, "error: users.getUsers: id[0]: want InputUser, got inputPeerChannelFromMessage"},
	{"messages.getFullChat", `{"chat_id":"@town"}`, `error: messages.getFullChat: chat_id: "@town" names no basic group: want an id such as 5, chat.5 or -5`},
	{"messages.getFullChat", `{"chat_id":"channel.3"}`, `error: messages.getFullChat: chat_id: "channel.3" names no basic group`},
	{"messages.getFullChat", `{"chat_id":-1001500000003}`, `error: messages.getFullChat: chat_id: "-1001500000003" names no basic group`},
	{"messages.getFullChat", `{"chat_id":{"_":"peerUser","user_id":"1"}}`, `error: messages.getFullChat: chat_id: "user.1" names no basic group`},
	{"messages.getFullChat", `{"chat_id":{"_":"inputPeerEmpty"}}`, `error: messages.getFullChat: chat_id: "inputPeerEmpty" names no basic group`},
	{"messages.getFullChat", `{"chat_id":[5]}`, `error: messages.getFullChat: chat_id: want long, got an array`},
	{"messages.getFullChat", `{"chat_id":0.5}`, `error: messages.getFullChat: chat_id: `},
	{"messages.getChats", `{"id":[1,"user.5"]}`, `error: messages.getChats: id[1]: "user.5" names no basic group`},
	{"messages.readHistory", `{"peer":{"_":"peerUser","user_id":"404"},"max_id":0}`, "error: messages.readHistory: peer: no user with the id 404"},
	{"messages.readHistory", `{"peer":{"_":"inputPeerChannel","channel_id":"404"},"max_id":0}`, "error: messages.readHistory: peer: no channel with the id 404"},
	{"messages.readHistory", `{"peer":{"_":"peerUser","user_id":"0"},"max_id":0}`, `error: messages.readHistory: peer: "user.0" names no peer: "0" is no id`},
	{"messages.readHistory", `{"peer":{"_":"peerUser","user_id":"4611686018427387905"},"max_id":0}`, `error: messages.readHistory: peer: "user.4611686018427387905" names no peer: no id is above`},
	{"messages.readHistory", `{"peer":{"_":"inputPeerChannel","channel_id":"4611686018427387907"},"max_id":0}`, `error: messages.readHistory: peer: "channel.4611686018427387907" names no peer: no id is above`},
	{"users.getUsers", `{"id":["user.4611686018427387905"]}`, `error: users.getUsers: id[0]: "user.4611686018427387905" names no peer: no id is above`},
	{"messages.readHistory", `{"peer":{"_":"peerUser"},"max_id":0}`, "error: messages.readHistory: peer.user_id: missing"},
	{"messages.readHistory", `{"peer":{"_":"messageEmpty","id":1},"max_id":0}`, "error: messages.readHistory: peer: want InputPeer, got messageEmpty"},
	{"users.getUsers", `{"id":[{"_":"peerChat","chat_id":"2"}]}`, "error: users.getUsers: id[0]: 2 is a basic group, want a user"},
}

// Every way to write a peer means the same in JSON and in MessagePack; and to who asks nobody, for the order of calls.
func TestForms(t *testing.T) {
	g := &telegram{t: t, s: schema(t)}
	d := New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, User: 500})
	for _, m := range []M{user(1, 11), group(2), channel(3, 33)} {
		d.Learn(g.encode(m))
	}
	options := codec.Options{Forms: Forms(), Resolve: func(class, text string) ([]byte, bool, error) { return d.Resolve(t.Context(), class, text) }}
	place := codec.Options{Forms: Forms(), Resolve: func(class, text string) ([]byte, bool, error) {
		object, name, ok := d.Locate(class, text, -1)
		if name != "" && text != "1" {
			t.Errorf("%s: its lane is that of a name", text)
		}
		return object, ok, nil
	}}
	for _, c := range written {
		fn, _ := g.s.Function(c.method)
		call, err := g.s.AppendCallFromJSON(nil, []byte(c.params), fn, &options)
		if got := peerIn(g.s, call, err); got != c.want && !(strings.HasPrefix(c.want, "error") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s %s: %s, want %s", c.method, c.params, got, c.want)
		}
		var params map[string]any
		if err := json.Unmarshal([]byte(c.params), &params); err != nil {
			t.Fatal(err)
		}
		packed, err := msgpack.Marshal(longs(params))
		if err != nil {
			t.Fatal(err)
		}
		call, err = g.s.AppendCallFromMsgpack(nil, packed, fn, &options)
		if got := peerIn(g.s, call, err); got != c.want && !(strings.HasPrefix(c.want, "error") && strings.HasPrefix(got, c.want)) {
			t.Errorf("MessagePack %s %s: %s, want %s", c.method, c.params, got, c.want)
		}
		if call, err := g.s.AppendCallFromJSON(nil, []byte(c.params), fn, &place); err == nil && !strings.HasPrefix(c.want, "error") && !strings.HasPrefix(c.params, `{"peer":1`) {
			if got, want := strings.Fields(peerIn(g.s, call, nil)), strings.Fields(c.want); got[0] != want[0] || len(got) > 1 && len(want) > 1 && got[1] != want[1] {
				t.Errorf("order: %s %s: %v, want %v", c.method, c.params, got, want)
			}
		}
	}
}

// longs makes numbers of ids that are text, and of numbers whole ones.
func longs(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = longs(v[k])
		}
	case []any:
		for i := range v {
			v[i] = longs(v[i])
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return v
}

// peerIn is the peer of a call, as one line.
func peerIn(s *codec.Schema, call []byte, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	v, err := s.View(call)
	if err != nil {
		return err.Error()
	}
	p, ok := v.Object("peer")
	for _, list := range []string{"id", "peers"} {
		for o := range v.Objects(list) {
			p, ok = o, true
		}
	}
	if !ok {
		ids := v.Longs("id")
		if v.Has("chat_id") {
			ids = append(ids, v.Int("chat_id"))
		}
		return strings.Trim(fmt.Sprint(ids), "[]")
	}
	line := p.Name()
	if inner, ok := p.Object("peer"); ok {
		line, p = line+" "+inner.Name(), inner
	}
	for _, field := range []string{"user_id", "chat_id", "channel_id", "access_hash"} {
		if p.Has(field) {
			line += fmt.Sprintf(" %d", p.Int(field))
		}
	}
	return line
}

// A bot's bare id is a user's, as the Bot API has it, also where nothing of him has come; and bots need no access hash.
func TestBotForms(t *testing.T) {
	g := &telegram{t: t, s: schema(t)}
	d := New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Bot: true})
	d.Learn(g.encode(channel(5, 55)))
	for text, want := range map[string]string{"5": "inputPeerUser 5 0", "-1000000000005": "inputPeerChannel 5 55", "-1000000000006": "inputPeerChannel 6 0", "-7": "inputPeerChat 7"} {
		if got := d.line(t.Context(), "InputPeer", text); got != want || len(g.asked) > 0 {
			t.Errorf("%s: %s, want %s; asked %q", text, got, want, g.asked)
		}
	}
	if _, name, ok := d.Locate("InputPeer", "5", -1); !ok || name != "" {
		t.Errorf("%q: the order of calls does not know whom a bare id means", name)
	}
}
