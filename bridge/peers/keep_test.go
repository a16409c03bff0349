package peers

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a Store in memory.
type shelf struct {
	mu   sync.Mutex
	all  map[string][]byte
	at   map[string]uint64 // revisions
	last uint64

	first uint64

	puts   int
	gets   int
	passes int
	err    error
	mute   error // nobody says what was pushed out

	looked func(key string) // is told what is looked for
}

// fail has the store answer with an error from now on; nil: not any more.
func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, uint64, error) {
	if s.looked != nil {
		s.looked(key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	if b, ok := s.all[key]; ok || s.err != nil {
		return b, s.at[key], s.err
	}
	return nil, s.at[key], storage.ErrNone
}

func (s *shelf) Update(ctx context.Context, key string, value []byte, of string, revision uint64) (uint64, error) {
	s.mu.Lock()
	at := s.at[of]
	s.mu.Unlock()
	if at != revision {
		return 0, &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence}
	}
	err := s.Put(ctx, key, value)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[key], err
}

// stands notes that something else stands at a key, under mu.
func (s *shelf) stands(key string) {
	if s.at == nil {
		s.at = map[string]uint64{}
	}
	s.last++
	s.at[key] = s.last
}

func (s *shelf) Put(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.all[key] = value
		s.stands(key)
		s.puts++
	}
	return s.err
}

func (s *shelf) Each(_ context.Context, _ string, yield func(string, []byte) bool) error {
	s.mu.Lock()
	all, err := maps.Clone(s.all), s.err
	s.passes++
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for k, v := range all {
		if !yield(k, v) {
			break
		}
	}
	return nil
}

func (s *shelf) Remove(context.Context, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.all)
	clear(s.at)
	return nil
}

func (s *shelf) EraseWhole(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
	delete(s.at, key)
	return nil
}

func (s *shelf) Erase(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
	s.stands(key)
	return nil
}

func (s *shelf) First() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

func (s *shelf) PushedOut(_ context.Context, revision uint64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mute == nil && revision < s.first, s.mute
}

// goes takes a key out, which had to make room or was deleted.
func (s *shelf) goes(key string, pushedOut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
	delete(s.at, key)
	if pushedOut {
		s.first = s.last + 1
	}
}

var testBox = sync.OnceValue(func() vault.Box {
	k, err := vault.KeyFromSecret("a secret of the tests")
	if err != nil {
		panic(err)
	}
	b, err := vault.NewBox("peers", k)
	if err != nil {
		panic(err)
	}
	return b
})

// owner is a directory of the account main as one daemon has it after the other.
func owner(t *testing.T, s Store, user int64) (*Directory, *telegram) {
	t.Helper()
	g := &telegram{t: t, s: schema(t)}
	d := New(Config{Schema: g.s, Rules: testRules(), People: people(g.s), Invoke: g.invoke, Account: "main", User: user, Store: s, Box: testBox()})
	t.Cleanup(func() { d.Close(t.Context()) })
	return d, g
}

// lived has a directory learn objects and come to its end.
func lived(t *testing.T, s Store, user int64, objects ...M) {
	t.Helper()
	d, g := owner(t, s, user)
	for _, m := range objects {
		d.Learn(g.encode(m))
	}
	d.Close(t.Context())
}

func newShelf() *shelf { return &shelf{all: map[string][]byte{}} }

// E22: what one daemon has met the next one knows, of the same user alone; and the access hash is not to be read.
func TestKept(t *testing.T) {
	s := newShelf()
	lived(t, s, 1, user(5, 0x1122334455667788), group(2), channel(3, 33))
	value := s.all["main.user.5"]
	for _, b := range [][]byte{binary.BigEndian.AppendUint64(nil, 0x1122334455667788), binary.LittleEndian.AppendUint64(nil, 0x1122334455667788), []byte("1234605616436508552")} {
		if bytes.Contains(value, b) {
			t.Errorf("the access hash is to be read in %q", value)
		}
	}
	if !bytes.Contains(value, []byte(`"name":"U"`)) {
		t.Errorf("%s", value)
	}
	d, g := owner(t, s, 1)
	for text, want := range map[string]string{"user.5": "inputPeerUser 5 1234605616436508552", "5": "inputPeerUser 5 1234605616436508552", "-1000000000003": "inputPeerChannel 3 33"} {
		if got := d.line(t.Context(), "InputPeer", text); got != want || len(g.asked) > 0 {
			t.Errorf("%s: %s, asked %q", text, got, g.asked)
		}
	}
	other, _ := owner(t, s, 2)
	if got := other.line(t.Context(), "InputPeer", "user.5"); !strings.Contains(got, "no user with the id 5") {
		t.Errorf("another user under the name: %s", got)
	}
	_ = s.Put(t.Context(), "main.user.6", value) // of another peer
	if got := d.line(t.Context(), "InputPeer", "user.6"); got != "inputPeerUser 6 66" || len(g.asked) == 0 {
		t.Errorf("a record that was moved: %s", got)
	}
	for _, rubbish := range []string{"", "{}", "null", `{"account":"1"}`, `{"account":"1","sealed":"AAAA"}`, `[1]`} {
		_ = s.Put(t.Context(), "main.channel.9", []byte(rubbish))
		d, _ := owner(t, s, 1)
		if got := d.line(t.Context(), "InputPeer", "channel.9"); !strings.Contains(got, "no channel") {
			t.Errorf("%s: %s", rubbish, got)
		}
	}
}

// What did not change is not written: not by the same daemon, nor by the next.
func TestWrittenOnce(t *testing.T) {
	s := newShelf()
	online := user(5, 55)
	lived(t, s, 1, user(5, 55), user(5, 55), group(2))
	if s.puts != 2 {
		t.Errorf("%d writes", s.puts)
	}
	for i := range 3 {
		online["status"] = M{"_": "userStatusOnline", "expires": i} // another object, of which nothing is kept
		lived(t, s, 1, online, user(5, 55), online)
	}
	if s.puts != 2 {
		t.Errorf("%d writes of what was there", s.puts)
	}
	renamed := user(5, 55)
	renamed["first_name"] = "V"
	lived(t, s, 1, renamed)
	if s.puts != 3 || !bytes.Contains(s.all["main.user.5"], []byte(`"V"`)) {
		t.Errorf("%d writes, %s", s.puts, s.all["main.user.5"])
	}
}

// While the bucket is away what was learned waits, and is written then.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.err = errors.New("away")
		d, g := owner(t, s, 1)
		d.Learn(g.encode(user(5, 55)))
		time.Sleep(time.Minute)
		if got := d.line(t.Context(), "InputPeer", "5"); got != "inputPeerUser 5 55" {
			t.Error(got)
		}
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
		time.Sleep(2 * againAfter)
		synctest.Wait()
		if s.puts != 1 {
			t.Errorf("%d writes", s.puts)
		}
		d.Close(t.Context())
	})
}

func minUser(id int64) M {
	return M{"_": "user", "id": id, "min": true, "access_hash": int64(-1), "first_name": "Min"}
}

// E21: who is min is named by a message in which he was seen, also by the next owner; a full object is better, and stays, in memory and in
// the bucket.
func TestSeenInMessage(t *testing.T) {
	ctx := t.Context()
	s := newShelf()
	d, g := owner(t, s, 1)
	d.Learn(g.encode(channel(3, 33)))
	if l, ok := d.Learn(g.encode(minUser(9))); !ok || !l.Vague {
		t.Errorf("%+v", l)
	}
	if got := d.line(ctx, "InputPeer", "user.9"); !strings.Contains(got, "no user") {
		t.Errorf("without a message: %s", got)
	}
	d.SeenIn(subjects.User, 9, subjects.Channel, 3, 41)
	check := func(d *Directory, text string) {
		t.Helper()
		for class, want := range map[string]string{"InputPeer": "inputPeerUserFromMessage 3 33 41 9", "InputUser": "inputUserFromMessage 3 33 41 9", "InputDialogPeer": "inputPeerUserFromMessage 3 33 41 9"} {
			b, _, err := d.Resolve(ctx, class, text)
			if err != nil {
				t.Errorf("%s: %v", class, err)
				continue
			}
			v, _ := g.s.View(b)
			if class == "InputDialogPeer" {
				v, _ = v.Object("peer")
			}
			in, _ := v.Object("peer")
			got := strings.Join([]string{v.Name(), formatID(in.Int("channel_id")), formatID(in.Int("access_hash")), formatID(v.Int("msg_id")), formatID(v.Int("user_id"))}, " ")
			if got != want {
				t.Errorf("%s: %s, want %s", class, got, want)
			}
		}
	}
	check(d, "user.9")
	d.Close(ctx)
	next, _ := owner(t, s, 1)
	check(next, "9")
	lived(t, s, 1, user(9, 99))
	lived(t, s, 1, minUser(9))
	last, _ := owner(t, s, 1)
	last.Learn(g.encode(minUser(9))) // and nothing else is in memory
	last.SeenIn(subjects.User, 9, subjects.Channel, 3, 42)
	if got := last.line(ctx, "InputPeer", "user.9"); got != "inputPeerUser 9 99" {
		t.Error(got)
	}
	last.Close(ctx)
	if bytes.Contains(s.all["main.user.9"], []byte(`"min"`)) || !bytes.Contains(s.all["main.user.9"], []byte(`"U"`)) {
		t.Errorf("%s", s.all["main.user.9"])
	}
}

// Somebody seen once can be named a month and three daemons later, min or not.
func TestSeenLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		d, g := owner(t, s, 1)
		d.Learn(g.encode(channel(3, 33)))
		d.Learn(g.encode(user(5, 55)))
		d.Learn(g.encode(minUser(9)))
		d.SeenIn(subjects.User, 9, subjects.Channel, 3, 41)
		time.Sleep(time.Second) // and then its daemon is killed: nothing is closed
		synctest.Wait()
		for range 3 {
			time.Sleep(10 * 24 * time.Hour)
			lived(t, s, 1, user(6, 66))
		}
		last, g := owner(t, s, 1)
		for text, want := range map[string]string{"user.5": "inputPeerUser 5 55", "user.9": "inputPeerUserFromMessage inputPeerChannel 3 33"} {
			if got := last.line(t.Context(), "InputPeer", text); got != want || len(g.asked) > 0 {
				t.Errorf("%s: %s, asked %q", text, got, g.asked)
			}
		}
	})
}

// Authors of messages in an answer who are min are named by these.
func TestMetInAnswer(t *testing.T) {
	d, g := owner(t, nil, 1)
	answer := g.encode(M{"_": "messages.channelMessages", "pts": 1, "count": 1, "topics": []M{}, "chats": []M{channel(3, 33)}, "users": []M{minUser(9)}, "messages": []M{
		{"_": "message", "id": 77, "peer_id": M{"_": "peerChannel", "channel_id": 3}, "from_id": M{"_": "peerUser", "user_id": 9}, "date": 1, "message": "hi"},
	}})
	f, _ := g.s.Function("messages.getHistory")
	d.Met(people(d.learner.schema).Append(nil, answer, f.Result()), answer)
	b, _, err := d.Resolve(t.Context(), "InputPeer", "user.9")
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := g.s.View(b); v.Name() != "inputPeerUserFromMessage" || v.Int("msg_id") != 77 {
		t.Errorf("%s %d", v.Name(), v.Int("msg_id"))
	}
}

func called(id, hash int64, usernames ...string) M {
	m := user(id, hash)
	var all []M
	for _, name := range usernames {
		all = append(all, M{"_": "username", "username": name, "active": true})
	}
	m["usernames"] = all
	return m
}

// A name leads to whoever was seen with it last; what says that it is free, or somebody else's, ends it at once.
func TestNamesPass(t *testing.T) {
	ctx := t.Context()
	for what, pass := range map[string]func(d *Directory, g *telegram){
		"an update":           func(d *Directory, _ *telegram) { d.Renamed(7, "U", nil) },
		"seen without":        func(d *Directory, g *telegram) { d.Learn(g.encode(called(7, 77))) },
		"seen with another":   func(d *Directory, g *telegram) { d.Learn(g.encode(called(7, 77, "other"))) },
		"somebody else's now": func(d *Directory, g *telegram) { d.Learn(g.encode(called(5, 55, "alice"))) },
	} {
		d, g := owner(t, nil, 1)
		d.Learn(g.encode(called(7, 77, "Alice")))
		if got := d.line(ctx, "InputPeer", "@alice"); got != "inputPeerUser 7 77" || len(g.asked) > 0 {
			t.Errorf("%s: before: %s, asked %q", what, got, g.asked)
		}
		pass(d, g)
		if got := d.line(ctx, "InputPeer", "@alice"); got != "inputPeerUser 5 55" {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// What is min says nothing of somebody's names, so that one does not go on to lead to him only because such a thing passes now and then.
func TestMinConfirmsNoName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, g := owner(t, nil, 1)
		g.now = []M{called(7, 77)} // he gave the name up, and another took it
		d.Learn(g.encode(called(7, 77, "alice")))
		for range 3 * nameLife / time.Minute {
			time.Sleep(time.Minute)
			d.Learn(g.encode(minUser(7)))
		}
		if got := d.line(t.Context(), "InputPeer", "@alice"); got != "inputPeerUser 5 55" {
			t.Errorf("%s, asked %q", got, g.asked)
		}
	})
}

// A bucket that does not answer says of nobody that he is not known: who was met is known again when it does.
func TestStoreAwayIsNoAnswer(t *testing.T) {
	s := newShelf()
	lived(t, s, 1, channel(3, 33))
	d, _ := owner(t, s, 1)
	s.err = errors.New("away")
	_, _, err := d.Resolve(t.Context(), "InputPeer", "channel.3")
	if none := new(UnknownError); errors.As(err, &none) || !errors.Is(err, s.err) {
		t.Errorf("got %v", err)
	}
	if got := d.line(t.Context(), "InputPeer", "user.6"); got != "inputPeerUser 6 66" { // the dialogs have him
		t.Error(got)
	}
	s.err = nil
	if got := d.line(t.Context(), "InputPeer", "channel.3"); got != "inputPeerChannel 3 33" {
		t.Error(got)
	}
}

// failing is a shelf whose writes wait, and then fail.
type failing struct {
	*shelf
	begun, fail chan struct{}
}

func (s *failing) Update(ctx context.Context, key string, value []byte, of string, revision uint64) (uint64, error) {
	select {
	case <-s.fail:
		return s.shelf.Update(ctx, key, value, of, revision)
	default:
	}
	close(s.begun)
	<-s.fail
	return 0, errors.New("no answer")
}

// Who is erased while he is being written does not come back with the next attempt.
func TestErasedWhileWritten(t *testing.T) {
	s := &failing{newShelf(), make(chan struct{}), make(chan struct{})}
	d, g := owner(t, s, 1)
	d.Learn(g.encode(user(5, 55)))
	<-s.begun
	erased := make(chan error, 1)
	go func() { erased <- d.Forget(t.Context(), subjects.User, 5, nil, 1, time.Unix(1, 0)) }()
	for range 10_000 {
		runtime.Gosched() // it goes as far as it can
	}
	close(s.fail)
	if err := <-erased; err != nil {
		t.Error(err)
	}
	d.Close(t.Context())
	if len(s.all) > 0 {
		t.Errorf("%q", s.all)
	}
}

// A name of which nothing passed for some time is confirmed by its owner, which costs no question by name; the next daemon does so too.
func TestOwnerAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newShelf()
		d, g := owner(t, s, 1)
		g.now = []M{called(5, 55, "alice")}
		for range 5 {
			if got := d.line(ctx, "InputPeer", "@alice"); got != "inputPeerUser 5 55" {
				t.Error(got)
			}
			time.Sleep(nameLife)
		}
		d.Close(ctx)
		if got := strings.Join(g.asked, ", "); got != "contacts.resolveUsername alice, users.getUsers, users.getUsers, users.getUsers, users.getUsers" {
			t.Errorf("asked %s", got)
		}
		d, g = owner(t, s, 1)
		g.now = []M{called(5, 55, "alice")}
		if got := d.line(ctx, "InputPeer", "@alice"); got != "inputPeerUser 5 55" || len(g.asked) != 1 || g.asked[0] != "users.getUsers" {
			t.Errorf("%s, asked %q", got, g.asked)
		}
		time.Sleep(nameLife)
		g.now = []M{called(5, 55)} // he has it no more
		d.line(ctx, "InputPeer", "@alice")
		if len(g.asked) != 3 || g.asked[2] != "contacts.resolveUsername alice" {
			t.Errorf("asked %q", g.asked)
		}
		d.Close(ctx)
	})
}

// That a name is nobody's the next daemon knows too, until it is asked again.
func TestVainNamesKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newShelf()
		refused := &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}
		for i := range 3 {
			d, g := owner(t, s, 1)
			g.err = refused
			if got := d.line(ctx, "InputPeer", "@nobody"); !strings.Contains(got, "USERNAME_NOT_OCCUPIED") {
				t.Error(got)
			}
			if asked := len(g.asked) > 0; asked != (i == 0 || i == 2) {
				t.Errorf("daemon %d asked %q", i, g.asked)
			}
			d.Close(ctx)
			if i == 1 {
				time.Sleep(nameLife)
			}
		}
	})
}

// When the bucket was lost what comes again is written again.
func TestBucketLost(t *testing.T) {
	s := newShelf()
	d, g := owner(t, s, 1)
	d.Learn(g.encode(user(5, 55)))
	d.keeper.flush(t.Context())
	_ = s.Remove(t.Context(), "main.>")
	d.StorageLost()
	d.Learn(g.encode(user(5, 55)))
	d.Close(t.Context())
	if s.all["main.user.5"] == nil {
		t.Error("it was not written again")
	}
}

func FuzzRecord(f *testing.F) {
	r := record{Account: 1, Type: "user", Name: "U", access: access{hash: 5, full: true}}
	b, err := r.encode(testBox(), "main", peer{subjects.User, 5})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"account":"1","sealed":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := readRecord(b, testBox(), "main", 1, peer{subjects.User, 5}); err == nil && (r.Account != 1 || r.access.hash != 5) {
			t.Errorf("%+v", r)
		}
		_, _ = readAccess(b)
	})
}

// Of what comes twice within a second nothing is read; but who has had another name in between has this one again, and who was forgotten is known.
func TestLearnedLately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := newShelf()
		d, g := owner(t, shelf, 1)
		object := func(name string) []byte {
			m := user(5, 55)
			m["first_name"] = name
			b, err := g.s.Encode(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		a, b := object("A"), object("B")
		defer d.Close(t.Context())
		for _, one := range [][]byte{a, a, b, a} {
			if l, ok := d.Learn(one); !ok || l.ID != 5 || l.Vague {
				t.Fatalf("%+v %v", l, ok)
			}
		}
		if !d.keeper.flushAll(t.Context()) {
			t.Fatal("nothing is written")
		}
		if r, _, err := d.account.peer(t.Context(), peer{subjects.User, 5}); err != nil || r.Name != "A" {
			t.Errorf("%+v %v", r, err)
		}
		if err := d.Forget(t.Context(), subjects.User, 5, nil, 1, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		d.Learn(a)
		d.keeper.flushAll(t.Context())
		if r, _, err := d.account.peer(t.Context(), peer{subjects.User, 5}); err != nil || r.Name != "A" {
			t.Errorf("after it was forgotten: %+v %v", r, err)
		}
	})
}

// Each peer counts once in memory, whichever generation he is in; and as learned each time that something new of him is written.
func TestFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := &shelf{all: map[string][]byte{}}, &telegram{t: t, s: schema(t)}
		d := New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Account: "main", User: 1, Store: s, Box: testBox()})
		for range 3 {
			for _, m := range []M{user(5, 55), channel(6, 66)} {
				d.Learn(g.encode(m))
			}
			time.Sleep(2 * gather)
		}
		if f := d.Figures(); f.InMemory != 2 || f.Learned != 2 {
			t.Errorf("%+v", f)
		}
		renamed := user(5, 55)
		renamed["first_name"] = "Another"
		d.Learn(g.encode(renamed))
		time.Sleep(2 * gather)
		d.memory.mu.Lock()
		d.memory.peers.young, d.memory.peers.old = nil, d.memory.peers.young
		d.memory.mu.Unlock()
		d.finder.known(reference{kind: subjects.User, id: 5}, false)
		if f := d.Figures(); f.InMemory != 2 || f.Learned != 3 {
			t.Errorf("%+v", f)
		}
		d.Close(t.Context())
	})
}

// A rename that waits to be written stands, when the stream is read for a bucket that was lost and has the user's object of before.
func TestRenamedWhileLearningOld(t *testing.T) {
	for name, before := range map[string]bool{"the bucket has the user": true, "the bucket has nobody": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, g := newShelf(), &telegram{t: t, s: schema(t)}
				d := New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Account: "main", User: 1, Store: s, Box: testBox()})
				former := user(5, 55)
				former["username"] = "former"
				if before {
					d.Learn(g.encode(former))
					d.keeper.flushAll(t.Context())
					d.memory.mu.Lock()
					d.memory.peers = generations{} // as after a hand-over
					d.memory.mu.Unlock()
				}
				d.Renamed(5, "Anew", []string{"anew"})
				former["last_name"] = "of before"
				d.LearnOld(g.encode(former), 1, time.Unix(1, 0))
				d.keeper.flushAll(t.Context())
				if r, _, err := d.account.peer(t.Context(), peer{subjects.User, 5}); err != nil || r.Name != "Anew" || !slices.Equal(r.Usernames, []string{"anew"}) {
					t.Errorf("%+v %v", r, err)
				}
				d.Close(t.Context())
			})
		})
	}
}
