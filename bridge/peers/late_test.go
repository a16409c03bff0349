package peers

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// Who reads the stream back while somebody is erased has messages in hand that were there before: whom they tell of does not come back. Who is met
// anew does.
func TestErasedIsNotLearnedBack(t *testing.T) {
	s := newShelf()
	d, g := owner(t, s, 1)
	old := g.encode(user(5, 55))
	d.LearnOld(old, 1, time.Unix(1, 0))
	d.LearnOld(g.encode(user(6, 66)), 1, time.Unix(1, 0))
	d.keeper.flushAll(t.Context())
	if err := d.Forget(t.Context(), subjects.User, 5, nil, 1, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if l, ok := d.LearnOld(old, 1, time.Unix(1, 0)); ok {
		t.Errorf("%+v", l)
	}
	d.LearnOld(g.encode(user(6, 66)), 1, time.Unix(1, 0))
	d.keeper.flushAll(t.Context())
	if _, known := d.memory.peer(keyOf(peer{subjects.User, 5})); known || s.all["main.user.5"] != nil || s.all["main.user.6"] == nil {
		t.Errorf("%q", s.all)
	}
	d.Learn(old)
	d.Close(t.Context())
	if s.all["main.user.5"] == nil {
		t.Errorf("met anew: %q", s.all)
	}
}

// Who was met anew behind an erasure is learned back from what the stream tells of him since, when the bucket is lost and memory does not have him
// any more. Of another stream all is of later.
func TestMetAnewIsLearnedBack(t *testing.T) {
	for name, c := range map[string]struct {
		seq  uint64
		made int64
		back bool
	}{"before": {7, 1, false}, "behind": {8, 1, true}, "another stream": {2, 2, true}} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			d, g := owner(t, s, 1)
			defer d.Close(t.Context())
			if err := d.Forget(t.Context(), subjects.User, 5, nil, 7, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			d.Learn(g.encode(user(5, 55)))
			d.keeper.flushAll(t.Context())
			if s.all["main.user.5"] == nil {
				t.Fatal("he is not met")
			}
			d.memory.mu.Lock()
			d.memory.peers.drop(keyOf(peer{subjects.User, 5})) // others were met meanwhile
			d.memory.mu.Unlock()
			_ = s.Remove(t.Context(), "main.>")
			d.StorageLost()
			d.LearnOld(g.encode(user(5, 55)), c.seq, time.Unix(c.made, 0))
			d.keeper.flushAll(t.Context())
			if back := s.all["main.user.5"] != nil; back != c.back {
				t.Errorf("he is there: %v", back)
			}
		})
	}
}

// What is still on its way to the bucket when somebody is erased does not come there any more: who it is, whether that was kept before or not, and
// whose a name was found to be.
func TestErasedIsNotWrittenLate(t *testing.T) {
	for name, kept := range map[string]bool{"met just now": false, "kept before": true} {
		t.Run(name, func(t *testing.T) {
			hold := embeddedtest.Hold(embeddedtest.Start(t))
			js, err := jetstream.New(embeddedtest.Connect(t, hold))
			if err != nil {
				t.Fatal(err)
			}
			store, err := NewStore(t.Context(), storage.Daemon(js, storage.Options{}, nil))
			if err != nil {
				t.Fatal(err)
			}
			d, g := owner(t, store, 1)
			if kept {
				d.Learn(g.encode(user(5, 55)))
				d.keeper.flushAll(t.Context())
			}
			hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "$KV.TG_PEERS.main.") })
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			d.Learn(g.encode(called(5, 55, "eve_late")))
			if d.keeper.flushAll(ctx) {
				t.Fatal("it is written")
			}
			before := d.account.era(t.Context())
			for _, one := range []struct {
				name string
				of   alias
			}{{"eve_asked", alias{peer: peer{subjects.User, 5}}}, {"eve_vain", alias{err: &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}, until: time.Now().Add(nameLife)}}} {
				d.account.putName(ctx, one.name, one.of, before)
			}
			if n := len(hold.Held()); n == 0 {
				t.Fatal("nothing is held back")
			}
			hold.Back(nil)
			if err := d.Forget(t.Context(), subjects.User, 5, []string{"eve_late", "eve_asked", "eve_vain"}, 1, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			hold.Release(t)
			if err := store.Put(t.Context(), "main.user.6", []byte("{}")); err != nil { // behind it
				t.Fatal(err)
			}
			var left []string
			if err := store.Each(t.Context(), "main.>", func(key string, _ []byte) bool { left = append(left, key); return true }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(left, []string{"main.user.6"}) {
				t.Errorf("%q", left)
			}
			d.Learn(g.encode(user(5, 55)))
			d.Close(t.Context())
			if _, _, err := store.Get(t.Context(), "main.user.5"); err != nil {
				t.Errorf("met anew: %v", err)
			}
		})
	}
}

// lagging is a bucket of a cluster in which other names are on their way, so that it takes one later, and a copy of which has not heard of the last
// erasure yet.
type lagging struct {
	*shelf
	busy int
}

func (s *lagging) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if key == "main.erased" {
		return nil, 0, storage.ErrNone
	}
	return s.shelf.Get(ctx, key)
}

func (s *lagging) Update(ctx context.Context, key string, value []byte, of string, revision uint64) (uint64, error) {
	if s.busy--; s.busy >= 0 {
		return 0, &jetstream.APIError{Code: 400, ErrorCode: 10164, Description: "wrong last sequence"}
	}
	return s.shelf.Update(ctx, key, value, of, revision)
}

// Whether somebody was erased since a name was asked for the bucket's leader says, and no copy.
func TestNamesOfALaggingCopy(t *testing.T) {
	s := newShelf()
	d, _ := owner(t, &lagging{s, 3}, 1)
	if err := d.Forget(t.Context(), subjects.User, 5, nil, 1, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, revision, _ := s.Get(t.Context(), "main.erased")
	d.account.putName(t.Context(), "name", alias{peer: peer{subjects.User, 6}}, era{revision, true})
	if s.all["main.name.name"] == nil {
		t.Errorf("it is not kept: %q", s.all)
	}
}

// That a cluster has not come through yet with a mark that got no answer is no sign that the bucket was lost.
func TestMarkOnItsWay(t *testing.T) {
	s := &lagging{newShelf(), 0}
	d, _ := owner(t, s, 1)
	made := time.Unix(1, 0)
	if !d.SaveMark(t.Context(), 8, made) {
		t.Fatal("the first is not saved")
	}
	s.err = context.DeadlineExceeded
	d.SaveMark(t.Context(), 9, made)
	s.err, s.busy = nil, 1
	for _, seq := range []uint64{10, 11} {
		if !d.SaveMark(t.Context(), seq, made) {
			t.Errorf("%d: it is said that the bucket was lost", seq)
		}
	}
	if seq, err := d.Mark(t.Context(), made); seq != 11 || err != nil {
		t.Error(seq, err)
	}
}

// What was read of somebody in the bucket before he was erased is not taken in afterwards; of others it is.
func TestErasedIsNotRecalled(t *testing.T) {
	for _, id := range []int64{5, 6} {
		s := newShelf()
		lived(t, s, 1, user(5, 55), user(6, 66))
		slow := &slowReads{shelf: s, key: peer{subjects.User, id}.String(), read: make(chan struct{}), goOn: make(chan struct{})}
		d, _ := owner(t, slow, 1)
		recalled := make(chan bool, 1)
		go func() {
			_, known, err := d.keeper.recall(t.Context(), peer{subjects.User, id})
			if err != nil {
				t.Error(err)
			}
			recalled <- known
		}()
		<-slow.read
		if err := d.Forget(t.Context(), subjects.User, 5, nil, 1, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		close(slow.goOn)
		if known := <-recalled; known != (id == 6) {
			t.Errorf("user.%d is known: %v", id, known)
		}
		if _, known := d.memory.peer(keyOf(peer{subjects.User, 5})); known {
			t.Error("who was erased is in memory")
		}
		d.Close(t.Context())
	}
}

// slowReads is a bucket of which one answer is long on its way.
type slowReads struct {
	*shelf
	key        string
	once       sync.Once
	read, goOn chan struct{}
}

func (s *slowReads) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	value, revision, err := s.shelf.Get(ctx, key)
	if strings.HasSuffix(key, s.key) {
		first := false
		s.once.Do(func() { first = true })
		if first {
			close(s.read)
			<-s.goOn
		}
	}
	return value, revision, err
}

// A name that was found to be somebody's just before the erasure, when it had been read already which names he has, does not outlive it.
func TestNameFoundJustBefore(t *testing.T) {
	s := newShelf()
	d, _ := owner(t, s, 1)
	defer d.Close(t.Context())
	names, err := d.NamesOf(t.Context(), subjects.User, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]int64{"eve_e": 5, "other": 6} {
		d.account.putName(t.Context(), name, alias{peer: peer{subjects.User, id}}, d.account.era(t.Context()))
	}
	if err := d.Forget(t.Context(), subjects.User, 5, names, 1, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if s.all["main.name.eve_e"] != nil || s.all["main.name.other"] == nil {
		t.Errorf("%q", s.all)
	}
}
