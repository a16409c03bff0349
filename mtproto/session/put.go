package session

import (
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

const (
	maxPacked    = 1000     // queries in a container (C18)
	maxPackBytes = 32 << 10 // of queries in a container, unless one alone is longer (C18)
)

// fill puts into the packet what belongs there, in ascending order of ids (C13).
func (s *Session) fill(now time.Time) {
	for c := s.calls.queue.head; c != nil && c.single(); c = s.calls.queue.head {
		if s.putCall(now, c); s.pack.count > 0 { // it may have failed instead
			return
		}
	}
	s.putPing(now)
	s.putStates(now)
	s.putResends(now)
	s.putReplies(now)
	for c := s.calls.queue.head; c != nil && c.bulky(); c = s.calls.queue.head {
		s.putSalts(now) // nothing can follow
		s.putAcks(now, true)
		if s.putCall(now, c); s.pack.tail != nil { // it may have failed instead
			return
		}
	}
	s.putCalls(now)
	if s.pack.count > 0 {
		s.putSalts(now)
	}
	s.putAcks(now, s.pack.count > 0)
}

// begin starts a message and returns its id.
func (s *Session) begin(now time.Time, content bool) int64 {
	id := s.nextID(now)
	s.pack.open(id, s.self.seqNo(content))
	return id
}

func (s *Session) putCalls(now time.Time) {
	for n := 0; n < maxPacked; n++ {
		c := s.calls.queue.head
		if c == nil || c.single() || c.bulky() || n > 0 && len(s.pack.w.Buf)+c.size() > maxPackBytes {
			return
		}
		s.putCall(now, c)
	}
}

// putCall writes a query. It is content-related (C14).
func (s *Session) putCall(now time.Time, c *call) {
	id, bulky := s.nextID(now), c.bulky()
	if c.opts.Build != nil && !s.build(c, id) {
		return
	}
	after, ok := s.calls.turn(c)
	if !ok {
		s.fail(c, ErrTurn)
		return
	}
	if !c.opts.NoGzip && after == 0 && s.cfg.Limits.GzipOver >= 0 && c.size() > s.cfg.Limits.GzipOver {
		if packed := pack(c.opts.Before, c.query); packed != nil {
			c.query, c.opts.Before = packed, nil
		}
		c.opts.NoGzip = true
	}
	seq := s.self.seqNo(true)
	s.pack.open(id, seq)
	if after != 0 {
		s.pack.w.Uint32(invokeAfterMsgID)
		s.pack.w.Int64(after)
	}
	s.pack.w.Raw(c.opts.Before)
	if bulky {
		s.pack.tail = c.query
	} else {
		s.pack.w.Raw(c.query)
	}
	s.pack.end()
	s.calls.fly(c, id, seq, now)
	c.witness = s.self.known
	s.pack.calls = append(s.pack.calls, c)
	s.pack.live = true
	s.conn.watch(c, now.Add(s.cfg.Limits.CheckAfter))
}

// build has a query made that contains its own msg_id.
func (s *Session) build(c *call, id int64) bool {
	q, err := c.opts.Build(s.self.id, id)
	if err == nil && !sound(q) {
		err = fmt.Errorf("%w: %d bytes", ErrQuery, len(q))
	}
	if err != nil {
		s.fail(c, err)
		return false
	}
	c.query = q
	return true
}

func (s *Session) putPing(now time.Time) {
	p := &s.conn.ping
	if !p.due {
		return
	}
	*p = ping{id: p.id + 1, sent: now, open: true}
	p.msgID = s.begin(now, false)
	(&mt.PingDelayDisconnect{
		PingID: p.id, DisconnectDelay: int32(s.cfg.Limits.DisconnectAfter / time.Second),
	}).Encode(&s.pack.w)
	s.pack.end()
	s.pack.ping, s.pack.live = true, true
}

// putResends asks for messages of the server that it says it has sent (C29).
func (s *Session) putResends(now time.Time) {
	ids := s.asks.answers[:min(len(s.asks.answers), maxIDs)]
	if len(ids) == 0 {
		return
	}
	id := s.begin(now, false)
	(&mt.MsgResendReq{MsgIDs: ids}).Encode(&s.pack.w)
	s.pack.end()
	s.log.add(record{kind: answersAsked, msgID: id}, ids)
	s.asks.answers = s.asks.answers[:copy(s.asks.answers, s.asks.answers[len(ids):])]
	s.pack.live = true
}

func (s *Session) putReplies(now time.Time) {
	q := &s.asks
	n := min(len(q.replies), maxReplies)
	for _, r := range q.replies[:n] {
		id := s.begin(now, r.content)
		s.pack.w.Raw(r.body)
		s.pack.end()
		s.log.add(record{kind: replySent, msgID: id, body: r.body, content: r.content}, nil)
	}
	if q.replies = q.replies[n:]; len(q.replies) == 0 {
		q.replies = nil
	}
}

// putSalts asks for salts along with a packet that goes anyway; as pings go all the time, that is soon enough.
func (s *Session) putSalts(now time.Time) {
	t := s.ServerTime(now)
	if s.salts.pick(t); !s.salts.wanted(now, t) {
		return
	}
	id := s.begin(now, false)
	(&mt.GetFutureSalts{Num: saltCount}).Encode(&s.pack.w)
	s.pack.end()
	s.log.add(record{kind: saltsAsked, msgID: id}, nil)
	s.salts.askAt = now.Add(saltRetry)
}

// putAcks writes what is owed into the packet, if it is due or the packet goes anyway (C16).
func (s *Session) putAcks(now time.Time, anyway bool) {
	a := &s.acks
	if len(a.ids) == 0 || !anyway && !a.now {
		return
	}
	ids := a.ids[:min(len(a.ids), maxIDs)]
	id := s.begin(now, false)
	(&mt.MsgsAck{MsgIDs: ids}).Encode(&s.pack.w)
	s.pack.end()
	s.ackLog.add(record{kind: acksSent, msgID: id}, ids)
	a.ids = a.ids[:copy(a.ids, a.ids[len(ids):])]
	if len(a.ids) == 0 {
		a.due, a.now = time.Time{}, false
	}
}

// putStates asks for the state of calls (C26).
func (s *Session) putStates(now time.Time) {
	if !s.calls.ask {
		return
	}
	s.calls.ask = false
	ids := s.in.ids[:0]
	for c := s.calls.flight.head; c != nil; c = c.next {
		if c.ask && len(ids) == maxIDs/2 {
			s.calls.ask = true
			break
		}
		if c.ask {
			c.ask = false
			ids = append(ids, c.msgID)
		}
	}
	if s.in.ids = ids; len(ids) == 0 {
		return
	}
	ids = s.withWitnesses(ids)
	id := s.begin(now, false)
	(&mt.MsgsStateReq{MsgIDs: ids}).Encode(&s.pack.w)
	s.pack.end()
	s.log.add(record{kind: statesAsked, msgID: id}, ids)
	s.pack.live = true
}

// nextID is the next message id that no call has. After the clock was set back, ids of the former session lie ahead.
func (s *Session) nextID(now time.Time) int64 {
	for {
		id := s.clock.next(now)
		if s.calls.byMsg[id] == nil {
			return id
		}
	}
}
