package peers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/subjects"
)

func stored(t *testing.T, d *Directory, id int64) record {
	t.Helper()
	if err := d.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, _, err := d.account.peer(t.Context(), peer{subjects.User, id})
	if err != nil {
		t.Fatalf("user.%d: %v", id, err)
	}
	return r
}

func titled(id, hash int64, name string) M {
	m := user(id, hash)
	m["first_name"] = name
	return m
}

// A record that had to make room for others is written again when its owner comes again, as he was before.
func TestPushedOutIsWrittenAgain(t *testing.T) {
	s := newShelf()
	d, g := owner(t, s, 1)
	d.Learn(g.encode(titled(5, 55, "Five")))
	before := stored(t, d, 5)
	s.goes("main.user.5", true)
	d.memory.lately = lately{} // a second later
	d.Learn(g.encode(titled(5, 55, "Five")))
	if after := stored(t, d, 5); after.Name != before.Name || after.access != before.access {
		t.Errorf("%+v, before %+v", after, before)
	}
	puts := s.puts
	d.memory.lately = lately{}
	d.Learn(g.encode(titled(5, 55, "Five")))
	if d.Close(t.Context()); s.puts != puts {
		t.Errorf("%d writes of what was there", s.puts-puts)
	}
}

// Of what the stream tells the last counts, whether the bucket was told of the first in between or not; what came just now is newer than all of it.
func TestLastOfTheStreamCounts(t *testing.T) {
	for name, between := range map[string]func(t *testing.T, d *Directory){
		"written in between": func(t *testing.T, d *Directory) { stored(t, d, 5) }, "written at the end": func(*testing.T, *Directory) {},
	} {
		t.Run(name, func(t *testing.T) {
			d, g := owner(t, newShelf(), 1)
			d.Learn(g.encode(titled(6, 66, "Now")))
			for _, text := range []string{"First", "Second"} {
				d.LearnOld(g.encode(titled(5, 55, text)), 1, time.Unix(1, 0))
				d.LearnOld(g.encode(titled(6, 65, text)), 1, time.Unix(1, 0))
				between(t, d)
			}
			if five, six := stored(t, d, 5), stored(t, d, 6); five.Name != "Second" || six.Name != "Now" || six.access.hash != 66 {
				t.Errorf("%+v %+v", five, six)
			}
			d.Close(t.Context())
		})
	}
}

// When the bucket was lost the stream tells the names of those who are in memory, and memory whom it does not tell of; what is known by now stands,
// and who was erased stays away.
func TestLostIsLearnedAgain(t *testing.T) {
	ctx := t.Context()
	s := newShelf()
	d, g := owner(t, s, 1)
	for id, name := range map[int64]string{5: "Five", 6: "Six", 7: "Seven", 8: "Eight"} {
		d.Learn(g.encode(titled(id, 11*id, name)))
	}
	stored(t, d, 5)
	if err := d.Forget(ctx, subjects.User, 8, nil, 1, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_ = s.Remove(ctx, "main.>")
	d.StorageLost()
	d.Renamed(7, "Seventh", []string{"seventh"})
	stored(t, d, 7)
	for id, name := range map[int64]string{5: "Five", 7: "Seven", 8: "Eight"} {
		d.LearnOld(g.encode(titled(id, 1, name)), 1, time.Unix(1, 0))
	}
	if err := d.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteKnown(ctx, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for id, name := range map[int64]string{5: "Five", 6: "", 7: "Seventh"} {
		if r := stored(t, d, id); r.Name != name || r.access.hash != 11*id || r.Type != "user" {
			t.Errorf("user.%d: %+v", id, r)
		}
	}
	if s.all["main.user.8"] != nil {
		t.Error("who was erased is back")
	}
	d.StorageLost()
	d.LearnOld(g.encode(titled(6, 1, "Six")), 1, time.Unix(1, 0)) // a name comes over what has none
	if r := stored(t, d, 6); r.Name != "Six" || r.access.hash != 66 {
		t.Errorf("%+v", r)
	}
	d.StorageLost()
	if err := d.WriteKnown(ctx, func(context.Context) error { return nil }); err != nil { // and nothing without a name over one
		t.Fatal(err)
	}
	if r := stored(t, d, 5); r.Name != "Five" {
		t.Errorf("%+v", r)
	}
	d.Close(ctx)
}

// A mark that was taken away is noticed when it is written the next time; one that no key opens says nothing.
func TestMarkLost(t *testing.T) {
	ctx, made := t.Context(), time.Unix(1, 0).UTC()
	s := newShelf()
	d, _ := owner(t, s, 1)
	if !d.SaveMark(ctx, 7, made) || !d.SaveMark(ctx, 8, made) {
		t.Error("it is not there")
	}
	if seq, err := d.Mark(ctx, made); seq != 8 || err != nil {
		t.Error(seq, err)
	}
	_ = s.Remove(ctx, "main.>")
	if !d.Missing(ctx) || d.SaveMark(ctx, 9, made) {
		t.Error("it is not noticed that it is gone")
	}
	if !d.SaveMark(ctx, 10, made) || d.Missing(ctx) {
		t.Error("the next one is not there")
	}
	other := &accountStore{store: s, box: otherBox(t), name: "main", user: 1}
	if seq, _, err := other.mark(ctx, made); seq != 0 || err != nil {
		t.Errorf("with another secret: %d %v", seq, err)
	}
	d.Close(ctx)
}

// That the mark is another one than this owner has written is a loss, whoever wrote one meanwhile and whatever was in it; but for one that had to make
// room, or of which nobody can say whether it had.
func TestWhichMarkIsLost(t *testing.T) {
	ctx, made := t.Context(), time.Unix(1, 0).UTC()
	for name, c := range map[string]struct {
		before, after func(s *shelf, d *Directory)
		lost          bool
	}{
		"gone": {after: func(s *shelf, _ *Directory) { s.goes("main.mark", false) }, lost: true},
		"gone, and there is one of another": {after: func(s *shelf, _ *Directory) {
			s.goes("main.mark", false)
			if other, _ := owner(t, s, 1); !other.SaveMark(ctx, 3, made) {
				t.Error("the other's is not written")
			}
		}, lost: true},
		"gone behind nothing being sure": {before: func(_ *shelf, d *Directory) {
			if err := d.Unmark(ctx, made); err != nil {
				t.Error(err)
			}
		}, after: func(s *shelf, _ *Directory) { s.goes("main.mark", false) }, lost: true},
		"had to make room": {after: func(s *shelf, _ *Directory) { s.goes("main.mark", true) }},
		"nobody says": {after: func(s *shelf, _ *Directory) {
			s.goes("main.mark", false)
			s.mute = errors.New("no answer")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			d, _ := owner(t, s, 1)
			defer d.Close(ctx)
			if !d.SaveMark(ctx, 8, made) || d.Missing(ctx) {
				t.Fatal("the first is not there")
			}
			if c.before != nil {
				c.before(s, d)
			}
			c.after(s, d)
			if _, there := s.all["main.mark"]; d.Missing(ctx) != (c.lost && !there) {
				t.Error("it is taken for gone, or not")
			}
			if d.SaveMark(ctx, 9, made) == c.lost {
				t.Error("it is taken for lost, or not")
			}
			if !d.SaveMark(ctx, 10, made) {
				t.Error("the next one is not written")
			}
			if seq, err := d.Mark(ctx, made); seq != 10 || err != nil {
				t.Errorf("the next one is %d, %v", seq, err)
			}
		})
	}
}

// Nobody learns again what the owner knew before he took the mark back: the one who comes next reads none, also where this owner goes on writing.
func TestMarkTakenBack(t *testing.T) {
	ctx, made := t.Context(), time.Unix(1, 0).UTC()
	s := newShelf()
	d, _ := owner(t, s, 1)
	if !d.SaveMark(ctx, 8, made) {
		t.Fatal("it is not there")
	}
	if err := d.Unmark(ctx, made); err != nil {
		t.Fatal(err)
	}
	next, _ := owner(t, s, 1)
	if seq, err := next.Mark(ctx, made); seq != 0 || err != nil {
		t.Errorf("up to %d, %v", seq, err)
	}
	if !d.SaveMark(ctx, 9, made) {
		t.Error("it is taken for lost")
	}
	if seq, err := next.Mark(ctx, made); seq != 9 || err != nil {
		t.Errorf("up to %d, %v", seq, err)
	}
	d.Close(ctx)
	next.Close(ctx)
}

// Of those who should be in the bucket one that is gone is missed, if he had not to make room, nobody forgot him, and it can be read.
func TestWhoIsMissing(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		after   func(s *shelf, d *Directory)
		missing bool
	}{
		"all are there":    {func(*shelf, *Directory) {}, false},
		"one is gone":      {func(s *shelf, _ *Directory) { s.goes("main.user.5", false) }, true},
		"had to make room": {func(s *shelf, _ *Directory) { s.goes("main.user.5", true) }, false},
		"nobody says": {func(s *shelf, _ *Directory) {
			s.goes("main.user.5", false)
			s.mute = errors.New("no answer")
		}, false},
		"it cannot be read": {func(s *shelf, _ *Directory) { s.err = errors.New("no answer") }, false},
		"erased": {func(_ *shelf, d *Directory) {
			if err := d.Forget(ctx, subjects.User, 5, nil, 1, time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
		}, false},
		"erased while he is looked for": {func(s *shelf, d *Directory) {
			s.goes("main.user.5", false)
			s.looked = func(key string) {
				if key == "main.user.5" {
					s.looked = nil
					d.memory.forget(peer{subjects.User, 5}, place{1, time.Unix(1, 0)})
				}
			}
		}, false},
		"written anew while he is looked for": {func(s *shelf, d *Directory) {
			s.goes("main.user.5", false)
			s.looked = func(key string) {
				if key == "main.user.5" {
					s.looked = nil
					d.memory.wrote(keyOf(peer{subjects.User, 5}), &record{Name: "Fifth"}, 99, false)
				}
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			d, g := owner(t, s, 1)
			d.Learn(g.encode(titled(5, 55, "Five")))
			stored(t, d, 5)
			if c.after(s, d); d.Missing(ctx) != c.missing {
				t.Error("he is missed, or not")
			}
			s.err, s.looked = nil, nil
			d.Close(ctx)
		})
	}
}

// All of whom it is not known that the bucket has them are written, in parts with a pause behind each, and are there then; a bucket that takes nothing, or
// whoever ends the pause, ends it.
func TestKnownIsWrittenInParts(t *testing.T) {
	ctx := t.Context()
	s := newShelf()
	d, g := owner(t, s, 1)
	const people = 2*together + 3
	for id := range int64(people) {
		d.Learn(g.encode(titled(100+id, 11, "Somebody")))
	}
	lose := func() {
		t.Helper()
		if err := d.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		_ = s.Remove(ctx, "main.>")
		d.StorageLost()
	}
	lose()
	var parts []int
	if err := d.WriteKnown(ctx, func(context.Context) error { parts = append(parts, len(s.all)); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(parts, []int{together, 2 * together, people}) {
		t.Errorf("written before the pauses: %v", parts)
	}
	lose()
	ended := errors.New("ended")
	if err := d.WriteKnown(ctx, func(context.Context) error { return ended }); !errors.Is(err, ended) || len(s.all) != together {
		t.Errorf("%v, %d are written", err, len(s.all))
	}
	lose()
	s.err = errors.New("full")
	if err := d.WriteKnown(ctx, func(context.Context) error { return nil }); !errors.Is(err, errUnwritten) {
		t.Errorf("into a bucket that takes nothing: %v", err)
	}
	s.err = nil
	d.Close(ctx)
}

// otherBox is one of another secret.
func otherBox(t *testing.T) vault.Box {
	t.Helper()
	k, err := vault.KeyFromSecret("another secret of the tests")
	if err != nil {
		t.Fatal(err)
	}
	box, err := vault.NewBox("peers", k)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// What no key opens is told once, and is nobody in a search, as it is nobody in a call.
func TestUnreadIsDoubted(t *testing.T) {
	s := newShelf()
	lived(t, s, 1, user(5, 55))
	g := &telegram{t: t, s: schema(t)}
	d := New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Account: "main", User: 1, Store: s, Box: otherBox(t)})
	defer d.Close(t.Context())
	if page, err := d.verbs.search.find(t.Context(), "u", "", 0); err != nil || len(page.Peers) > 0 {
		t.Errorf("%+v %v", page, err)
	}
	for want := 1; want >= 0; want-- {
		if got := d.line(t.Context(), "InputPeer", "user.5"); !strings.Contains(got, "no user") {
			t.Error(got)
		}
		if got := len(d.Doubted()); got != want {
			t.Errorf("told %d times", got)
		}
		select {
		case <-d.Doubted():
		default:
		}
	}
}

// What is sealed anew opens with the next secret alone, and the owner that runs meanwhile takes it for no loss.
func TestSealedAnew(t *testing.T) {
	ctx, made := t.Context(), time.Unix(1, 0).UTC()
	s := newShelf()
	d, g := owner(t, s, 1)
	d.Learn(g.encode(user(5, 55)))
	if !d.SaveMark(ctx, 7, made) {
		t.Fatal("the mark is not written")
	}
	_ = s.Put(ctx, "main.name.five", []byte(`{"account":"1","kind":"user","id":"5"}`))
	former, err := vault.KeyFromSecret("a secret of the tests")
	if err != nil {
		t.Fatal(err)
	}
	next, err := vault.KeyFromSecret("another secret of the tests")
	if err != nil {
		t.Fatal(err)
	}
	both, _ := vault.NewBox("peers", next, former)
	alone, _ := vault.NewBox("peers", next)
	d.account.box = both // as the steps have it
	for _, n := range []int{2, 0} {
		for _, key := range []string{"main.user.5", "main.mark", "main.name.five"} {
			b, err := Reseal(both, key, s.all[key])
			if err != nil {
				t.Fatal(err)
			}
			if b != nil {
				_ = s.Put(ctx, key, b)
				n--
			}
		}
		if n != 0 {
			t.Errorf("%d more, or less", n)
		}
	}
	other := &accountStore{store: s, box: alone, name: "main", user: 1}
	if seq, _, err := other.mark(ctx, made); seq != 7 || err != nil {
		t.Errorf("the mark: %d %v", seq, err)
	}
	if r, _, err := other.peer(ctx, peer{subjects.User, 5}); err != nil || r.access.hash != 55 || r.Name != "U" {
		t.Errorf("%+v %v", r, err)
	}
	if d.Missing(ctx) || !d.SaveMark(ctx, 8, made) {
		t.Error("it counts as lost")
	}
	d.Close(ctx)
}
