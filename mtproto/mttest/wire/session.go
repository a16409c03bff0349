package wire

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// Session is one session of a key: its own row of message ids and sequence numbers in each direction. It outlives
// connections.
type Session struct {
	ID  int64
	key *Key

	active  atomic.Int64 // when it was last used for a query, by the centre's count
	updates atomic.Bool  // takes pushes
	files   atomic.Bool  // its last query moved a part of a file

	mu        sync.Mutex
	conn      *Conn          // that it was last heard on
	former    map[int64]bool // ids of the connections that another one took over from
	announced bool           // new_session_created is on its way
	in        inbox
	out       outbox
	waiting   map[int64][]func(ok bool) // until a query is answered
}

// Key is whose session it is.
func (s *Session) Key() *Key { return s.key }

// connected reports whether somebody may be there to hear what is sent.
func (s *Session) connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && !s.conn.closed.Load()
}

// Subscribe makes the session one that pushes may go to.
func (s *Session) Subscribe() { s.updates.Store(true) }

// Carries notes whether the session's last query moved a part of a file. While it does, pushes go elsewhere if they can (E20).
func (s *Session) Carries(file bool) { s.files.Store(file) }

// header is what stands before the body of an encrypted message (C1), or of one in a container.
type header struct {
	salt, session int64
	id            int64
	seq           int32
}

const headerSize = 32

// parse splits a plaintext whose length fields were checked when it was opened.
func parse(plain []byte) (header, []byte) {
	h := header{
		salt: int64(binary.LittleEndian.Uint64(plain)), session: int64(binary.LittleEndian.Uint64(plain[8:])),
		id: int64(binary.LittleEndian.Uint64(plain[16:])), seq: int32(binary.LittleEndian.Uint32(plain[24:])),
	}
	n := binary.LittleEndian.Uint32(plain[28:])
	return h, plain[headerSize:][:n]
}

// message handles one encrypted message.
func (c *Conn) message(key *Key, plain []byte) error {
	h, body := parse(plain)
	if c.centre.cfg.Faults.happens(DestroySession) {
		key.Destroy(h.session)
	}
	s := key.session(h.session)
	if !s.attach(c) {
		return nil
	}
	if c.centre.cfg.Faults.happens(NewSalt) {
		key.NewSalt()
	}
	now := c.centre.cfg.Now()
	if code := plausible(now, h.id); code != 0 {
		s.reject(h, code)
		return nil
	}
	if !s.salted(now, h) {
		return nil
	}
	return s.receive(c, h, body)
}

// Codes of a bad_msg_notification (C25).
const (
	badTooLow       = 16
	badTooHigh      = 17
	badLowBits      = 18
	badContainerID  = 19
	badTooOld       = 20
	badSeqTooLow    = 32
	badSeqTooHigh   = 33
	badSeqWantEven  = 34
	badSeqWantOdd   = 35
	badSalt         = 48
	badContainer    = 64
	acceptedPast    = 300 * time.Second // C12
	acceptedFuture  = 30 * time.Second
	maxContainer    = 1024 // messages (C18)
	maxIDs          = 8192 // in one service message (C16, C26)
	maxFutureSalts  = 64
	maxUncompressed = 16 << 20
)

// plausible checks a message id by itself.
func plausible(now time.Time, id int64) int {
	at := time.Unix(id>>32, 0)
	switch {
	case id&3 != 0:
		return badLowBits
	case at.Before(now.Add(-acceptedPast)):
		return badTooLow
	case at.After(now.Add(acceptedFuture)):
		return badTooHigh
	}
	return 0
}

// attach makes c the connection that the session is answered on. What was sent over others and not acknowledged is sent
// again: nobody knows whether it arrived (C15). It is false where a later connection took over, see superseded.
func (s *Session) attach(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.superseded(c) {
		return false
	}
	if s.conn == c {
		return true
	}
	if s.conn != nil {
		if s.former == nil {
			s.former = map[int64]bool{}
		}
		s.former[s.conn.ID] = true
	}
	s.conn = c
	if c.attach(s) {
		s.key.use(c)
		s.out.again()
	}
	c.poke()
	return true
}

// superseded reports whether the session went over to another connection after it had been spoken over c. What is still read of c
// then is left: the client may have been told already that it was not received, and have sent it again. The caller holds
// s.mu from this question until the message is noted. Connections count from the session's first packet on them, not from
// when they were made: a proxy such as mtprotoproxy has a pool of them, made beforehand.
func (s *Session) superseded(c *Conn) bool { return s.former[c.ID] }

func (s *Session) salted(now time.Time, h header) bool {
	faults := s.key.centre.cfg.Faults
	if faults.happens(WrongSalt) {
		s.send(badServerSalt(h, ^s.key.salts.current(now)))
		return false
	}
	if s.key.salts.valid(now, h.salt) {
		return true
	}
	s.send(badServerSalt(h, s.key.salts.current(now)))
	return false
}

// receive takes a message whose salt and time are in order.
func (s *Session) receive(c *Conn, h header, body []byte) error {
	if idOf(body) == idContainer {
		return s.container(c, h, body)
	}
	first := s.announce(h.id)
	switch code, gone := s.accept(c, h, body); {
	case gone:
		return nil
	case code != 0:
		s.refused(c, h, code)
		return nil
	}
	if first != nil {
		s.send(*first)
	}
	return s.process(c, h, body)
}

// announce is the new_session_created of a session that has not sent one (C36). First is the lowest id received.
func (s *Session) announce(first int64) *message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.announced {
		return nil
	}
	s.announced = true
	return newSession(first, s.ID^first, s.key.Salt())
}

// accept notes a message, or says what is wrong with its number. Gone: the connection was superseded.
func (s *Session) accept(c *Conn, h header, body []byte) (code int, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.superseded(c) {
		return 0, true
	}
	return s.note(h, body), false
}

// acceptAll notes a container and what is in it at one instant, so that no question about its messages is answered
// between two of them. The last code is the container's own.
func (s *Session) acceptAll(c *Conn, h header, body []byte, inner []inner) (codes []int, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.superseded(c) {
		return nil, true
	}
	for _, m := range inner {
		codes = append(codes, s.note(m.header, m.body))
	}
	return append(codes, s.note(h, body)), false
}

func (s *Session) note(h header, body []byte) int {
	if code := s.key.centre.parity(h.seq, idOf(body)); code != 0 {
		return code
	}
	return s.in.add(h.id, h.seq)
}

// refused answers a message that accept did not take.
func (s *Session) refused(c *Conn, h header, code int) {
	if code != duplicate {
		s.reject(h, code)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.in.find(h.id); e != nil && e.answer != nil && e.answer.sent {
		s.out.requeue(e.answer)
	}
	if h.seq&1 != 0 {
		s.out.ack(h.id)
	}
	c.poke()
}

func (s *Session) reject(h header, code int) { s.send(badMessage(h, code)) }

// parity checks that what must be acknowledged is numbered so and the rest is not (C14).
func (c *Centre) parity(seq int32, id uint32) int {
	class := classify(id)
	if id == idAck && c.cfg.Strict {
		class = never
	}
	switch {
	case class == never && seq&1 != 0:
		return badSeqWantEven
	case class == query && seq&1 == 0:
		return badSeqWantOdd
	}
	return 0
}

// container handles a msg_container: all of it is taken or none (C18).
func (s *Session) container(c *Conn, h header, body []byte) error {
	inner, ok := parseContainer(h, body)
	if !ok {
		s.reject(h, badContainer)
		return nil
	}
	if s.known(h.id) {
		s.reject(h, badContainerID)
		return nil
	}
	lowest := h.id
	for _, m := range inner {
		lowest = min(lowest, m.id)
	}
	if first := s.announce(lowest); first != nil {
		s.send(*first)
	}
	codes, gone := s.acceptAll(c, h, body, inner)
	if gone {
		return nil
	}
	if code := codes[len(inner)]; code != 0 {
		s.reject(h, code)
	}
	for i, m := range inner {
		if codes[i] != 0 {
			s.refused(c, m.header, codes[i])
		} else if err := s.process(c, m.header, m.body); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) known(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.find(id) != nil
}

type inner struct {
	header
	body []byte
}

// parseContainer reads the messages of a container and checks that it may be one.
func parseContainer(h header, body []byte) ([]inner, bool) {
	body = body[4:]
	if len(body) < 4 {
		return nil, false
	}
	n := int(binary.LittleEndian.Uint32(body))
	body = body[4:]
	if n > maxContainer || n > len(body)/16 {
		return nil, false
	}
	all := make([]inner, 0, n)
	for range n {
		if len(body) < 16 {
			return nil, false
		}
		m := inner{header: header{salt: h.salt, session: h.session}}
		m.id, m.seq = int64(binary.LittleEndian.Uint64(body)), int32(binary.LittleEndian.Uint32(body[8:]))
		size := int(int32(binary.LittleEndian.Uint32(body[12:])))
		if body = body[16:]; size < 4 || size%4 != 0 || size > len(body) || m.id >= h.id || m.id&3 != 0 {
			return nil, false
		}
		m.body, body = body[:size:size], body[size:]
		if idOf(m.body) == idContainer {
			return nil, false
		}
		all = append(all, m)
	}
	return all, len(body) == 0
}
