package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// use has names that nobody has ask until no question is left.
func (d *Directory) use(t *testing.T) {
	t.Helper()
	for i := range 2 * asksAtOnce {
		_, _, err := d.Resolve(t.Context(), "InputPeer", fmt.Sprintf("@guess%d", i))
		if f := (*answer.Fault)(nil); errors.As(err, &f) && f.Code == 429 {
			return
		}
	}
	t.Fatal("there is always a question left")
}

// get is what peers.get says of a text.
func (d *Directory) get(ctx context.Context, text string) string {
	body, _ := json.Marshal(map[string]string{"peer": text})
	b, f := d.Answer(ctx, "get", body, func(err error) answer.Fault { return answer.Fault{Code: 503, Text: err.Error()} })
	if f != nil {
		return fmt.Sprint(f.Code, " ", f.Text)
	}
	var s Shown
	_ = json.Unmarshal(b, &s)
	return fmt.Sprintf("%s.%d", s.Kind, s.ID)
}

// A username that stands in a record is found wherever memory has lost it, however many names were guessed before, and no question by name is asked
// for it.
func TestNameInARecord(t *testing.T) {
	carol := called(7, 77, "Carol")
	for what, lose := range map[string]func(t *testing.T, s *shelf, d *Directory, g *telegram) *Directory{
		"a hand-over": func(t *testing.T, s *shelf, d *Directory, g *telegram) *Directory {
			d.Close(t.Context())
			return New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Account: "main", User: 1, Store: s, Box: testBox()})
		},
		"an eviction": func(t *testing.T, _ *shelf, d *Directory, _ *telegram) *Directory {
			d.keeper.flushAll(t.Context())
			d.memory.mu.Lock()
			defer d.memory.mu.Unlock()
			d.memory.peers, d.memory.names, d.memory.lately = generations{}, newNames(), lately{}
			return d
		},
		"too many names": func(t *testing.T, _ *shelf, d *Directory, g *telegram) *Directory {
			for id := range int64(namesMany + 1) {
				d.Learn(g.encode(called(1000+id, 1, fmt.Sprintf("other%d", id))))
			}
			return d
		},
		"many guesses before it was met": func(t *testing.T, _ *shelf, d *Directory, g *telegram) *Directory {
			d.use(t)
			d.Learn(g.encode(called(7, 77, "Carol")))
			for id := range int64(namesMany + 1) {
				d.Learn(g.encode(called(1000+id, 1, fmt.Sprintf("other%d", id))))
			}
			return d
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				d, g := owner(t, s, 1)
				g.now, g.errOf = []M{carol}, map[string]error{"contacts.resolveUsername": &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}}
				if !strings.HasPrefix(what, "many guesses") {
					d.Learn(g.encode(carol))
				}
				d = lose(t, s, d, g)
				defer d.Close(t.Context())
				d.use(t)
				g.asked = nil
				if got := d.get(t.Context(), "@carol"); got != "user.7" || len(g.asked) > 0 {
					t.Errorf("get: %s, asked %q", got, g.asked)
				}
				if got := d.line(t.Context(), "InputPeer", "@carol"); got != "inputPeerUser 7 77" {
					t.Errorf("a call: %s, asked %q", got, g.asked)
				}
				if kind, id, err := d.Named(t.Context(), "t.me/CAROL"); kind != subjects.User || id != 7 || err != nil {
					t.Errorf("an erasure: %s.%d %v", kind, id, err)
				}
				if n := len(g.asked); n > 1 || n == 1 && g.asked[0] != "users.getUsers" {
					t.Errorf("asked %q", g.asked)
				}
			})
		})
	}
}

// However many names are guessed, the bucket is gone through once.
func TestGuessesReadTheBucketOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		lived(t, s, 1, called(7, 77, "carol"))
		d, g := owner(t, s, 1)
		g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
		for i := range 200 {
			go d.line(t.Context(), "InputPeer", fmt.Sprintf("@guess%d", i))
		}
		synctest.Wait()
		d.use(t)
		if s.passes != 1 {
			t.Errorf("it is gone through %d times", s.passes)
		}
		d.Close(t.Context())
	})
}

// A name that a record has leads to nobody any more as soon as something passes that says so, written or not, and to whoever was seen with it last.
func TestNameInARecordPasses(t *testing.T) {
	for what, c := range map[string]struct {
		pass func(d *Directory, g *telegram)
		want string // get of the name
	}{
		"taken away":           {func(d *Directory, _ *telegram) { d.Renamed(7, "U", nil) }, "404"},
		"seen without":         {func(d *Directory, g *telegram) { d.Learn(g.encode(called(7, 77))) }, "404"},
		"seen with another":    {func(d *Directory, g *telegram) { d.Learn(g.encode(called(7, 77, "other"))) }, "404"},
		"somebody else's":      {func(d *Directory, g *telegram) { d.Learn(g.encode(called(5, 55, "carol"))) }, "user.5"},
		"given to another":     {func(d *Directory, _ *telegram) { d.Renamed(6, "U", []string{"Carol"}) }, "user.6"},
		"and seen in passing":  {func(d *Directory, g *telegram) { d.Learn(g.encode(minUser(7))) }, "user.7"},
		"nothing of it passes": {func(*Directory, *telegram) {}, "user.7"},
	} {
		for _, lost := range []string{"nothing", "memory", "the daemon"} {
			t.Run(what+", lost is "+lost, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, ctx := newShelf(), t.Context()
					lived(t, s, 1, called(7, 77, "carol"), called(6, 66))
					d, g := owner(t, s, 1)
					g.errOf = map[string]error{"contacts.resolveUsername": &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}}
					if got := d.get(ctx, "@carol"); got != "user.7" {
						t.Errorf("before: %s", got)
					}
					c.pass(d, g)
					if lost != "nothing" {
						d.keeper.flushAll(ctx)
						d.memory.mu.Lock()
						d.memory.peers, d.memory.names = generations{}, newNames()
						d.memory.mu.Unlock()
					}
					if lost == "the daemon" {
						d.Close(ctx)
						d = New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Account: "main", User: 1, Store: s, Box: testBox()})
					}
					defer d.Close(ctx)
					if got := d.get(ctx, "@carol"); !strings.HasPrefix(got, c.want) {
						t.Errorf("get: %s", got)
					}
					g.now = []M{called(7, 77, "other")}
					if got := d.line(ctx, "InputPeer", "@carol"); strings.Contains(got, "7 77") {
						t.Errorf("a call of what is his no more: %s", got)
					}
				})
			})
		}
	}
}

// A call never goes to whoever a record names without him having been asked.
func TestNameInARecordIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		lived(t, s, 1, called(7, 77, "alice"))
		d, g := owner(t, s, 1)
		g.now = []M{called(7, 77, "other")}
		got := d.line(t.Context(), "InputPeer", "@alice")
		if want := []string{"users.getUsers", "contacts.resolveUsername alice"}; got != "inputPeerUser 5 55" || !slices.Equal(g.asked, want) {
			t.Errorf("%s, asked %q", got, g.asked)
		}
		d.Close(t.Context())
	})
}

// That a name was nobody's counts no more once somebody is seen with it; and counts where somebody was who had it before.
func TestVainNameAndRecords(t *testing.T) {
	for name, before := range map[string]bool{"had before": true, "taken since": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				d, g := owner(t, s, 1)
				g.now, g.errOf = []M{called(7, 77)}, map[string]error{"contacts.resolveUsername": &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}}
				vain := func() {
					if got := d.line(t.Context(), "InputPeer", "@late_name"); !strings.Contains(got, "NOT_OCCUPIED") {
						t.Error(got)
					}
				}
				if !before {
					vain()
				}
				d.Learn(g.encode(called(7, 77, "late_name")))
				d.keeper.flushAll(t.Context())
				if before {
					time.Sleep(nameLife + time.Second)
					vain()
				}
				d.Close(t.Context())
				d, g = owner(t, s, 1)
				g.now, g.errOf = []M{called(7, 77, "late_name")}, map[string]error{"contacts.resolveUsername": &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}}
				got := d.line(t.Context(), "InputPeer", "@late_name")
				if before != strings.Contains(got, "NOT_OCCUPIED") {
					t.Errorf("%s, asked %q", got, g.asked)
				}
				d.Close(t.Context())
			})
		})
	}
}

// A bucket that does not answer says of no name that it is nobody's who is known.
func TestNamesOfABucketAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		lived(t, s, 1, called(7, 77, "carol"))
		d, g := owner(t, s, 1)
		s.fail(errors.New("no answer from JetStream"))
		if got := d.get(t.Context(), "@carol"); !strings.HasPrefix(got, "503") {
			t.Error(got)
		}
		if got := d.line(t.Context(), "InputPeer", "@alice"); got != "inputPeerUser 5 55" { // Telegram answers
			t.Error(got)
		}
		s.fail(nil)
		time.Sleep(passRest)
		if got := d.get(t.Context(), "@carol"); got != "user.7" || len(g.asked) != 1 {
			t.Errorf("%s, asked %q", got, g.asked)
		}
		d.Close(t.Context())
	})
}

// A name that Telegram was asked for leads to whoever had it no more once an update takes it away, for who asks nobody too, and after a restart.
func TestAskedNameTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, s := t.Context(), newShelf()
		d, g := owner(t, s, 1)
		if got := d.line(ctx, "InputPeer", "@alice"); got != "inputPeerUser 5 55" {
			t.Fatal(got)
		}
		if _, _, err := s.Get(ctx, "main.name.alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * gather)
		if got := d.get(ctx, "@alice"); got != "user.5" {
			t.Errorf("before: %s", got)
		}
		d.Renamed(5, "U", nil)
		for what := range 3 {
			if got := d.get(ctx, "@alice"); !strings.HasPrefix(got, "404") {
				t.Errorf("%d: %s", what, got)
			}
			d.Close(ctx)
			d, g = owner(t, s, 1)
		}
		g.now, g.errOf = []M{called(5, 55)}, map[string]error{"contacts.resolveUsername": &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}}
		if _, _, err := d.Named(ctx, "@alice"); err == nil || !strings.Contains(err.Error(), "nobody's now") {
			t.Errorf("%v", err)
		}
		d.Close(ctx)
	})
}
