package confine

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

const self = 777

func layer(t testing.TB, text []byte) (*tl.Schema, *codec.Schema) {
	t.Helper()
	decl, err := tl.Parse("api.tl", text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := codec.Compile(decl)
	if err != nil {
		t.Fatal(err)
	}
	return decl, s
}

func encode(t *testing.T, s *codec.Schema, m codec.M) []byte {
	t.Helper()
	b, err := s.Encode(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a person would try, one by one.
func TestCheck(t *testing.T) {
	_, s := layer(t, schemas.API())
	r := New(s)
	news, alice := Chat{Kind: subjects.Channel, ID: 5}, Chat{Kind: subjects.User, ID: 9}
	channel := func(id int64) codec.M {
		return codec.M{"_": "inputPeerChannel", "channel_id": id, "access_hash": 1}
	}
	user := func(id int64) codec.M { return codec.M{"_": "inputPeerUser", "user_id": id, "access_hash": 1} }
	send := func(peer any, more codec.M) codec.M {
		m := codec.M{"_": "messages.sendMessage", "peer": peer, "message": "x", "random_id": int64(1)}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	me := codec.M{"_": "inputPeerSelf"}
	for _, c := range []struct {
		chat Chat
		call codec.M
		want string // a part of the refusal; empty: none
	}{
		{news, send(channel(5), nil), ""},
		{news, send(channel(6), nil), "messages.sendMessage.peer: channel.6: want channel.5"},
		{news, send(user(5), nil), "user.5: want channel.5"},
		{news, send(me, nil), "peer: want channel.5"},
		{news, send(user(self), nil), "peer: want channel.5"},
		{Chat{Kind: subjects.User, ID: self}, send(me, nil), ""},
		{news, send(codec.M{"_": "inputPeerEmpty"}, nil), "any chat"},
		{news, send(channel(5), codec.M{"send_as": me}), ""},
		{news, send(channel(5), codec.M{"send_as": channel(5)}), ""},
		{news, send(channel(5), codec.M{"send_as": channel(6)}), "send_as: channel.6"},
		{news, send(channel(5), codec.M{"reply_to": codec.M{"_": "inputReplyToMessage", "reply_to_msg_id": 1, "reply_to_peer_id": user(9)}}), "reply_to.reply_to_peer_id: user.9"},
		{alice, send(user(9), codec.M{"reply_to": codec.M{"_": "inputReplyToMessage", "reply_to_msg_id": 1, "reply_to_peer_id": user(9)}}), ""},
		{alice, send(user(9), codec.M{"reply_to": codec.M{"_": "inputReplyToStory", "peer": channel(6), "story_id": 1}}), "reply_to.peer: channel.6"},
		{alice, send(codec.M{"_": "inputPeerUserFromMessage", "peer": channel(6), "msg_id": 1, "user_id": int64(9)}, nil), "peer.peer: channel.6"},
		{alice, send(user(9), codec.M{"entities": []any{codec.M{"_": "inputMessageEntityMentionName", "offset": 0, "length": 1,
			"user_id": codec.M{"_": "inputUser", "user_id": int64(10), "access_hash": 1}}}}), "entities.user_id: user.10"},
		{alice, send(user(9), codec.M{"entities": []any{codec.M{"_": "messageEntityMentionName", "offset": 0, "length": 1, "user_id": int64(10)}}}), "user.10"},
		{news, codec.M{"_": "messages.sendMedia", "peer": channel(5), "message": "", "random_id": int64(1),
			"media": codec.M{"_": "inputMediaStory", "peer": channel(6), "id": 1}}, "media.peer: channel.6"},
		{news, codec.M{"_": "messages.forwardMessages", "from_peer": channel(6), "to_peer": channel(5), "id": []any{1}, "random_id": []any{int64(1)}}, "from_peer: channel.6"},
		{news, codec.M{"_": "messages.forwardMessages", "from_peer": channel(5), "to_peer": channel(5), "id": []any{1}, "random_id": []any{int64(1)}}, ""},
		{news, codec.M{"_": "messages.forwardMessages", "from_peer": channel(5), "to_peer": me, "id": []any{1}, "random_id": []any{int64(1)}}, "to_peer: want channel.5"},
		{news, codec.M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": channel(5), "limit": 1, "hash": int64(0)}, "no parameter that is the chat"},
		{news, codec.M{"_": "messages.deleteMessages", "id": []any{1}}, "no parameter that is the chat"},
		{news, codec.M{"_": "channels.deleteMessages", "channel": codec.M{"_": "inputChannel", "channel_id": int64(5), "access_hash": 1}, "id": []any{1}}, ""},
		{alice, codec.M{"_": "channels.deleteMessages", "channel": codec.M{"_": "inputChannel", "channel_id": int64(9), "access_hash": 1}, "id": []any{1}}, "not about a chat of the kind user"},
		{Chat{Kind: subjects.Chat, ID: 5}, codec.M{"_": "messages.editChatTitle", "chat_id": int64(5), "title": "x"}, ""},
		{Chat{Kind: subjects.Chat, ID: 5}, codec.M{"_": "messages.editChatTitle", "chat_id": int64(6), "title": "x"}, "chat.6"},
		{Chat{Kind: subjects.Chat, ID: 5}, codec.M{"_": "messages.addChatUser", "chat_id": int64(5), "fwd_limit": 1,
			"user_id": codec.M{"_": "inputUser", "user_id": int64(10), "access_hash": 1}}, "user_id: user.10"},
		{news, codec.M{"_": "account.updateNotifySettings", "peer": codec.M{"_": "inputNotifyUsers"}, "settings": codec.M{"_": "inputPeerNotifySettings"}}, "peer: want channel.5"},
		{news, codec.M{"_": "account.updateNotifySettings", "peer": codec.M{"_": "inputNotifyPeer", "peer": channel(5)}, "settings": codec.M{"_": "inputPeerNotifySettings"}}, ""},
		{news, codec.M{"_": "invokeWithoutUpdates", "query": send(channel(5), nil)}, "carries another call"},
		{Chat{Kind: subjects.None}, codec.M{"_": "invokeWithoutUpdates", "query": send(channel(5), nil)}, "carries another call"},
		{Chat{Kind: subjects.None}, codec.M{"_": "help.getConfig"}, ""},
		{Chat{Kind: subjects.None}, send(channel(5), nil), "names no chat"},
		{Chat{Kind: subjects.None}, send(me, nil), ""},
		{Chat{Kind: subjects.None}, codec.M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 1, "hash": int64(0)}, ""},
		{Chat{Kind: subjects.None}, codec.M{"_": "users.getUsers", "id": []any{codec.M{"_": "inputUserSelf"}, codec.M{"_": "inputUser", "user_id": int64(10), "access_hash": 1}}}, "user.10"},
	} {
		f := r.Check(encode(t, s, c.call), c.chat, self)
		if f == nil && c.want != "" || f != nil && (c.want == "" || !strings.Contains(f.Text, c.want) || f.Sent != "no") {
			t.Errorf("%s in %s: %v, want %q", c.call["_"], c.chat, f, c.want)
		}
	}
	if f := r.Check([]byte{1, 2, 3}, news, self); f == nil || f.Code != 400 {
		t.Error(f)
	}
	if f := r.Check(encode(t, s, me), news, self); f == nil || f.Code != 400 {
		t.Error("an object was taken for a call", f)
	}
}

// Every method of the layer, and of a later one where it lies at hand: filled at random with peers that are the chat or the account,
// a call passes; with any one of them changed into somebody else, it does not.
func TestEveryMethod(t *testing.T) {
	texts := map[string][]byte{"built in": schemas.API()}
	if later := os.Getenv("NATSGRAM_TEST_SCHEMA"); later != "" {
		text, err := os.ReadFile(later) //nolint:gosec // a test's
		if err != nil {
			t.Fatal(err)
		}
		texts[later] = text
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			decl, s := layer(t, text)
			r := New(s)
			for _, kind := range []subjects.Kind{subjects.User, subjects.Chat, subjects.Channel, subjects.None} {
				chat := Chat{Kind: kind, ID: 4242}
				if kind == subjects.None {
					chat.ID = 0
				}
				tried := 0
				for _, fn := range decl.Functions {
					if r.Serves(fn.Name, chat) == nil {
						tried += everyPeer(t, &town{decl: decl, chat: chat}, r, fn)
					}
				}
				if tried < 200 {
					t.Errorf("%s: only %d calls were tried", kind, tried)
				}
			}
		})
	}
}

// everyPeer tries one method, and tells how many calls that were.
func everyPeer(t *testing.T, g *town, r *Rule, fn *tl.Combinator) (tried int) {
	t.Helper()
	own, _, _ := r.Peer(fn.Name)
	if number, ok := r.Number(fn.Name); ok {
		own = number
	}
	for seed := range uint64(6) {
		call, places := g.call(fn, own, seed, -1, false)
		if call == nil {
			continue
		}
		tried++
		if f := r.Check(call, g.chat, self); f != nil {
			t.Errorf("%s in %s, seed %d: refused: %s", fn.Name, g.chat, seed, f.Text)
			return tried
		}
		for i := range places {
			call, _ := g.call(fn, own, seed, i, false)
			if f := r.Check(call, g.chat, self); f == nil || f.Code != 403 || f.Sent != "no" {
				t.Errorf("%s in %s, seed %d: peer %d of %d is another, and it passed: %v", fn.Name, g.chat, seed, i, places, f)
				return tried
			}
		}
		if call, _ := g.call(fn, own, seed, -1, true); call != nil && g.selfed && g.chat.Kind != subjects.None {
			if f := r.Check(call, g.chat, self); f == nil {
				t.Errorf("%s in %s: its peer is the account itself, and it passed", fn.Name, g.chat)
			}
		}
	}
	return tried
}

// town makes calls. It knows by itself where peers stand.
type town struct {
	decl   *tl.Schema
	chat   Chat
	r      *rand.Rand
	places int  // peers so far
	other  int  // the one that is to be somebody else; -1: none
	astray bool // something was wanted that neither the chat nor the account is
	own    bool // the method's own peer comes next
	toSelf bool // and is to be the account
	selfed bool // and was
}

// call gives no call where none can be made of the chat and the account alone.
func (g *town) call(fn *tl.Combinator, own string, seed uint64, other int, toSelf bool) ([]byte, int) {
	g.r, g.places, g.other, g.astray = rand.New(rand.NewPCG(seed, 7)), 0, other, false
	g.toSelf, g.selfed = toSelf, false
	b := g.fields(binary.LittleEndian.AppendUint32(nil, fn.ID), fn, own, 4)
	if g.astray {
		return nil, 0
	}
	return b, g.places
}

func (g *town) fields(dst []byte, c *tl.Combinator, own string, depth int) []byte {
	flags := map[string]uint32{}
	for _, p := range c.Params {
		if p.Cond != nil && depth > 0 && g.r.IntN(3) > 0 && g.can(p.Type) {
			flags[p.Cond.Flags] |= 1 << p.Cond.Bit
		}
	}
	for _, p := range c.Params {
		switch {
		case p.Type.Name == "#":
			dst = binary.LittleEndian.AppendUint32(dst, flags[p.Name])
		case p.Cond == nil || flags[p.Cond.Flags]>>p.Cond.Bit&1 != 0:
			g.own = p.Name == own && own != ""
			dst = g.value(dst, p.Type, p.Name, depth-1)
			g.own = false
		}
	}
	return dst
}

// can: neither the account nor a chat that is no channel stands where one is wanted.
func (g *town) can(t tl.Type) bool {
	if len(t.Args) == 1 {
		t = t.Args[0]
	}
	return t.Name != "InputChannel" || g.chat.Kind == subjects.Channel
}

var (
	oneID   = map[string]subjects.Kind{"user_id": subjects.User, "bot_id": subjects.User, "chat_id": subjects.Chat, "channel_id": subjects.Channel, "peer": "any"}
	idLists = map[string]subjects.Kind{"users": subjects.User, "chats": subjects.Chat, "channels": subjects.Channel}
)

func (g *town) value(dst []byte, t tl.Type, name string, depth int) []byte {
	w := bin.Writer{Buf: dst}
	switch t.Name {
	case "int", "#":
		g.astray = g.astray || name == "chat_id" // of a secret chat
		w.Int32(int32(g.r.IntN(100)))
	case "long":
		kind, isID := oneID[name]
		if strings.HasSuffix(name, "[]") {
			kind, isID = idLists[strings.TrimSuffix(name, "[]")]
		}
		if isID {
			w.Int64(g.peer(kind).ID)
		} else {
			w.Int64(int64(g.r.IntN(100)))
		}
	case "double":
		w.Uint64(0)
	case "string", "bytes":
		w.Bytes([]byte("text"))
	case "int128":
		w.Buf = append(w.Buf, make([]byte, 16)...)
	case "int256":
		w.Buf = append(w.Buf, make([]byte, 32)...)
	case "Bool":
		w.Bool(true)
	case "true":
	case "Vector", "vector":
		w.Buf = g.vector(dst, t, name, depth)
	case "InputPeer", "InputUser", "InputChannel", "Peer":
		w.Buf = g.boxedPeer(dst, t.Name)
	default:
		w.Buf = g.object(dst, t, depth)
	}
	return w.Buf
}

func (g *town) vector(dst []byte, t tl.Type, name string, depth int) []byte {
	w := bin.Writer{Buf: dst}
	if t.Name == "Vector" {
		w.Uint32(bin.IDVector)
	}
	n := 0
	if depth > 0 && g.can(t) {
		n = g.r.IntN(3)
	}
	w.Int32(int32(n))
	for range n {
		w.Buf = g.value(w.Buf, t.Args[0], name+"[]", depth-1)
	}
	return w.Buf
}

// object takes a constructor at random; where depth has run out, the one with the fewest parameters.
func (g *town) object(dst []byte, t tl.Type, depth int) []byte {
	class := g.decl.Class(t.Name)
	if c := g.decl.Constructor(t.Name); c != nil && t.Bare {
		return g.fields(dst, c, "", depth)
	}
	if len(class) == 0 {
		g.astray = true
		return dst
	}
	c := class[g.r.IntN(len(class))]
	if depth <= 0 {
		c = slices.MinFunc(class, func(a, b *tl.Combinator) int { return len(a.Params) - len(b.Params) })
	}
	if depth < -20 {
		g.astray = true
		return dst
	}
	own := ""
	if g.own && c.Param("peer") != nil {
		own = "peer" // inputDialogPeer, inputNotifyPeer
	} else if g.own {
		g.astray = true // all private chats, a folder
	}
	return g.fields(binary.LittleEndian.AppendUint32(dst, c.ID), c, own, depth)
}

// peer is the chat or the account, or where it is to be, somebody else.
func (g *town) peer(want subjects.Kind) Chat {
	i, coin := g.places, g.r.IntN(2) == 0
	g.places++
	any := want == "" || want == "any"
	if i == g.other {
		if any {
			want = subjects.User
		}
		return Chat{Kind: want, ID: 31337}
	}
	if want == "any" {
		g.astray = true
		return Chat{}
	}
	me := Chat{Kind: subjects.User, ID: self}
	switch mine := any || want == subjects.User; {
	case g.own && g.toSelf && mine:
		g.selfed = true
		return me
	case g.chat.Kind == want || any && g.chat.Kind != subjects.None && (g.own || coin):
		return g.chat
	case mine:
		return me
	}
	g.astray = true
	return Chat{Kind: want, ID: 1}
}

func (g *town) boxedPeer(dst []byte, class string) []byte {
	want := map[string]subjects.Kind{"InputUser": subjects.User, "InputChannel": subjects.Channel}[class]
	p, coin := g.peer(want), g.r.IntN(2) == 0
	name := map[string]string{
		"InputPeeruser": "inputPeerUser", "InputPeerchat": "inputPeerChat", "InputPeerchannel": "inputPeerChannel",
		"InputUseruser": "inputUser", "InputChannelchannel": "inputChannel",
		"Peeruser": "peerUser", "Peerchat": "peerChat", "Peerchannel": "peerChannel",
	}[class+string(p.Kind)]
	if p == (Chat{Kind: subjects.User, ID: self}) && class != "Peer" && coin {
		name = map[string]string{"InputPeer": "inputPeerSelf", "InputUser": "inputUserSelf"}[class]
	}
	c := g.decl.Constructor(name)
	w := bin.Writer{Buf: binary.LittleEndian.AppendUint32(dst, c.ID)}
	for i := range c.Params {
		w.Int64(map[bool]int64{true: p.ID, false: 1}[i == 0])
	}
	return w.Buf
}

// A field whose name sounds like a peer, in whatever can stand in a call, is one that the rule looks at, or is known to be none.
func TestNoPeerIsOverlooked(t *testing.T) {
	_, s := layer(t, schemas.API())
	r := New(s)
	sounds := regexp.MustCompile(`(^|_)(user|bot|chat|channel|peer|group)s?(_id)?(s)?$`)
	for _, c := range r.reach().all {
		for _, p := range c.Params {
			typ := p.Type
			if len(typ.Args) == 1 {
				typ = typ.Args[0]
				if len(typ.Args) > 0 {
					t.Errorf("%s.%s is a vector of vectors: nobody looks into it", c.Name, p.Name)
				}
			}
			if typ.Name != "long" && (typ.Name != "int" || !strings.HasSuffix(p.Name, "_id")) || !sounds.MatchString(p.Name) {
				continue
			}
			if !slices.ContainsFunc(r.looks[c.Name], func(f field) bool { return f.name == p.Name }) {
				t.Errorf("%s.%s: %s is not looked at", c.Name, p.Name, p.Type.Name)
			}
		}
	}
}

func FuzzCheck(f *testing.F) {
	_, s := layer(f, schemas.API())
	r := New(s)
	call, err := s.Encode(nil, codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerSelf"}, "message": "x", "random_id": int64(1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(call)
	f.Fuzz(func(t *testing.T, call []byte) {
		if r.Check(call, Chat{Kind: subjects.User, ID: self}, self) == nil {
			if _, err := s.View(call); err != nil {
				t.Error("what cannot be read has passed")
			}
		}
	})
}
