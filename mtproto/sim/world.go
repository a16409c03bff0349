package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/transport"
)

// Options say what to run.
type Options struct {
	Seed   uint64
	Steps  int          // of trouble; 0: 150
	Mutant Mutant       // a defect to be found
	Trace  func(string) // is told what happens, a line at a time; nil: nobody
}

// Report is what a run consisted of.
type Report struct {
	Real     bool // keys were made by the exchange
	Calls    int
	Answered int
	Failed   [3]int // or were cancelled; by session.Sent
	Updates  int    // that the server sent
	Packets  int
	Keys     int // that were made
	Links    int // connections
	Sessions int // that the server began
	Took     time.Duration
	Faults   [faults]int // how often each happened
}

// Add sums up.
func (r *Report) Add(o Report) {
	r.Calls += o.Calls
	r.Answered += o.Answered
	for i, n := range o.Failed {
		r.Failed[i] += n
	}
	r.Updates += o.Updates
	r.Packets += o.Packets
	r.Keys += o.Keys
	r.Links += o.Links
	r.Sessions += o.Sessions
	r.Took += o.Took
	for f, n := range o.Faults {
		r.Faults[f] += n
	}
}

// world is one run.
type world struct {
	rnd         source
	trace       func(string)
	mutant      Mutant
	odds        [faults]int
	began       time.Time
	now         time.Time     // by the client's clock
	skew        time.Duration // server's clock - client's
	calm        bool          // no more faults
	client      *client
	senders     senders
	server      *server
	connections []*connection // those on which something may arrive yet
	report      Report
	err         error
}

var epoch = time.Unix(1_800_000_000, 123_456_789)

// Run runs one seed. The error says which promise was broken first.
func Run(o Options) (Report, error) {
	w := newWorld(o)
	if o.Steps == 0 {
		o.Steps = 150
	}
	for range o.Steps {
		w.step()
		if w.err != nil {
			break
		}
	}
	w.rest()
	w.check()
	return w.counted(), w.err
}

func newWorld(o Options) *world {
	w := &world{rnd: source{o.Seed * 0x2545f4914f6cdd1d}, trace: o.Trace, mutant: o.Mutant, began: epoch, now: epoch}
	w.rnd.draw(&w.odds, 0, flood)
	more := source{o.Seed * 0x9e6c63d0876a9a47}
	if w.senders = drawSenders(&more); len(w.senders.programs) > 0 {
		more.draw(&w.odds, flood, faults)
	}
	if w.rnd.one(3) {
		w.skew = w.rnd.around(10 * time.Hour)
	}
	w.server = newServer(w)
	w.client = &client{w: w, real: w.rnd.one(128), pfs: w.rnd.one(4), hold: w.rnd.one(2)}
	w.client.owner = owner{got: map[string]int{}, heard: map[int64]bool{}}
	w.log("real keys: %v, temporary: %v, hold: %v, skew %v", w.client.real, w.client.pfs, w.client.hold, w.skew)
	return w
}

func (w *world) counted() Report {
	r := &w.report
	r.Real = w.client.real
	r.Calls, r.Updates = len(w.client.owner.all), len(w.server.ledger.pushed)
	r.Keys = len(w.server.order)
	for _, k := range w.server.order {
		r.Sessions += len(k.lives)
	}
	r.Took = w.now.Sub(w.began)
	return *r
}

func (w *world) tracing() bool { return w.trace != nil }

func (w *world) log(format string, a ...any) {
	if w.trace != nil {
		w.trace(fmt.Sprintf("%12v  ", w.now.Sub(w.began).Truncate(time.Microsecond)) + fmt.Sprintf(format, a...))
	}
}

// wrong notes the first broken promise.
func (w *world) wrong(format string, a ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, a...)
		w.log("WRONG: %v", w.err)
	}
}

// happens draws whether there is a fault now.
func (w *world) happens(f fault) bool {
	if w.calm || w.odds[f] == 0 || !w.rnd.one(w.odds[f]) {
		return false
	}
	w.report.Faults[f]++
	return true
}

// guess is what the client believes of the server's clock at first.
func (w *world) guess() time.Duration {
	switch w.rnd.n(3) {
	case 0:
		return w.skew
	case 1:
		return w.rnd.around(12 * time.Hour)
	}
	return 0
}

func (w *world) newConnection() *connection {
	w.report.Links++
	l := &connection{number: w.report.Links, framing: transport.NewServer(transport.ServerOptions{Rand: &w.rnd})}
	w.connections = append(w.connections, l)
	return l
}

// step does one thing.
func (w *world) step() {
	switch n := w.rnd.n(100); {
	case n < 18 && len(w.senders.programs) > 0 && w.rnd.one(2):
		w.client.burst()
	case n < 18:
		w.client.call()
	case n < 42:
		w.toServer(w.anyConnection())
	case n < 66:
		w.toClient()
	case n < 76:
		w.server.work()
	case n < 84:
		w.pass(w.rnd.upTo(300 * time.Millisecond))
	case n < 88:
		w.pass(w.rnd.upTo(8 * time.Second))
	case n < 91:
		w.client.release()
	case n < 92:
		w.client.cancel()
	case n < 96:
		w.trouble()
	default:
		w.client.connect()
	}
	w.client.settle()
	if w.err == nil {
		w.err = w.server.ledger.problem
	}
}

// anyConnection is the present connection, or one that was left: what is on its way there may still arrive.
func (w *world) anyConnection() *connection {
	if len(w.connections) == 0 {
		return nil
	}
	if w.client.conn != nil && !w.rnd.one(4) {
		return w.client.conn
	}
	return w.connections[w.rnd.n(len(w.connections))]
}

// toServer brings some of the client's bytes to the server.
func (w *world) toServer(l *connection) {
	if l == nil || l.mute || l.closed || len(l.up) == 0 {
		return
	}
	w.server.receive(l, take(&w.rnd, &l.up))
}

// toClient brings some of the server's bytes to the client.
func (w *world) toClient() {
	l := w.client.conn
	switch {
	case l == nil || l.deaf:
	case len(l.down) > 0:
		w.client.receive(take(&w.rnd, &l.down))
	case l.closed:
		w.client.disconnect("closed by the server")
	}
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for at := w.client.wake(); !at.IsZero() && !at.After(end); at = w.client.wake() {
		if at.After(w.now) {
			w.now = at
		}
		w.client.tick()
		w.client.settle()
		if next := w.client.wake(); !next.IsZero() && !next.After(at) {
			if w.mutant != NeverTick {
				w.wrong("the client wants to be woken at %v again", next)
			}
			break
		}
	}
	w.now = end
	w.server.timeouts()
}

var errUnrest = errors.New("does not come to rest")

// rough is how far the server's clock may be set back at once.
const rough = 15 * time.Second

const (
	maxRest   = 20 * time.Minute // that it may take until everything has come to an end
	maxRounds = 3000             // of the scheduler for that
)

// rest ends the trouble and waits for what is under way to end.
func (w *world) rest() {
	w.log("peace")
	w.calm = true
	w.server.settle()
	peace := w.now
	for i := 0; !w.idle() && w.err == nil; i++ {
		if i > maxRounds || w.now.Sub(peace) > maxRest {
			w.wrong("%w: after %v and %d rounds %s", errUnrest, w.now.Sub(peace), i, w.unrest())
			return
		}
		w.round()
	}
}

// round does all that can be done at once, and lets time go by if that is nothing.
func (w *world) round() {
	c := w.client
	if c.conn == nil {
		w.pass(time.Second)
		c.connect()
	}
	c.settle()
	w.drain()
	w.server.work()
	for len(c.owner.held) > 0 && w.mutant != NeverRelease {
		c.release()
	}
	c.settle()
	if w.moving() {
		return
	}
	wait := time.Second
	if at := c.wake(); !at.IsZero() {
		wait = max(at.Sub(w.now), time.Millisecond)
	}
	w.pass(wait)
	c.settle()
	if w.err == nil {
		w.err = w.server.ledger.problem
	}
}

// drain delivers everything.
func (w *world) drain() {
	for _, l := range w.connections {
		for !l.mute && !l.closed && len(l.up) > 0 {
			w.toServer(l)
		}
	}
	w.connections = w.connections[:0]
	if l := w.client.conn; l != nil {
		w.connections = append(w.connections, l)
		for w.client.conn == l && !l.deaf && (len(l.down) > 0 || l.closed) {
			w.toClient()
			w.client.settle()
		}
	}
}

// moving reports whether there is something that can be delivered right away.
func (w *world) moving() bool {
	l := w.client.conn
	return l == nil || !l.mute && !l.closed && len(l.up) > 0 || !l.deaf && (len(l.down) > 0 || l.closed)
}

// idle reports whether all is done.
func (w *world) idle() bool {
	c := w.client
	if c.sess == nil || c.sess.Pending() > 0 || len(c.waiting) > 0 || !c.bound || len(c.owner.held) > 0 {
		return false
	}
	k := w.server.keys[c.key.ID()]
	if k == nil {
		return false
	}
	x := k.sessions[c.sess.SessionID()]
	return x != nil && len(x.out) == 0 && len(x.next) == 0
}

// unrest says what is not done.
func (w *world) unrest() string {
	c := w.client
	if c.sess == nil {
		return "there is no session"
	}
	out := fmt.Sprintf("%d calls, %d waiting, %d held", c.sess.Pending(), len(c.waiting), len(c.owner.held))
	if k := w.server.keys[c.key.ID()]; k != nil && k.sessions[c.sess.SessionID()] != nil {
		for _, t := range k.sessions[c.sess.SessionID()].out {
			out += fmt.Sprintf(", %x %s", t.id, describe(t.body))
		}
	}
	return out
}

// trouble lets the network and the machines fail.
func (w *world) trouble() {
	w.linkTrouble()
	c := w.client
	switch {
	case w.happens(sleep):
		w.skew += w.rnd.upTo(10 * time.Minute)
		w.log("the client's machine slept; skew %v", w.skew)
	case w.happens(step):
		w.skew -= w.rnd.upTo(rough)
		w.server.lastID = 0 // its ids follow its clock
		w.log("the server's clock was set back; skew %v", w.skew)
	case w.happens(restart) && c.sess != nil:
		c.offset = w.guess()
		c.disconnect("restart")
		c.leave("restart")
	case w.happens(rekey) && c.pfs && c.perm != nil:
		c.dropKey("another temporary key")
	case w.happens(replay):
		w.server.replay()
	}
}

func (w *world) linkTrouble() {
	l := w.client.conn
	if l == nil {
		return
	}
	switch {
	case w.happens(cut):
		w.client.disconnect("it breaks")
	case w.happens(cutServer):
		l.closed = true
	case w.happens(mute):
		l.mute = true
	case w.happens(deaf):
		l.deaf = true
	case w.happens(heal):
		l.mute, l.deaf = false, false
	case w.happens(corrupt):
		w.log("a bit flips on %d", l.number)
		l.flip(&w.rnd)
	case w.happens(replayBack) && len(l.packets) > 0 && !l.closed:
		w.server.put(l, l.packets[w.rnd.n(len(l.packets))])
	}
}
