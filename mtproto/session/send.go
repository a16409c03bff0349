package session

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

const (
	maxPacked    = 1000      // queries in a container (C18)
	maxPackBytes = 32 << 10  // of queries in a container, unless one alone is longer (C18)
	keepPlain    = 128 << 10 // a larger buffer is not kept
	tailLeast    = 64 << 10  // bytes of a query from which on it is encrypted from where it is
)

// Layout of the buffer in which a packet is made. A message in a container and a lone message look the same from msg_id
// on, so that a container of one becomes a lone message by putting salt and session_id right before it.
const (
	messageHead   = 8 + 4 + 4              // msg_id, seq_no, length
	envelope      = 8 + 8                  // salt, session_id
	containerHead = envelope + messageHead //
	itemsAt       = containerHead + 4 + 4  // constructor id, count
	loneAt        = itemsAt - envelope     //
	lengthOffset  = messageHead - 4        // of the length in a message's head
)

// packer is the packet in the making.
type packer struct {
	w      bin.Writer
	tail   []byte // a query that ends the packet, and stands elsewhere
	first  []byte // what stands before that in the packet before, while two are made
	count  int
	start  int // of the message in the making
	calls  []*call
	tokens [16]uint32 // of quick acknowledgements, the last 16 (A7)
	token  int
	ping   bool // there is one in it
	live   bool // something in it makes the server answer
}

// Append appends the next packet to dst, encrypted and ready for the framing. Call it after every input until it
// says that there is none.
//
// A packet holds all that is there to be sent, within limits: acknowledgements, service messages, then queries in the
// order of their calls (C16, C18). Ids are given here and not before, so nothing grows old in a queue (C12).
func (s *Session) Append(now time.Time, dst []byte) (packet []byte, ok bool) {
	s.conn.now = now
	defer s.pack.shed()
	text, ok := s.compose(now)
	if !ok {
		return dst, false
	}
	return s.seal(now, dst, text)
}

// AppendPair is [Session.Append] of the next packet to the first of two buffers, and of the one after it to the second, if both carry parts of
// files: two are encrypted in less time together. If the second is nil, there is no such packet. It says how many packets there are.
func (s *Session) AppendPair(now time.Time, dst [2][]byte) (packets [2][]byte, n int) {
	s.conn.now = now
	defer s.pack.shed()
	packets = dst
	first, ok := s.compose(now)
	if !ok {
		return packets, 0
	}
	next := s.calls.queue.head
	pair := first.Tail != nil && dst[1] != nil && next != nil && next.bulky()
	var second crypto.Text
	if pair {
		s.pack.first = append(s.pack.first[:0], first.Plain...)
		first.Plain = s.pack.first
		second, pair = s.compose(now)
	}
	if !pair {
		if packets[0], ok = s.seal(now, dst[0], first); ok {
			n++
		}
		return packets, n
	}
	packets, tokens, err := crypto.SealPair(dst, s.cfg.Key, crypto.Client, [2]crypto.Text{first, second}, s.cfg.Rand)
	if err != nil {
		s.err = fmt.Errorf("session: %w", err)
		return dst, 0
	}
	for i, p := range packets {
		s.sealed(now, len(p)-len(dst[i]), tokens[i])
	}
	return packets, 2
}

// compose makes the plaintext of the next packet, which stays until the one after it.
func (s *Session) compose(now time.Time) (t crypto.Text, ok bool) {
	if !s.conn.up || s.err != nil {
		return t, false
	}
	s.pack.reset()
	s.fill(now)
	if s.pack.count == 0 {
		return t, false
	}
	return crypto.Text{Plain: s.wrap(now), Tail: s.pack.tail}, true
}

// seal encrypts one packet.
func (s *Session) seal(now time.Time, dst []byte, t crypto.Text) (packet []byte, ok bool) {
	packet, token, err := crypto.SealText(dst, s.cfg.Key, crypto.Client, t, s.cfg.Rand)
	if err != nil {
		s.err = fmt.Errorf("session: %w", err)
		return dst, false
	}
	s.sealed(now, len(packet)-len(dst), token)
	return packet, true
}

// sealed notes that a packet of n bytes goes out, and the token of its quick acknowledgement.
func (s *Session) sealed(now time.Time, n int, token uint32) {
	s.pack.tokens[s.pack.token%len(s.pack.tokens)] = token
	s.pack.token++
	s.conn.wrote(now, n, s.pack.live)
}

func (p *packer) reset() {
	const zeros = itemsAt
	p.w = bin.Writer{Buf: append(p.w.Buf[:0], make([]byte, zeros)...)}
	p.tail, p.count, p.calls, p.live, p.ping = nil, 0, p.calls[:0], false, false
}

// shed gives up what is large, now that the packet is encrypted elsewhere.
func (p *packer) shed() {
	if p.tail = nil; cap(p.w.Buf) > keepPlain {
		p.w.Buf = nil
	}
}

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
	s.head(id, s.self.seqNo(content))
	return id
}

func (s *Session) head(id int64, seq int32) {
	p := &s.pack
	p.start = len(p.w.Buf)
	p.w.Int64(id)
	p.w.Int32(seq)
	p.w.Int32(0)
	p.count++
}

// end finishes the message that begin started.
func (s *Session) end() {
	b := s.pack.w.Buf[s.pack.start:]
	binary.LittleEndian.PutUint32(b[lengthOffset:], uint32(len(b)-messageHead+len(s.pack.tail)))
}

// wrap puts the envelope around the messages, and a container if there are several (C18).
func (s *Session) wrap(now time.Time) []byte {
	p, container := &s.pack, int64(0)
	plain := p.w.Buf[loneAt:]
	if p.count > 1 {
		plain = p.w.Buf
		container = s.nextID(now)
		w := bin.Writer{Buf: plain[envelope:envelope]}
		w.Int64(container)
		w.Int32(s.self.seqNo(false))
		w.Int32(int32(len(plain) - containerHead + len(p.tail)))
		w.Uint32(mt.MsgContainerID)
		w.Int32(int32(p.count))
	}
	binary.LittleEndian.PutUint64(plain, uint64(s.salts.pick(s.ServerTime(now))))
	binary.LittleEndian.PutUint64(plain[8:], uint64(s.self.id))
	for _, c := range p.calls {
		c.container = container
	}
	if p.ping {
		s.conn.ping.box = container
	}
	s.log.packed(container)
	s.ackLog.packed(container)
	return plain
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
	s.head(id, seq)
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
	s.end()
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

var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return w
}}

// pack is a query, with what stands before it, as gzip_packed; nil: that is not smaller (C21).
func pack(before, query []byte) []byte {
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	var b bytes.Buffer
	z.Reset(&b)
	// A bytes.Buffer does not fail.
	_, _ = z.Write(before)
	_, _ = z.Write(query)
	_ = z.Close()
	var w bin.Writer
	(&mt.GzipPacked{PackedData: b.Bytes()}).Encode(&w)
	if w.Err() != nil || len(w.Buf) >= len(before)+len(query) {
		return nil
	}
	return w.Buf
}
