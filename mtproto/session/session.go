package session

import (
	"fmt"
	"time"
)

// Session is one encrypted session. See the package comment.
//
// It has the parts and puts them together; each knows those that it needs. What is said to the session goes in at its methods, what
// the server sends goes through the inbox to whom it is for, and what they want sent the sender collects.
type Session struct {
	cfg Config

	// What is known.
	clock  clock
	conn   connection
	self   self     // the session as the server knows it
	calls  calls    // what was sent and awaits an answer, or waits to be sent
	acks   acks     // what came and awaits an acknowledgement
	asks   requests // what else is to be sent
	salts  salts
	rounds rounds // of refusals
	sent   log    // service messages sent, in case they are refused
	events events

	// What is done with what comes.
	inbox      inbox
	unpack     unpacker
	answers    answers
	services   services
	fates      fates
	informer   informer
	pinger     pinger
	refusals   refusals
	succession succession

	// What goes.
	pack   packer
	sender sender
}

// New begins a session with a new random id. It fails if the Config is incomplete or its Rand fails.
func New(c Config) (*Session, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Session{cfg: c}
	s.joinState()
	s.joinInput()
	s.joinOutput()
	s.clock.offset = c.TimeOffset
	s.salts.known(&c)
	s.succession.begin()
	return s, s.conn.err
}

// joinState puts together what is known.
func (s *Session) joinState() {
	limits := &s.cfg.Limits
	s.sent.size = 32
	s.conn.limits = limits
	s.calls = calls{byID: make(map[CallID]*call), byMsg: make(map[int64]*call), limits: limits, events: &s.events}
	s.acks = acks{sent: log{size: 32}, limits: limits}
	s.asks.sent = &s.sent
	s.salts = salts{clock: &s.clock, sent: &s.sent, events: &s.events}
}

// joinInput puts together those that take what comes.
func (s *Session) joinInput() {
	limits := &s.cfg.Limits
	s.unpack.limits = limits
	s.succession = succession{rand: s.cfg.Rand, limits: limits, self: &s.self, conn: &s.conn, clock: &s.clock, calls: &s.calls, acks: &s.acks,
		asks: &s.asks, sent: &s.sent, rounds: &s.rounds, salts: &s.salts, events: &s.events}
	s.refusals = refusals{limits: limits, conn: &s.conn, clock: &s.clock, calls: &s.calls, acks: &s.acks, asks: &s.asks, salts: &s.salts,
		sent: &s.sent, succession: &s.succession, rounds: &s.rounds, events: &s.events}
	s.fates = fates{limits: limits, conn: &s.conn, self: &s.self, calls: &s.calls, acks: &s.acks, asks: &s.asks, sent: &s.sent,
		rounds: &s.rounds, events: &s.events}
	s.pinger = pinger{limits: limits, conn: &s.conn, self: &s.self, clock: &s.clock, rounds: &s.rounds, events: &s.events}
	s.informer = informer{self: &s.self, calls: &s.calls, asks: &s.asks}
	s.services = services{fates: &s.fates, informer: &s.informer, pinger: &s.pinger, salts: &s.salts, succession: &s.succession,
		refusals: &s.refusals, events: &s.events}
	s.answers = answers{self: &s.self, calls: &s.calls, acks: &s.acks, unpack: &s.unpack, rounds: &s.rounds, events: &s.events}
	s.inbox = inbox{hold: s.cfg.HoldUpdates, conn: &s.conn, clock: &s.clock, self: &s.self, succession: &s.succession, acks: &s.acks,
		unpack: &s.unpack, answers: &s.answers, services: &s.services, events: &s.events}
}

// joinOutput puts together those that make packets.
func (s *Session) joinOutput() {
	s.pack = packer{clock: &s.clock, self: &s.self, calls: &s.calls}
	s.sender = sender{key: s.cfg.Key, rand: s.cfg.Rand, limits: &s.cfg.Limits, conn: &s.conn, self: &s.self, calls: &s.calls, pack: &s.pack,
		pinger: &s.pinger, fates: &s.fates, asks: &s.asks, salts: &s.salts, acks: &s.acks, sent: &s.sent}
}

// SessionID is the present session_id.
func (s *Session) SessionID() int64 { return s.self.id }

// Pending is how many calls wait for an answer.
func (s *Session) Pending() int { return len(s.calls.byID) }

// Call queues a query: one TL function, wrapped as the API wants it. The session keeps the slice until the call ends.
func (s *Session) Call(now time.Time, query []byte, o CallOptions) CallID {
	s.conn.now = now
	c := s.calls.make()
	c.query, c.opts = query, o
	id := c.id
	if p := s.calls.byID[o.After]; p != nil {
		p.follower = id
	}
	s.calls.enqueue(c)
	switch {
	case s.conn.err != nil:
		s.calls.fail(c, s.conn.err)
	case o.Build == nil && !(sound(query) && len(o.Before)%4 == 0 && c.size() <= maxQuery):
		s.calls.fail(c, fmt.Errorf("%w: %d bytes", ErrQuery, c.size()))
	}
	return id
}

// Cancel forgets a call: neither [Result] nor [Failed] will come. It tells whether the server received it. If that may
// be so, the server is asked not to send the answer (C31). A call that has ended already is Unknown.
func (s *Session) Cancel(now time.Time, id CallID) Sent {
	s.conn.now = now
	c := s.calls.byID[id]
	if c == nil {
		return Unknown
	}
	fate := c.fate()
	if c.where == inFlight && s.conn.up && !c.ask {
		s.asks.dropAnswer(c.msgID)
	}
	s.calls.drop(c)
	return fate
}

// Release lets the acknowledgement of a held update go with what is sent next, or soon (C17). Ids that are not held are
// ignored. The time of the last input counts as now.
func (s *Session) Release(msgID int64) {
	if s.acks.release(msgID) {
		s.acks.owe(s.conn.now, msgID)
	}
}

// Decline gives back a held update that could not be taken: it is not acknowledged, and is as new when the server sends it
// again, which it does on the next connection (C15, E27).
func (s *Session) Decline(msgID int64) { s.acks.decline(msgID) }

// ServerTime is the server's time as far as we know.
func (s *Session) ServerTime(now time.Time) time.Time { return s.clock.time(now) }
