package wire

import (
	"encoding/binary"
	"slices"
	"sort"
	"time"
)

const (
	packBytes = 512 << 10 // of bodies in one packet
	packCount = 1000      // messages in one packet
	keepSent  = 64 << 20  // bytes of unacknowledged messages
)

// message is one of ours.
type message struct {
	id      int64
	seq     int32
	content bool // must be acknowledged
	answer  bool // an rpc_result
	push    bool
	num     bool // numbered
	sent    bool // given to a connection at least once
	queued  bool
	to      int64 // the query that it answers
	body    []byte
	build   func() []byte // makes the body when it is sent; nil: body is there
}

// outbox is what a session has to send. The session's lock guards it.
type outbox struct {
	session *Session
	next    []*message // waiting
	pushes  int        // of them
	acks    []int64
	sent    []*message // content, not acknowledged, by ascending id
	size    int        // bytes in sent
	content int32      // how many content messages were numbered
	lastID  int64
}

// send puts a message on its way.
func (s *Session) send(m message) { s.enqueue(&m) }

func (s *Session) enqueue(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.requeue(m)
	if s.conn != nil {
		s.conn.poke()
	}
}

func (s *Session) push(build func() []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg := &s.key.centre.cfg
	if s.out.pushes++; s.out.pushes > cfg.QueueLimit {
		s.out.collapse(cfg.TooLong)
	} else {
		m := &message{content: true, push: true, build: build}
		if !cfg.NumberLate {
			s.out.number(m, cfg.Now())
		}
		s.out.requeue(m)
	}
	if s.conn != nil {
		s.conn.poke()
	}
}

// collapse gives up the pushes that wait, for one that says so.
func (o *outbox) collapse(tooLong []byte) {
	unsent := func(m *message) bool { return m.push && !m.sent }
	o.next, o.sent = slices.DeleteFunc(o.next, unsent), slices.DeleteFunc(o.sent, unsent)
	o.pushes = 0
	if len(tooLong) > 0 {
		o.pushes = 1
		o.requeue(&message{content: true, push: true, body: tooLong})
	}
}

func (o *outbox) requeue(m *message) {
	if !m.queued {
		m.queued = true
		o.next = append(o.next, m)
	}
}

// again queues everything that was sent and not acknowledged, before what waits.
func (o *outbox) again() {
	var front []*message
	for _, m := range o.sent {
		if !m.queued {
			m.queued = true
			front = append(front, m)
		}
	}
	o.next = append(front, o.next...)
}

func (o *outbox) ack(id int64) { o.acks = append(o.acks, id) }

// acked forgets a message that arrived.
func (s *Session) acked(id int64) {
	o := &s.out
	at := sort.Search(len(o.sent), func(i int) bool { return o.sent[i].id >= id })
	if at == len(o.sent) || o.sent[at].id != id {
		return
	}
	m := o.sent[at]
	if at == 0 {
		o.sent[0] = nil
		o.sent = o.sent[1:]
	} else {
		o.sent = slices.Delete(o.sent, at, at+1)
	}
	if m.sent {
		o.size -= len(m.body)
	}
	if e := s.in.find(m.to); m.answer && e != nil {
		e.answer = nil
	}
}

// pack appends the plaintext of the next packet for c. False: there is nothing to send over c.
func (s *Session) pack(dst []byte, c *Conn) ([]byte, bool) {
	s.mu.Lock()
	if s.conn != c || len(s.out.next) == 0 && len(s.out.acks) == 0 {
		s.mu.Unlock()
		return dst, false
	}
	batch := s.out.take()
	s.mu.Unlock()
	// Bodies of pushes are made without the lock: whoever makes them may need locks under which pushes are queued.
	for _, m := range batch {
		s.finish(m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c { // another connection took over meanwhile: the batch is for that one
		s.out.next = append(batch, s.out.next...)
		s.conn.poke()
		return dst, false
	}
	return s.out.write(dst, batch)
}

func (s *Session) finish(m *message) {
	if m.build != nil {
		m.body, m.build = compressed(m.build(), s.key.centre.cfg.GzipOver), nil
	}
}

func (o *outbox) take() []*message {
	n, size := 0, 0
	for n < len(o.next) && n < packCount && size < packBytes {
		size += len(o.next[n].body)
		if o.next[n].push && !o.next[n].sent {
			o.pushes--
		}
		n++
	}
	batch := o.next[:n:n]
	o.next = o.next[n:]
	if len(o.next) == 0 {
		o.next = nil
	}
	return batch
}

// write numbers the batch and appends its packet.
func (o *outbox) write(dst []byte, batch []*message) ([]byte, bool) {
	if m := o.ackMessage(); m != nil {
		batch = append(batch, m)
	}
	now := o.session.key.centre.cfg.Now()
	kept := batch[:0]
	for _, m := range batch {
		m.queued = false
		if len(m.body) > 0 {
			o.number(m, now)
			o.first(m)
			kept = append(kept, m)
		} else if m.num {
			o.sent = slices.DeleteFunc(o.sent, func(other *message) bool { return other == m })
		}
	}
	if len(kept) == 0 {
		return dst, false
	}
	salt := o.session.key.salts.current(now)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(salt))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(o.session.ID))
	if len(kept) == 1 && !old(kept[0], now) {
		return appendMessage(dst, kept[0]), true
	}
	return o.appendContainer(dst, kept, now), true
}

func (o *outbox) ackMessage() *message {
	if len(o.acks) == 0 {
		return nil
	}
	n := min(len(o.acks), maxIDs)
	ids := o.acks[:n]
	o.acks = o.acks[n:]
	if o.session.key.centre.cfg.Faults.happens(LoseAck) {
		return nil
	}
	return &message{body: acksBody(ids)}
}

// old reports whether a message cannot go by itself: clients take no packet that is older than 300 s (C8), but what is in a
// container of today may be of any age.
func old(m *message, now time.Time) bool { return now.Unix()-m.id>>32 > 60 }

// number gives m its id and sequence number; one that has them keeps them.
func (o *outbox) number(m *message, now time.Time) {
	if m.num {
		return
	}
	m.num = true
	m.id, m.seq = o.nextID(now, m.answer), 2*o.content
	if !m.content {
		return
	}
	m.seq++
	o.content++
	o.sent = append(o.sent, m)
}

// first notes that a message goes to a connection, and what it takes to keep it.
func (o *outbox) first(m *message) {
	if m.sent {
		return
	}
	m.sent = true
	if !m.content {
		return
	}
	for o.size += len(m.body); o.size > keepSent && len(o.sent) > 1; {
		if o.sent[0].sent {
			o.size -= len(o.sent[0].body)
		}
		o.sent = o.sent[1:]
	}
}

// nextID is a server's message id: odd, 1 for an answer and 3 for the rest (C6), ascending within the session.
func (o *outbox) nextID(now time.Time, answer bool) int64 {
	id := now.Unix()<<32 | int64(now.Nanosecond())<<32/1e9
	if id = max(id&^3, o.lastID&^3+4); answer {
		id |= 1
	} else {
		id |= 3
	}
	o.lastID = id
	return id
}

func appendMessage(dst []byte, m *message) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.id))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(m.seq))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(m.body)))
	return append(dst, m.body...)
}

func (o *outbox) appendContainer(dst []byte, all []*message, now time.Time) []byte {
	size := 8
	for _, m := range all {
		size += 16 + len(m.body)
	}
	dst = slices.Grow(dst, size+16)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(o.nextID(now, false)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(2*o.content))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(size))
	dst = binary.LittleEndian.AppendUint32(dst, idContainer)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(all)))
	for _, m := range all {
		dst = appendMessage(dst, m)
	}
	return dst
}

// Unacknowledged is how many messages the client has been sent and has to acknowledge yet.
func (s *Session) Unacknowledged() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.out.sent {
		if m.sent {
			n++
		}
	}
	return n
}
