package session

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	simSeeds = flag.Int("session.seeds", 300, "simulated sessions")
	simSeed  = flag.Uint64("session.seed", 0, "simulate this one alone")
)

// sim is a session and a model server in one goroutine, with a network between them that fails.
type sim struct {
	rnd   *rand.Rand
	now   time.Time
	skew  time.Duration // of the server's clock
	s     *Session
	m     *model
	up    bool
	deaf  bool     // half-open: nothing comes back
	to    [][]byte // on the way to the server
	from  [][]byte // on the way to the client
	calls map[CallID]*simCall
	held  []int64
	got   map[string]int // updates
	count int
	err   error
	ends  map[string]int // how calls ended, for the record
	log   func(string, ...any)
}

type simCall struct {
	name  string
	safe  bool
	ended bool
}

func newSim(seed uint64) *sim {
	x := &sim{rnd: rand.New(testRand(seed)), now: start, calls: map[CallID]*simCall{}, got: map[string]int{}, ends: map[string]int{}, log: func(string, ...any) {}}
	if x.rnd.IntN(4) == 0 {
		x.skew = time.Duration(x.rnd.Int64N(int64(20*time.Hour))) - 10*time.Hour
	}
	x.m = newModel(testKey(), seed, func() time.Time { return x.now.Add(x.skew) })
	s, err := New(Config{Key: testKey(), Rand: testRand(seed + 2), HoldUpdates: x.rnd.IntN(2) == 0})
	if err != nil {
		panic(err)
	}
	x.s = s
	return x
}

func (x *sim) fail(format string, a ...any) {
	if x.err == nil {
		x.err = fmt.Errorf(format, a...)
	}
}

// run is one succession: trouble, then peace in which everything must come to an end.
func (x *sim) run(steps int) error {
	for range steps {
		x.step()
		x.settle()
	}
	x.m.calm, x.deaf = true, false
	for i := 0; i < 2000 && !x.done(); i++ {
		if i%500 == 0 {
			x.cut() // what the server keeps for the next connection comes then
		}
		x.calm()
		x.settle()
	}
	x.check()
	return x.err
}

// step does one thing at random.
func (x *sim) step() {
	switch n := x.rnd.IntN(100); {
	case n < 20:
		x.call()
	case n < 45:
		x.toServer()
	case n < 70:
		x.toClient()
	case n < 80:
		x.m.work()
	case n < 88:
		x.pass(time.Duration(x.rnd.Int64N(int64(300 * time.Millisecond))))
	case n < 92:
		x.pass(time.Duration(x.rnd.Int64N(int64(8 * time.Second))))
	case n < 94:
		x.release()
	case n < 95:
		x.cancel()
	case n < 98:
		x.trouble()
	default:
		x.connect()
	}
}

func (x *sim) trouble() {
	switch x.rnd.IntN(6) {
	case 0:
		x.deaf = true
	case 1:
		if len(x.from) > 0 { // damaged
			p := x.from[0]
			p[x.rnd.IntN(len(p))] ^= 1 << x.rnd.IntN(8)
		}
	case 2:
		if x.rnd.IntN(4) == 0 { // the machine slept
			x.skew += time.Duration(x.rnd.Int64N(int64(10 * time.Minute)))
		}
	default:
		x.cut()
	}
}

func (x *sim) connect() {
	if x.up {
		return
	}
	x.log("connect")
	x.up = true
	x.m.conn = nil
	x.s.Connected(x.now)
}

// cut breaks the connection: of what is on the way, only a beginning arrives.
func (x *sim) cut() {
	if !x.up {
		return
	}
	x.log("cut")
	for n := x.rnd.IntN(len(x.to) + 1); n > 0; n-- {
		x.toServer()
	}
	x.m.packets() // sent into the void
	x.up, x.deaf, x.to, x.from = false, false, nil, nil
	x.s.Disconnected(x.now)
}

func (x *sim) call() {
	x.count++
	c := &simCall{name: fmt.Sprintf("q%d", x.count), safe: x.rnd.IntN(3) == 0}
	x.calls[x.s.Call(x.now, query(c.name), CallOptions{Resendable: c.safe})] = c
}

func (x *sim) cancel() {
	for _, id := range sortedKeys(x.calls) {
		c := x.calls[id]
		if c.ended || x.rnd.IntN(3) > 0 {
			continue
		}
		c.ended = true
		x.truth(c, x.s.Cancel(x.now, id))
		return
	}
}

func (x *sim) release() {
	if len(x.held) > 0 {
		i := x.rnd.IntN(len(x.held))
		x.s.Release(x.held[i])
		x.held = append(x.held[:i], x.held[i+1:]...)
	}
}

func (x *sim) toServer() {
	if len(x.to) > 0 {
		p := x.to[0]
		x.to = x.to[1:]
		x.m.accept(p)
		x.flush()
	}
}

// flush puts on the way what the server has to say.
func (x *sim) flush() {
	if !x.up {
		return
	}
	if out := x.m.packets(); !x.deaf {
		x.from = append(x.from, out...)
	}
}

func (x *sim) toClient() {
	x.flush()
	if len(x.from) > 0 {
		p := x.from[0]
		x.from = x.from[1:]
		if _, err := x.s.Receive(x.now, p); err != nil {
			x.log("receive: %v", err)
			x.cut()
		}
	}
}

// pass lets time go by.
func (x *sim) pass(d time.Duration) {
	end := x.now.Add(d)
	for at := x.s.Wake(); !at.IsZero() && at.Before(end); at = x.s.Wake() {
		if at.After(x.now) {
			x.now = at
		}
		if err := x.s.Tick(x.now); err != nil {
			x.log("tick: %v", err)
			x.cut()
		}
		x.settle()
		if next := x.s.Wake(); !next.IsZero() && !next.After(at) {
			x.fail("Wake stands still at %v", next)
			return
		}
	}
	x.now = end
}

// settle takes what the client has to say after an input.
func (x *sim) settle() {
	for e, ok := x.s.Event(); ok; e, ok = x.s.Event() {
		x.log("event %T%+v", e, e)
		x.event(e)
	}
	for x.up {
		due := x.s.Due()
		p, ok := x.s.Append(x.now, nil)
		if ok && !due {
			x.fail("a packet that was not due")
		}
		if !ok {
			return
		}
		x.to = append(x.to, p)
	}
}

func (x *sim) event(e Event) {
	switch e := e.(type) {
	case Result:
		var name string
		if e.Err != nil {
			name = e.Err.ErrorMessage
		} else {
			name = queryName(e.Body)
		}
		c := x.end(e.Call)
		x.ends["answered"]++
		if name != c.name {
			x.fail("%s got the answer of %s", c.name, name)
		}
	case Failed:
		x.truth(x.end(e.Call), e.Sent)
	case Update:
		name := queryName(e.Body)
		if x.got[name]++; x.got[name] > 1 {
			x.fail("update %s came twice", name)
		}
		if x.s.cfg.HoldUpdates {
			x.held = append(x.held, e.MsgID)
		}
	}
}

func (x *sim) end(id CallID) *simCall {
	c := x.calls[id]
	if c == nil || c.ended {
		x.fail("call %d ended twice", id)
		return &simCall{}
	}
	c.ended = true
	return c
}

// truth holds what is said of a failed call against what the server did.
func (x *sim) truth(c *simCall, sent Sent) {
	if seen := x.m.seen[c.name]; sent == Yes && !seen || sent == No && seen {
		x.fail("%s: said sent %v, seen by the server: %v", c.name, sent, seen)
	}
	x.ends["failed or cancelled, sent "+sent.String()]++
	x.log("%s failed, sent %v", c.name, sent)
}

// calm is a step without faults.
func (x *sim) calm() {
	x.connect()
	for len(x.to) > 0 {
		x.toServer()
	}
	x.settle()
	x.m.work()
	x.flush()
	for len(x.from) > 0 {
		x.toClient()
		x.settle()
	}
	for len(x.held) > 0 {
		x.release()
	}
	x.pass(500 * time.Millisecond)
}

func (x *sim) done() bool {
	return x.s.Pending() == 0 && len(x.s.acks.ids) == 0 && len(x.to) == 0 && (x.m.conn == nil || len(x.m.conn.out) == 0)
}

// check is what must be true in the end.
func (x *sim) check() {
	if x.m.problem != nil {
		x.fail("the server saw: %w", x.m.problem)
	}
	if !x.done() {
		x.fail("not done: %d calls, %d acks; %s", x.s.Pending(), len(x.s.acks.ids), x.debug())
	}
	for _, id := range sortedKeys(x.calls) {
		c := x.calls[id]
		if !c.ended {
			x.fail("%s never ended", c.name)
		}
		if n := x.m.executed[c.name]; n > 1 && !c.safe {
			x.fail("%s executed %d times", c.name, n)
		}
	}
	for name := range x.m.given {
		if x.got[name] == 0 {
			x.fail("update %s acknowledged, but not delivered", name)
		}
	}
	t := &x.s.calls
	if len(t.byID)+len(t.byMsg) > 0 || t.queue != (list{}) || t.flight != (list{}) || t.former != (list{}) {
		x.fail("left behind: %d calls, %d messages", len(t.byID), len(t.byMsg))
	}
}

// Sessions with everything going wrong that can: each call is answered once or fails and says truly whether the server
// saw it; none is executed twice unless it may be; all content is acknowledged; nothing is left behind.
// C13, C14: by the model of a server, which refuses wrong numbers. C5 to C42, D18
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		x := newSim(*simSeed)
		x.log, x.m.log = t.Logf, t.Logf
		if err := x.run(600); err != nil {
			t.Fatal(err)
		}
		return
	}
	n := *simSeeds
	if testing.Short() {
		n /= 10
	}
	ends := map[string]int{}
	for seed := uint64(1); seed <= uint64(n); seed++ {
		x := newSim(seed)
		err := x.run(600)
		for how, n := range x.ends {
			ends[how] += n
		}
		if err != nil {
			t.Fatalf("seed %d: %v\nagain: go test -run TestSimulation ./mtproto/session -session.seed=%d -v", seed, err, seed)
		}
	}
	t.Log(ends)
}

func (x *sim) debug() string {
	s := fmt.Sprintf("to %d from %d", len(x.to), len(x.from))
	if l := x.m.conn; l != nil {
		s += fmt.Sprintf(" conn %x (now %x) out %d next %d known %v", l.id, x.s.self.id, len(l.out), len(l.next), x.m.sessions[l.id] == l)
		for _, t := range l.out {
			s += fmt.Sprintf("\n  %x %d %08x %s", t.id, t.seq, idOf(t.body), t.update)
		}
	}
	return s
}
