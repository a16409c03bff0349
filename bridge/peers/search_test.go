package peers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto"
)

// passed is a shelf of which passes are counted. Each takes its time.
type passed struct {
	*shelf
	takes  time.Duration
	fails  error // what a pass ends with
	mu     sync.Mutex
	passes int
	atOnce int
	now    int
}

func (s *passed) Each(ctx context.Context, filter string, yield func(string, []byte) bool) error {
	s.mu.Lock()
	s.passes++
	s.now++
	s.atOnce = max(s.atOnce, s.now)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	return errors.Join(s.shelf.Each(ctx, filter, yield), s.fails)
}

func searched(t *testing.T, takes time.Duration) (*Directory, *passed) {
	g := &telegram{t: t, s: schema(t)}
	s := &passed{shelf: newShelf(), takes: takes}
	d := New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Account: "main", User: 1, Store: s, Box: testBox()})
	for id := range int64(9) {
		d.Learn(g.encode(M{"_": "user", "id": 100 + id, "access_hash": 1, "first_name": fmt.Sprint("Eve", id)}))
	}
	return d, s
}

// However many search at once, the bucket is gone through once at a time, and once for all who wait. As reported: each search had a pass of
// its own, of which as many were at work as there were places, and the daemon lost its lease.
func TestSearchesShareAPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := searched(t, time.Second)
		defer d.Close(t.Context())
		var work sync.WaitGroup
		ask := func(text, want string) {
			work.Go(func() {
				b, f := d.Answer(t.Context(), "search", []byte(`{"text":"`+text+`"}`), nil)
				if f != nil || string(b) != want {
					t.Errorf("%s: %v %s", text, f, b)
				}
			})
		}
		ask("zzzz", `{"peers":[]}`)
		synctest.Wait() // its pass is under way
		for range 50 {
			ask("zzzz", `{"peers":[]}`)
			ask("eve3", `{"peers":[{"kind":"user","id":"103","type":"user","name":"Eve3"}]}`)
		}
		work.Wait()
		if s.passes != 2 || s.atOnce != 1 {
			t.Errorf("%d passes, %d at once", s.passes, s.atOnce)
		}
	})
}

// Who searches all the time leaves half of the time to others.
func TestSearchesRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := searched(t, time.Second)
		defer d.Close(t.Context())
		for begun := time.Now(); time.Since(begun) < time.Minute; {
			if _, f := d.Answer(t.Context(), "search", []byte(`{"text":"zzzz"}`), nil); f != nil {
				t.Fatal(f)
			}
		}
		if s.passes < 25 || s.passes > 32 {
			t.Errorf("%d passes of a second in a minute", s.passes)
		}
	})
}

// Who has enough before a pass comes to a bad end gets it, and does not wait for those who look further.
func TestSearchThatEndsBadlyBehindEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := searched(t, time.Second)
		defer d.Close(t.Context())
		s.fails = errors.New("the bucket was lost")
		var work sync.WaitGroup
		for body, enough := range map[string]bool{`{"text":"eve","limit":1}`: true, `{"text":"eve8"}`: false, `{"text":"zzzz"}`: false} {
			work.Go(func() {
				b, f := d.Answer(t.Context(), "search", []byte(body), own)
				if (f == nil) != enough || strings.Contains(string(b), `"more":true`) != enough {
					t.Errorf("%s: %v %s", body, f, b)
				}
			})
		}
		work.Wait()
	})
}

// Who does not wait any more has nothing looked for; a limit is each search's own; kinds too.
func TestSearchesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := searched(t, time.Second)
		defer d.Close(t.Context())
		explain := func(err error) answer.Fault { return answer.Fault{Code: 504, Text: err.Error()} }
		var work sync.WaitGroup
		for _, c := range []struct {
			body, want string
			within     time.Duration
		}{
			{`{"text":"eve","limit":1,"kind":"channel"}`, `{"peers":[]}`, time.Minute},
			{`{"text":"eve8","limit":1,"kind":"user"}`, `{"peers":[{"kind":"user","id":"108","type":"user","name":"Eve8"}]}`, time.Minute},
			{`{"text":"eve"}`, "", time.Millisecond},
		} {
			work.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), c.within)
				defer cancel()
				if b, f := d.Answer(ctx, "search", []byte(c.body), explain); string(b) != c.want || (f != nil) != (c.want == "") {
					t.Errorf("%s: %v %s", c.body, f, b)
				}
			})
			synctest.Wait()
		}
		work.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, f := d.Answer(ctx, "search", []byte(`{"text":"eve"}`), explain); f == nil {
			t.Error("an answer for nobody")
		}
		time.Sleep(time.Minute)
		if s.passes != 2 {
			t.Errorf("%d passes", s.passes)
		}
	})
}

// A directory that is closed searches no more, and its end does not wait for those who do.
func TestSearchOfAClosedDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := searched(t, time.Second)
		ended := make(chan *answer.Fault, 1)
		go func() {
			_, f := d.Answer(t.Context(), "search", []byte(`{"text":"zzzz"}`), own)
			ended <- f
		}()
		synctest.Wait()
		d.Close(t.Context())
		for range 2 {
			if f := <-ended; f == nil || f.Code != 503 {
				t.Errorf("%+v", f)
			}
			_, f := d.Answer(t.Context(), "search", []byte(`{"text":"zzzz"}`), own)
			ended <- f
		}
	})
}

// own is how an account explains faults of its own.
func own(err error) answer.Fault {
	var f *answer.Fault
	if errors.As(err, &f) {
		return *f
	}
	return answer.Fault{Code: 500, Text: err.Error()}
}

// A question sits out a flood wait, and who has no time for that is told at once how long it lasts; so is who comes while it lasts.
func TestFloodWaitIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &telegram{t: t, s: schema(t)}
		d := New(Config{Schema: g.s, People: people(g.s), Invoke: func(ctx context.Context, query []byte) ([]byte, error) {
			end := mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitFlood, Until: time.Now().Add(8 * time.Second),
				Refusal: &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_8", Arg: 8, Method: "contacts.resolveUsername"}})
			time.Sleep(8 * time.Second)
			end()
			return g.invoke(ctx, query)
		}})
		begun := time.Now()
		patient := make(chan string, 1)
		go func() { patient <- d.line(t.Context(), "InputPeer", "@somebody") }()
		for _, after := range []time.Duration{0, 3 * time.Second, 6500 * time.Millisecond} {
			time.Sleep(time.Until(begun.Add(after)))
			_, f := d.Answer(mtproto.WithFloodWait(t.Context(), 0), "resolve", []byte(`{"peer":"@somebody"}`), func(err error) answer.Fault {
				return answer.Fault{Code: 420, RetryAfter: mtproto.RetryAfter(err)}
			})
			if want := (8*time.Second - after + time.Second - 1).Truncate(time.Second); f == nil || f.RetryAfter != want || time.Since(begun) != after {
				t.Errorf("after %v: %+v, at %v", after, f, time.Since(begun))
			}
		}
		if got := <-patient; time.Since(begun) != 8*time.Second || len(g.asked) != 1 {
			t.Errorf("%s at %v, asked %v", got, time.Since(begun), g.asked)
		}
		if _, f := d.Answer(mtproto.WithFloodWait(t.Context(), 0), "resolve", []byte(`{"peer":"@somebody"}`), nil); f != nil {
			t.Errorf("it is known by now: %+v", f)
		}
	})
}
