package mtproto_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
)

// order notes which calls a server executed, in which order.
type order struct {
	mu   sync.Mutex
	done []string
}

// watch answers unguarded calls with what answer says of them; nil: at once.
func (o *order) watch(s *mttest.Server, answer func(about string) *mttest.Action) {
	s.InterceptMethod(unguarded, func(q *mttest.Request) mttest.Action {
		about := q.Args.Str("message")
		if a := answer(about); a != nil {
			return *a
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.done = append(o.done, about)
		return mttest.Answer(true)
	})
}

// far dials connections over which everything takes half of a round trip.
func far(dial mtproto.DialFunc, half time.Duration) mtproto.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return &farConn{c, half}, err
	}
}

type farConn struct {
	net.Conn
	half time.Duration
}

func (c *farConn) Write(b []byte) (int, error) {
	time.Sleep(c.half)
	return c.Conn.Write(b)
}

// C39: calls of a sequence are executed in their order, whatever becomes of single ones, each once, and sent without waiting
// for one another's answers.
func TestSequence(t *testing.T) {
	const calls = 30
	once := func(about string, a mttest.Action) func(string) *mttest.Action {
		said := false
		return func(of string) *mttest.Action {
			if of != about || said {
				return nil
			}
			said = true
			return &a
		}
	}
	nothing := func(string) *mttest.Action { return nil }
	for _, tc := range []struct {
		name   string
		answer func(string) *mttest.Action
		harm   func(*mttest.Server)
		most   time.Duration
	}{
		{"all goes well", nothing, nil, time.Second},
		{"a flood wait", once("7", mttest.Error(420, "FLOOD_WAIT_3")), nil, 5 * time.Second},
		{"a flood wait of the first", once("0", mttest.Error(420, "FLOOD_WAIT_3")), nil, 5 * time.Second},
		{"an error that passes", once("7", mttest.Error(500, "RPC_CALL_FAIL")), nil, 4 * time.Second},
		{"a connection that breaks", nothing, func(s *mttest.Server) { time.AfterFunc(150*time.Millisecond, func() { s.Cut() }) }, 5 * time.Second},
		{"wrong salts", nothing, func(s *mttest.Server) { s.Faults.Next(wire.WrongSalt, 2) }, 5 * time.Second},
		{"other salts", nothing, (*mttest.Server).NewSalts, 5 * time.Second},
		{"a temporary key that is forgotten", nothing, (*mttest.Server).UnbindTempKeys, 20 * time.Second},
		{"a predecessor that is not there", once("7", mttest.Error(400, "MSG_WAIT_TIMEOUT")), nil, 5 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mttest.NewServer(t, inMemory)
				var o order
				o.watch(s, tc.answer)
				r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) {
					o.Dial = far(s.Dial, 100*time.Millisecond)
				})
				r.ready()
				time.Sleep(time.Second)
				if tc.harm != nil {
					tc.harm(s)
				}
				began := time.Now()
				want := make([]string, calls)
				waits := make([]func() ([]byte, error), calls)
				q := r.Sequence()
				for i := range calls {
					want[i] = fmt.Sprint(i)
					waits[i] = q.Start(t.Context(), r.encode(M{"_": unguarded, "pending_updates_count": 0, "message": want[i]}))
				}
				for i, wait := range waits {
					if _, err := wait(); err != nil {
						t.Errorf("%d: %v", i, err)
					}
				}
				if d := time.Since(began); d > tc.most {
					t.Errorf("took %v", d)
				}
				equal(t, "executed", o.done, want)
			})
		})
	}
}

// C39: a call that fails for good, or is given up, does not keep the next from being made. One that takes long holds it up.
func TestSequenceGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		var o order
		slowly := mttest.Delay(4*time.Second, mttest.Answer(true))
		o.watch(s, func(about string) *mttest.Action {
			answers := map[string]mttest.Action{"wrong": mttest.Error(400, "BOT_MISSING"), "given up": mttest.Drop(), "slow": slowly}
			if a, ok := answers[about]; ok {
				return &a
			}
			return nil
		})
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		q := r.Sequence()
		begin := func(ctx context.Context, about string) func() ([]byte, error) {
			return q.Start(ctx, r.encode(M{"_": unguarded, "pending_updates_count": 0, "message": about}))
		}
		brief, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		wrong, a, givenUp, b, slow, c := begin(t.Context(), "wrong"), begin(t.Context(), "a"), begin(brief, "given up"),
			begin(t.Context(), "b"), begin(t.Context(), "slow"), begin(t.Context(), "c")
		for i, wait := range []func() ([]byte, error){wrong, a, givenUp, b, slow, c} {
			if _, err := wait(); (err != nil) != (i == 0 || i == 2) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if d := time.Since(began); d < 6*time.Second || d > 12*time.Second {
			t.Errorf("took %v", d)
		}
		if !slices.Equal(o.done, []string{"a", "b", "c"}) {
			t.Errorf("executed: %v", o.done)
		}
	})
}

// However many calls somebody starts, a bounded number of them is under way, and who starts more waits for no longer than he
// may.
func TestSequenceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s)
		r.ready()
		remove := s.InterceptMethod("help.getNearestDc", func(*mttest.Request) mttest.Action { return mttest.Drop() })
		seq, query := r.Sequence(), r.encode(M{"_": "help.getNearestDc"})
		ctx, cancel := context.WithCancel(t.Context())
		for range 1024 {
			seq.Start(ctx, query)
		}
		soon, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began := time.Now()
		if _, err := seq.Invoke(soon, query); !errors.Is(err, context.DeadlineExceeded) || mtproto.SentOf(err) != mtproto.SentNo || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		remove()
		cancel()
		if _, err := seq.Invoke(t.Context(), query); err != nil {
			t.Error(err)
		}
	})
}

// A call that fails for good costs those behind it, which were refused with it, one round trip together.
func TestSequencePipelinesAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		var o order
		o.watch(s, func(about string) *mttest.Action {
			if a := mttest.Error(400, "BOT_MISSING"); about == "wrong" {
				return &a
			}
			return nil
		})
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.Dial = far(s.Dial, 100*time.Millisecond) })
		r.ready()
		q := r.Sequence()
		var want []string
		var waits []func() ([]byte, error)
		for i := range 300 {
			about := fmt.Sprint(i)
			if i == 3 || i == 100 {
				about = "wrong"
			} else {
				want = append(want, about)
			}
			waits = append(waits, q.Start(t.Context(), r.encode(M{"_": unguarded, "pending_updates_count": 0, "message": about})))
		}
		began := time.Now()
		for i, wait := range waits {
			if _, err := wait(); (err != nil) != (i == 3 || i == 100) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("took %v", d)
		}
		equal(t, "executed", o.done, want)
	})
}

// A place that is left holds nobody up, in whatever order places are used.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		var o order
		o.watch(s, func(string) *mttest.Action { return nil })
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		q := r.Sequence()
		var places []*mtproto.Place
		for range 6 {
			places = append(places, q.Next())
		}
		var wg sync.WaitGroup
		for _, i := range []int{5, 3, 2, 0} {
			wg.Go(func() {
				if _, err := places[i].Invoke(t.Context(), r.encode(M{"_": unguarded, "pending_updates_count": 0, "message": fmt.Sprint(i)})); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		places[4].Leave()
		places[1].Leave()
		wg.Wait()
		equal(t, "executed", o.done, []string{"0", "2", "3", "5"})
	})
}

type waiter func(mtproto.Wait) func()

func (w waiter) BeginWait(of mtproto.Wait) func() { return w(of) }

// Whoever waits behind a flood wait that outlasts him is told at once how long it is. He hears of all that he waits for.
func TestSequencePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		var o order
		flooded := mttest.Error(420, "FLOOD_WAIT_5")
		told := false
		o.watch(s, func(about string) *mttest.Action {
			if about != "first" || told {
				return nil
			}
			told = true
			return &flooded
		})
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		q, began := r.Sequence(), time.Now()
		var mu sync.Mutex
		heard := map[string]int{}
		hears := func(who string) context.Context {
			return mtproto.WithWaiter(t.Context(), waiter(func(w mtproto.Wait) func() {
				mu.Lock()
				defer mu.Unlock()
				heard[fmt.Sprint(who, " begins ", w.For, " ", w.Refusal != nil)]++
				return func() {
					mu.Lock()
					defer mu.Unlock()
					heard[fmt.Sprint(who, " ends ", w.For)]++
				}
			}))
		}
		begin := func(ctx context.Context, about string) func() ([]byte, error) {
			return q.Start(ctx, r.encode(M{"_": unguarded, "pending_updates_count": 0, "message": about}))
		}
		brief, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		first, second, third := begin(hears("first"), "first"), begin(hears("second"), "second"), q.Next()
		synctest.Wait()
		_, err := third.Invoke(brief, r.encode(M{"_": "messages.readHistory", "peer": M{"_": "inputPeerSelf"}, "max_id": 1}))
		if d := time.Since(began); d > time.Second || mtproto.RetryAfter(err).Round(2*time.Second) != 6*time.Second || mtproto.SentOf(err) != mtproto.SentNo {
			t.Errorf("after %v: %v", d, err)
		}
		for _, wait := range []func() ([]byte, error){first, second} {
			if _, err := wait(); err != nil {
				t.Error(err)
			}
		}
		equal(t, "executed", o.done, []string{"first", "second"})
		for _, want := range []string{"first begins 0 true", "first ends 0"} {
			if heard[want] != 1 {
				t.Errorf("%s: %v", want, heard)
			}
		}
	})
}

// C39: sends that a random_id guards come again, in their order, after the session is forgotten in which they were sent, and the call
// before them has failed with it.
func TestSequenceForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		var o order
		o.watch(s, func(string) *mttest.Action { a := mttest.Drop(); return &a })
		s.InterceptMethod("messages.sendMessage", func(q *mttest.Request) mttest.Action {
			o.mu.Lock()
			defer o.mu.Unlock()
			if about := q.Args.Str("message"); !slices.Contains(o.done, about) { // as the random_id does it
				o.done = append(o.done, about)
			}
			return mttest.Answer(M{"_": "updatesTooLong"})
		})
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		q := r.Sequence()
		first := q.Start(t.Context(), r.encode(M{"_": unguarded, "pending_updates_count": 0, "message": "lost"}))
		want := make([]string, 10)
		waits := make([]func() ([]byte, error), len(want))
		for i := range want {
			want[i] = fmt.Sprint(i)
			waits[i] = q.Start(t.Context(), r.encode(M{"_": "messages.sendMessage", "peer": M{"_": "inputPeerSelf"}, "message": want[i],
				"random_id": int64(i + 1)}))
		}
		synctest.Wait()
		s.ForgetSessions()
		s.Cut()
		if _, err := first(); mtproto.SentOf(err) == mtproto.SentNo || err == nil {
			t.Errorf("the first: %v", err)
		}
		for i, wait := range waits {
			if _, err := wait(); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		equal(t, "executed", o.done, want)
	})
}
