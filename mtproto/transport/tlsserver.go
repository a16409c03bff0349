package transport

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// How far a client's clock may be from the proxy's: behind, and ahead (A24).
const (
	clockBehind = 20 * time.Minute
	clockAhead  = 10 * time.Minute
)

// Size of the random record that ends a proxy's answer in place of certificates.
const (
	certificateLeast = 1 << 10
	certificateMost  = 4 << 10
)

var tlsClientHello = []byte{tlsTypeHandshake, 0x03, 0x01}

// TLSServerOptions are those of a proxy's end.
type TLSServerOptions struct {
	// Key is the 16 bytes of the secret.
	Key []byte

	// Replays remembers hellos, so that nobody finds the proxy out by sending one again (A24). It is shared by all
	// connections of a proxy. Nil: they are not remembered.
	Replays *Replays

	// Rand is a source of cryptographic randomness.
	Rand io.Reader
}

// TLSServer is the proxy's end of what [TLSClient] begins. After Accept has given an answer, Append and Next work as
// there.
type TLSServer struct {
	o        TLSServerOptions
	accepted bool
	records
}

// NewTLSServer returns a proxy's end of a new connection.
func NewTLSServer(o TLSServerOptions) *TLSServer { return &TLSServer{o: o} }

// LooksLikeTLS says whether a connection that begins with b is one for a [TLSServer]; more is false while b is too short to
// tell.
func LooksLikeTLS(b []byte) (yes, known bool) {
	if len(b) < len(tlsClientHello) {
		return false, !begins(b, tlsClientHello)
	}
	return bytes.HasPrefix(b, tlsClientHello), true
}

// Feed takes bytes read from the socket. They are copied.
func (s *TLSServer) Feed(b []byte) { s.in.add(b) }

// Accept checks the client's hello and gives the answer to send, once; nothing: feed more. An error, which stays and wraps
// [ErrProtocol] unless randomness failed, means that the client does not know the secret, is not ours at all, or has a
// wrong clock.
func (s *TLSServer) Accept(now time.Time) (answer []byte, err error) {
	if s.err == nil && !s.accepted {
		answer, s.err = s.accept(now)
	}
	return answer, s.err
}

func (s *TLSServer) accept(now time.Time) ([]byte, error) {
	b := s.in.rest()
	if !begins(b, tlsClientHello) {
		return nil, violation("no ClientHello: % x", b[:min(len(b), tlsHead)])
	}
	if len(b) >= tlsHead && int(binary.BigEndian.Uint16(b[3:])) > tlsRecordIn {
		return nil, violation("ClientHello of %d bytes", binary.BigEndian.Uint16(b[3:]))
	}
	r, _ := tlsRecord(b, tlsClientHello)
	if r == nil {
		return nil, nil
	}
	if err := s.check(now, r); err != nil {
		return nil, err
	}
	s.in.off += len(r)
	s.accepted = true
	return s.answer(r)
}

// check looks for the secret, the time and a replay in a ClientHello (A24).
func (s *TLSServer) check(now time.Time, b []byte) error {
	if len(b) < helloLeast || b[helloSessionAt-1] != 32 {
		return violation("a ClientHello without a session id of 32 bytes")
	}
	proof := helloMAC(s.o.Key, b)
	random := b[helloRandomAt : helloRandomAt+32]
	if !hmac.Equal(proof[:helloSigned], random[:helloSigned]) {
		return violation("the client does not know the secret")
	}
	sent := binary.LittleEndian.Uint32(proof[helloSigned:]) ^ binary.LittleEndian.Uint32(random[helloSigned:])
	if behind := now.Sub(time.Unix(int64(sent), 0)); behind > clockBehind || behind < -clockAhead {
		return violation("the client's clock is %v behind", behind.Round(time.Second))
	}
	if s.o.Replays != nil && s.o.Replays.seen(now, [16]byte(random)) {
		return violation("a ClientHello that was sent before")
	}
	return nil
}

// answer writes the three records of A25.
func (s *TLSServer) answer(clientHello []byte) ([]byte, error) {
	h := &hello{rand: s.o.Rand}
	if h.rand == nil {
		return nil, errors.New("transport: no source of randomness")
	}
	h.put(tlsHandshake...)
	h.sized(func() {
		h.put(2, 0) // ServerHello
		h.sized(func() {
			h.put(3, 3)
			h.put(make([]byte, 32)...)
			h.put(32)
			h.put(clientHello[helloSessionAt : helloSessionAt+32]...)
			h.put16(0x1301)
			h.put(0)
			h.sized(h.answerExtensions)
		})
	})
	h.put(tlsChange...)
	h.put(tlsData...)
	h.sized(func() { h.random(certificateLeast + h.below(certificateMost-certificateLeast)) })
	if h.err != nil {
		return nil, h.err
	}
	random := [32]byte(clientHello[helloRandomAt:])
	proof := serverProof(s.o.Key, &random, h.b)
	copy(h.b[helloRandomAt:], proof[:])
	return h.b, nil
}

func (h *hello) answerExtensions() {
	h.extension(51, func() {
		h.put16(groupX25519)
		h.sized(h.curveKey)
	})
	h.extension(43, func() { h.put16(0x0304) })
}

// Append appends to dst the bytes that carry data.
func (s *TLSServer) Append(dst, data []byte) ([]byte, error) {
	if !s.accepted {
		return dst, errors.New("transport: the client has not been accepted")
	}
	return s.append(dst, data), nil
}

// Next is that of [TLSClient.Next].
func (s *TLSServer) Next() ([]byte, error) {
	if !s.accepted {
		return nil, s.err
	}
	return s.next()
}

// Replays remembers the hellos of clients for as long as their time would still be accepted. It is safe for concurrent use.
type Replays struct {
	mu    sync.Mutex
	until map[[16]byte]time.Time
	sweep time.Time // when to forget old ones next
}

// replaysMost bounds what is remembered. Beyond it new clients are refused: better than to be found out.
const replaysMost = 1 << 18

// seen notes a hello and says whether it was there before.
func (r *Replays) seen(now time.Time, id [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.After(r.sweep) {
		for k, until := range r.until {
			if now.After(until) {
				delete(r.until, k)
			}
		}
		r.sweep = now.Add(clockBehind)
	}
	if _, known := r.until[id]; known || len(r.until) >= replaysMost {
		return true
	}
	if r.until == nil {
		r.until = map[[16]byte]time.Time{}
	}
	r.until[id] = now.Add(clockBehind + clockAhead)
	return false
}

// String says how many are remembered.
func (r *Replays) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%d hellos", len(r.until))
}
