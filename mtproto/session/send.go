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
