package mtproto_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
)

// ledger counts how often each call was executed.
type ledger struct {
	mu   sync.Mutex
	seen map[string]int
}

// unguarded is a method that is not to be made twice and has no random_id to tell.
const unguarded = "help.setBotUpdatesStatus"

func (l *ledger) watch(s *mttest.Server) {
	l.seen = map[string]int{}
	s.InterceptMethod(unguarded, func(q *mttest.Request) mttest.Action {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen[q.Args.Str("message")]++
		return mttest.Answer(true)
	})
}

func (l *ledger) twice() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.seen {
		if c > 1 {
			n++
		}
	}
	return n
}

// storm makes calls from several goroutines, half of them unguarded, half messages, and disturbs after every so many
// answers. Errors of calls are given to failed.
func storm(r *rig, to *mttest.Account, total, callers, every int, disturb func(), failed func(about string, err error)) {
	var done atomic.Int64
	var wg sync.WaitGroup
	hash := to.AccessHash(to)
	for w := range callers {
		wg.Go(func() {
			for i := range total / callers {
				about := fmt.Sprintf("%d-%d", w, i)
				call := M{"_": unguarded, "pending_updates_count": 0, "message": about}
				if i%2 == 0 {
					call = M{
						"_": "messages.sendMessage", "message": about, "random_id": rand.Int64(),
						"peer": M{"_": "inputPeerUser", "user_id": to.ID(), "access_hash": hash},
					}
				}
				if _, err := r.Invoke(r.ctx, r.encode(call)); err != nil {
					failed(about, err)
				}
				if n := done.Add(1); n%int64(every) == 0 {
					disturb()
				}
			}
		})
	}
	wg.Wait()
	equal(r, "answered", done.Load(), int64(total))
}

// The connection is cut 100 times during 10,000 calls: each is answered once, none is executed twice, and nothing is left
// over (TestMain looks for goroutines). C26, C27, C36.
func TestCuts(t *testing.T) {
	const total, callers, cuts = 10_000, 50, 100
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice"})
		var l ledger
		l.watch(s)
		// Slow, so that the server is done with what came over one connection before it hears of the next one.
		r := start(t, s, as(s, alice), func(o *mtproto.Options) { o.Dial = slow(s.Dial) })
		r.ready()
		storm(r, alice, total, callers, total/cuts, func() { s.Cut() }, func(about string, err error) {
			t.Errorf("call %s: %v", about, err)
		})
		equal(t, "executed without random_id", len(l.seen), total/2)
		equal(t, "messages sent", s.Distinct("messages.sendMessage"), total/2)
		if n := l.twice() + len(s.Repeated("")); n > 0 {
			t.Errorf("%d calls executed twice", n)
		}
		if n := len(seen[mtproto.Disconnected](r)); n < cuts/2 || n > 2*cuts {
			t.Errorf("%d disconnections", n)
		}
	})
}

// The same with all that can go wrong at a server. Where it forgets sessions, the fate of a call without random_id may be
// beyond finding out: it then fails, and says truthfully that it may have been executed.
func TestFaults(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.RepeatSends = true })
			alice := s.AddUser(mttest.User{First: "Alice"})
			var l ledger
			l.watch(s)
			r := start(t, s, as(s, alice), func(o *mtproto.Options) { o.Dial = slow(s.Dial) })
			r.ready()
			s.Faults.Draw(seed, wire.Rates{
				wire.NewSalt: .002, wire.WrongSalt: .002, wire.DestroySession: .002, wire.LoseAnswer: .002,
				wire.LoseAck: .01, wire.IgnoreAcks: .01, wire.Duplicate: .01, wire.Reorder: .01,
			})
			lost := 0
			var mu sync.Mutex
			storm(r, alice, 2000, 20, 100, func() { time.Sleep(time.Second) }, func(about string, err error) {
				mu.Lock()
				defer mu.Unlock()
				lost++
				l.mu.Lock()
				defer l.mu.Unlock()
				if sent := mtproto.SentOf(err); sent == mtproto.SentNo && l.seen[about] > 0 {
					t.Errorf("seed %d: %s was executed: %v", seed, about, err)
				}
			})
			if n := l.twice(); n > 0 {
				t.Errorf("seed %d: %d calls executed twice", seed, n)
			}
			if lost > 50 {
				t.Errorf("seed %d: %d calls lost", seed, lost)
			}
			t.Logf("seed %d: %d lost, %d connections", seed, lost, len(seen[mtproto.Connected](r)))
		})
	}
}
