package peers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

type M = codec.M

func schema(t testing.TB) *codec.Schema {
	t.Helper()
	s, _ := apitest.Layer()
	return s
}

var testRules = sync.OnceValue(func() *updates.Rules {
	r, err := updates.Compile(apitest.Layer())
	if err != nil {
		panic(err)
	}
	return r
})

func people(s *codec.Schema) *codec.ObjectFinder {
	return s.NewObjectFinder(func(c *tl.Combinator) bool { return c.Result.Name == "User" || c.Result.Name == "Chat" })
}

// telegram answers what a directory asks.
type telegram struct {
	t     testing.TB
	s     *codec.Schema
	mu    sync.Mutex // held while asked grows
	asked []string
	err   error
	errOf map[string]error // by method
	now   []M              // users and channels, when they are asked for
}

func (g *telegram) invoke(_ context.Context, query []byte) ([]byte, error) {
	v, err := g.s.View(query)
	if err != nil {
		g.t.Error(err)
	}
	line := v.Name()
	for _, field := range []string{"username", "phone"} {
		if v.Has(field) {
			line += " " + v.Str(field)
		}
	}
	g.mu.Lock()
	g.asked = append(g.asked, line)
	g.mu.Unlock()
	if err := cmp.Or(g.errOf[v.Name()], g.err); err != nil {
		return nil, err
	}
	switch v.Str("username") {
	case "vain":
		return nil, &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
	case "refused":
		return nil, &mtproto.Error{Code: 400, Type: "NOT_IMPLEMENTED_IN_TEST_SERVER", Sent: mtproto.SentYes}
	}
	switch v.Name() {
	case "users.getUsers":
		f, _ := g.s.Function(v.Name())
		return g.s.AppendValue(nil, f.Result(), g.now)
	case "channels.getChannels":
		return g.s.Encode(nil, M{"_": "messages.chats", "chats": g.now})
	case "contacts.resolveUsername", "contacts.resolvePhone":
		if v.Str("username") == "news" {
			return g.s.Encode(nil, M{"_": "contacts.resolvedPeer", "peer": M{"_": "peerChannel", "channel_id": 70}, "users": []M{}, "chats": []M{channel(70, 700)}})
		}
		return g.s.Encode(nil, M{"_": "contacts.resolvedPeer", "peer": M{"_": "peerUser", "user_id": 5}, "users": []M{user(5, 55)}, "chats": []M{}})
	case "messages.getChats":
		if ids := v.Longs("id"); len(ids) != 1 || ids[0] != 78 {
			return nil, &mtproto.Error{Code: 400, Type: "CHAT_ID_INVALID"}
		}
		return g.s.Encode(nil, M{"_": "messages.chats", "chats": []M{group(78)}})
	case "messages.getDialogs":
		return g.s.Encode(nil, M{"_": "messages.dialogs", "dialogs": []M{}, "messages": []M{}, "users": []M{user(6, 66)}, "chats": []M{group(80)}})
	default:
		return g.s.Encode(nil, M{"_": "contacts.contacts", "contacts": []M{}, "saved_count": 0, "users": []M{user(7, 77)}})
	}
}

func user(id, hash int64) M {
	return M{"_": "user", "id": id, "access_hash": hash, "first_name": "U"}
}

func group(id int64) M {
	return M{"_": "chat", "id": id, "title": "G", "photo": M{"_": "chatPhotoEmpty"}, "participants_count": 2, "date": 1, "version": 1}
}

func channel(id, hash int64) M {
	return M{"_": "channel", "id": id, "access_hash": hash, "title": "C", "photo": M{"_": "chatPhotoEmpty"}, "date": 1}
}

func newBench(t testing.TB) (*Directory, *telegram) {
	g := &telegram{t: t, s: schema(t)}
	d := New(Config{Schema: g.s, Rules: testRules(), People: people(g.s), Invoke: g.invoke, Channel: func(id int64) int64 { return map[int64]int64{99: 990}[id] }})
	for _, m := range []M{user(1, 11), group(2), channel(3, 33)} {
		d.Learn(g.encode(m))
	}
	return d, g
}

func (g *telegram) encode(m M) []byte {
	b, err := g.s.Encode(nil, m)
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

// resolve is what comes of text, as one line.
func (d *Directory) line(ctx context.Context, class, text string) string {
	b, ok, err := d.Resolve(ctx, class, text)
	switch {
	case err != nil:
		return "error: " + err.Error()
	case !ok:
		return "not a peer"
	}
	v, err := d.learner.schema.View(b)
	if err != nil {
		return err.Error()
	}
	line := v.Name()
	if inner, ok := v.Object("peer"); ok {
		line, v = line+" "+inner.Name(), inner
	}
	for _, field := range []string{"user_id", "chat_id", "channel_id", "access_hash"} {
		if v.Has(field) {
			line += fmt.Sprintf(" %d", v.Int(field))
		}
	}
	return line
}

// E22: every form, in every class where it can stand.
func TestResolve(t *testing.T) {
	for _, c := range []struct{ class, text, want string }{
		{"InputPeer", "me", "inputPeerSelf"},
		{"InputUser", "self", "inputUserSelf"},
		{"InputDialogPeer", "me", "inputDialogPeer inputPeerSelf"},
		{"InputChannel", "me", "error: the account itself is no channel"},
		{"InputPeer", "1", "inputPeerUser 1 11"},
		{"InputPeer", "user.1", "inputPeerUser 1 11"},
		{"InputUser", "1", "inputUser 1 11"},
		{"InputChannel", "1", "error: 1 is a user, want a channel"},
		{"InputPeer", "2", "inputPeerChat 2"},
		{"InputPeer", "-4", "inputPeerChat 4"},
		{"InputPeer", "chat.4", "inputPeerChat 4"},
		{"InputUser", "chat.4", "error: 4 is a basic group, want a user"},
		{"InputPeer", "3", "inputPeerChannel 3 33"},
		{"InputPeer", "-1000000000003", "inputPeerChannel 3 33"},
		{"InputPeer", "-1003", "inputPeerChat 1003"},
		{"InputPeer", "-1001234567", "inputPeerChat 1001234567"},
		{"InputPeer", "-999999999999", "inputPeerChat 999999999999"},
		{"InputPeer", "-1000000000099", "inputPeerChannel 99 990"},
		{"InputPeer", "-1", "inputPeerChat 1"},
		{"InputPeer", "-0", "names no peer"},
		{"InputChannel", "channel.3", "inputChannel 3 33"},
		{"InputNotifyPeer", "channel.3", "inputNotifyPeer inputPeerChannel 3 33"},
		{"InputPeer", "channel.99", "inputPeerChannel 99 990"},
		{"InputPeer", "https://t.me/c/3/17", "inputPeerChannel 3 33"},
		{"InputPeer", "@Alice", "inputPeerUser 5 55"},
		{"InputUser", "t.me/Alice?start=1", "inputUser 5 55"},
		{"InputPeer", "tg://resolve?domain=alice&x=1", "inputPeerUser 5 55"},
		{"InputChannel", "https://www.t.me/news/5", "inputChannel 70 700"},
		{"InputChannel", "@alice", "error: 5 is a user, want a channel"},
		{"InputPeer", "+49 (170) 123-4567", "inputPeerUser 5 55"},
		{"InputPeer", "t.me/+491701234567", "inputPeerUser 5 55"},
		{"InputPeer", "6", "inputPeerUser 6 66"},
		{"InputPeer", "7", "inputPeerUser 7 77"},
		{"InputPeer", "80", "inputPeerChat 80"},
		{"InputPeer", "user.8", "error: no user with the id 8 is known to this account"},
		{"InputPeer", "", "names no peer"},
		{"InputPeer", "@x", "names no peer"},
		{"InputPeer", "Alice", "inputPeerUser 5 55"},
		{"InputPeer", "alice.t.me", "inputPeerUser 5 55"},
		{"InputPeer", "https://t.me/s/news/5", "inputPeerChannel 70 700"},
		{"InputPeer", "tg:resolve?domain=alice", "inputPeerUser 5 55"},
		{"InputPeer", "tg://resolve?phone=491701234567", "inputPeerUser 5 55"},
		{"InputPeer", "tg://user?id=1", "inputPeerUser 1 11"},
		{"InputPeer", "tg://openmessage?user_id=1&message_id=5", "inputPeerUser 1 11"},
		{"InputPeer", "tg://openmessage?chat_id=2", "inputPeerChat 2"},
		{"InputPeer", "tg://privatepost?channel=3&post=5", "inputPeerChannel 3 33"},
		{"InputPeer", "tg://join?invite=abc", "names no peer"},
		{"InputPeer", "t.me/joinchat/AbCdEf", "names no peer"},
		{"InputPeer", "t.me/share/url?url=x", "names no peer"},
		{"InputPeer", "ftp://t.me/alice", "names no peer"},
		{"InputPeer", "bob", "names no peer"},
		{"InputPeer", "hello there", "names no peer"},
		{"InputPeer", "t.me/+AbCdEf", "names no peer"},
		{"InputPeer", "https://example.org/alice", "names no peer"},
		{"InputPeer", "secret.1", "names no peer"},
		{"InputPeer", "user.-1", "names no peer"},
		{"InputPeer", strings.Repeat("9", 100), "names no peer: no id is above 9007199254740992"},
		{"InputPeer", "user.4611686018427387905", `"user.4611686018427387905" names no peer: no id is above 9007199254740992`},
		{"InputUser", "4611686018427387905", "names no peer: no id is above"},
		{"InputChannel", "channel.4611686018427387907", "names no peer: no id is above"},
		{"InputPeer", "-4611686018427387906", "names no peer: no id is above"},
		{"InputPeer", "-9223372036854775808", "names no peer: no id is above"},
		{"InputPeer", "https://t.me/c/4611686018427387907/17", "names no peer: behind /c/: no id is above"},
		{"InputPeer", "tg://user?id=4611686018427387905", "names no peer: id: no id is above"},
		{"InputPeer", "chat.9007199254740993", "names no peer: no id is above"},
		{"InputPeer", "chat.9007199254740992", "inputPeerChat 9007199254740992"},
		{"InputMedia", "me", "not a peer"},
	} {
		d, _ := newBench(t)
		got := d.line(t.Context(), c.class, c.text)
		if exact := !strings.HasPrefix(c.want, "error") && !strings.Contains(c.want, "names no peer"); got != c.want && (exact || !strings.Contains(got, c.want)) {
			t.Errorf("%s %q: got %q, want %q", c.class, c.text, got, c.want)
		}
	}
}

// A name is asked for once in some minutes, an unknown id once in a minute, however many want it.
func TestQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, g := newBench(t)
		ctx := t.Context()
		for range 20 {
			go d.line(ctx, "InputPeer", "@alice")
			go d.line(ctx, "InputPeer", "12345")
		}
		synctest.Wait()
		time.Sleep(nameLife)
		d.line(ctx, "InputPeer", "@alice")
		d.line(ctx, "InputPeer", "12345")
		want := []string{
			"contacts.getContacts", "contacts.getContacts", "contacts.resolveUsername alice", "contacts.resolveUsername alice",
			"messages.getDialogs", "messages.getDialogs", "users.getUsers",
		}
		if slices.Sort(g.asked); !slices.Equal(g.asked, want) {
			t.Errorf("asked %q", g.asked)
		}
	})
}

// E21: what is min says nothing of access, and what is known stays.
func TestMin(t *testing.T) {
	d, g := newBench(t)
	m := user(1, 1)
	m["min"] = true
	d.Learn(g.encode(m))
	none := user(1, 1)
	delete(none, "access_hash")
	d.Learn(g.encode(none))
	d.Learn([]byte{1, 2, 3})
	if got := d.line(t.Context(), "InputPeer", "1"); got != "inputPeerUser 1 11" {
		t.Error(got)
	}
}

// What Telegram refuses is the caller's to see, as it is.
func TestRefused(t *testing.T) {
	d, g := newBench(t)
	g.err = errors.New("FLOOD_WAIT_7")
	for _, text := range []string{"@alice", "12345"} {
		if _, _, err := d.Resolve(t.Context(), "InputPeer", text); !errors.Is(err, g.err) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A question that Telegram answered in vain is not asked again at once: a client in a loop would use up what an account may
// ask in a day. One that was not answered is.
func TestVainQuestions(t *testing.T) {
	for _, c := range []struct {
		err   error
		after time.Duration // until it is asked again; 0: at once
	}{
		{&mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}, nameLife},
		{&mtproto.Error{Code: 420, Type: "FLOOD_WAIT_30", Arg: 30}, 30 * time.Second},
		{&mtproto.Error{Code: 420, Type: "FLOOD_WAIT_86400", Arg: 86400}, nameLife},
		{&mtproto.Error{Code: 500, Type: "INTERNAL"}, retryLife},
		{&mtproto.Error{Err: context.DeadlineExceeded}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, g := newBench(t)
			g.err = c.err
			ask := func() {
				t.Helper()
				for range 5 {
					if _, _, err := d.Resolve(t.Context(), "InputPeer", "@Nobody"); !errors.Is(err, c.err) {
						t.Fatalf("%v: %v", c.err, err)
					}
				}
			}
			ask()
			if c.after == 0 {
				if len(g.asked) != 5 {
					t.Errorf("%v: asked %q", c.err, g.asked)
				}
				return
			}
			time.Sleep(c.after - time.Second)
			ask()
			if len(g.asked) != 1 {
				t.Errorf("%v: asked %q", c.err, g.asked)
			}
			time.Sleep(2 * time.Second)
			ask()
			if len(g.asked) != 2 {
				t.Errorf("%v: asked %q", c.err, g.asked)
			}
		})
	}
}

// A name that nobody had is found as soon as somebody is seen with it.
func TestNameTaken(t *testing.T) {
	for field, value := range map[string]any{"username": "Late_Name", "usernames": []M{{"_": "username", "username": "late_name", "active": true}}} {
		d, g := newBench(t)
		g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}
		if _, _, err := d.Resolve(t.Context(), "InputPeer", "@late_name"); !errors.Is(err, g.err) {
			t.Fatal(err)
		}
		g.err = nil
		owner := user(5, 55)
		owner[field] = value
		d.Learn(g.encode(owner))
		if got := d.line(t.Context(), "InputPeer", "@late_name"); got != "inputPeerUser 5 55" {
			t.Error(got)
		}
	}
}

// Contacts that Telegram refuses to tell do not make every unknown id ask for the dialogs again.
func TestVainLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, g := newBench(t)
		refused := &mtproto.Error{Code: 500, Type: "INTERNAL"}
		g.errOf = map[string]error{"contacts.getContacts": refused}
		for range 5 {
			if _, _, err := d.Resolve(t.Context(), "InputPeer", "12345"); !errors.Is(err, refused) {
				t.Fatal(err)
			}
			if got := d.line(t.Context(), "InputPeer", "6"); got != "inputPeerUser 6 66" { // the dialogs have it
				t.Fatal(got)
			}
		}
		if want := []string{"messages.getDialogs", "contacts.getContacts"}; !slices.Equal(g.asked, want) {
			t.Errorf("asked %q", g.asked)
		}
		time.Sleep(lookEvery)
		g.errOf = nil
		if got := d.line(t.Context(), "InputPeer", "7"); got != "inputPeerUser 7 77" || len(g.asked) != 4 {
			t.Errorf("%s, asked %q", got, g.asked)
		}
	})
}

// The directory never holds more than two generations; what is used stays.
func TestBounds(t *testing.T) {
	d, _ := newBench(t)
	for id := range int64(3 * most) {
		d.memory.mu.Lock()
		d.memory.peers.put(keyOf(peer{subjects.User, 1000 + id}), entry{hash: id, full: true})
		d.memory.mu.Unlock()
		d.finder.known(reference{kind: subjects.User, id: 1}, false)
	}
	if n := len(d.memory.peers.young) + len(d.memory.peers.old); n > 2*most {
		t.Errorf("%d peers", n)
	}
	if got := d.line(t.Context(), "InputPeer", "1"); got != "inputPeerUser 1 11" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"me", "@alice", "+491", "t.me/c/1/2", "user.5", "-1000000000005", "tg://resolve?domain=a", "tg:user?id=5", "a_name.t.me", "%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parse(text); err == nil && !r.self && r.name == "" && r.phone == "" && r.id <= 0 {
			t.Errorf("%q: %+v", text, r)
		}
	})
}

// A channel's id in the Bot API is ten to the twelfth above it and below zero, however many digits it has.
func TestBotAPI(t *testing.T) {
	for id, want := range map[string]peer{
		"-1001500000001": {subjects.Channel, 1500000001}, "-1012345678901": {subjects.Channel, 12345678901}, "-1997852516352": {subjects.Channel, 997852516352},
		"-1000000000001": {subjects.Channel, 1}, "-1000000000": {subjects.Chat, 1000000000}, "-1001234567": {subjects.Chat, 1001234567}, "-7": {subjects.Chat, 7},
		"5000000000": {subjects.None, 5000000000},
	} {
		if r, err := parse(id); err != nil || (peer{r.kind, r.id}) != want {
			t.Errorf("%s: %v %d, want %v", id, r.kind, r.id, want)
		}
	}
}

// An object with an id that Telegram does not have is nobody's, and nothing of it is taken for somebody else's.
func TestBeyond(t *testing.T) {
	d, g := newBench(t)
	const far = 1<<62 + 1 // of which the lower 62 bits are user 1's
	for _, m := range []M{user(far, 99), channel(far+2, 99)} {
		if l, ok := d.Learn(g.encode(m)); ok {
			t.Errorf("learned of %v", l)
		}
		d.LearnOld(g.encode(m), 1, time.Unix(1, 0))
	}
	d.Renamed(far, "Eve", []string{"eve"})
	d.SeenIn(subjects.User, far, subjects.Channel, 3, 7)
	d.SeenIn(subjects.User, 1, subjects.Channel, far+2, 7)
	if err := d.Forget(t.Context(), subjects.User, far, nil, 1, time.Unix(1, 0)); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{"user.1": "inputPeerUser 1 11", "channel.3": "inputPeerChannel 3 33"} {
		if got := d.line(t.Context(), "InputPeer", text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if names, err := d.NamesOf(t.Context(), subjects.User, 1, nil); err != nil || slices.Contains(names, "eve") {
		t.Errorf("%q %v", names, err)
	}
}
