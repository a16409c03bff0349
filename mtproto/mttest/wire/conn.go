package wire

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/transport"
)

const (
	readSize  = 8 << 10
	keepBytes = 64 << 10 // of buffers that grew over it nothing is kept
)

// Conn is one connection. Two goroutines serve it: one reads, decrypts and has queries answered, one encrypts and writes.
type Conn struct {
	ID     int64
	media  bool
	centre *Centre
	nc     net.Conn
	framer *transport.Conn
	cutter *cutter

	refusal int32 // the transport error that its first packet is answered with; 0: none

	// of the reading goroutine
	exchange *handshake.Server
	plain    []byte
	ungzip   []byte

	wake   chan struct{} // something may be there to write
	done   chan struct{} // closed: stop
	once   sync.Once
	closed atomic.Bool

	mu       sync.Mutex
	raw      [][]byte   // handshake answers, quick acks and errors: payloads ready to be framed
	attached []*Session // that speak over this connection
	bye      *time.Timer
	last     bool // close once raw is written
}

func newConn(c *Centre, nc net.Conn) *Conn {
	return &Conn{
		ID: c.next.Add(1), centre: c, nc: nc, framer: transport.NewServer(transport.ServerOptions{Rand: c.cfg.Rand}),
		cutter: c.cfg.Faults.cutter(), refusal: c.cfg.Faults.refusal(), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// Media reports whether the connection came to an address for file traffic.
func (c *Conn) Media() bool { return c.media }

// Close ends the connection. It may be called from any goroutine, also more than once.
func (c *Conn) Close() {
	c.once.Do(func() {
		c.closed.Store(true)
		close(c.done)
		c.nc.Close()
	})
}

func (c *Conn) run() {
	var writer sync.WaitGroup
	writer.Go(c.write)
	c.read()
	c.Close()
	writer.Wait()
	c.detach()
}

func (c *Conn) detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bye != nil {
		c.bye.Stop()
	}
	for _, s := range c.attached {
		s.key.leave(c)
	}
}

func (c *Conn) read() {
	buf := make([]byte, readSize)
	for {
		n, err := c.nc.Read(buf)
		n, cut := c.cutter.pass(n)
		c.framer.Feed(buf[:n])
		if c.frames() != nil || err != nil || cut {
			return
		}
	}
}

var errDone = errors.New("wire: connection is over")

// frames handles all whole frames that are there.
func (c *Conn) frames() error {
	for {
		f, ok, err := c.framer.Next()
		if err != nil || !ok {
			return err
		}
		if f.Kind != transport.Packet {
			return errDone
		}
		if err := c.packet(f); err != nil {
			return err
		}
	}
}

func (c *Conn) packet(f transport.Frame) error {
	id, ok := crypto.PacketKeyID(f.Payload)
	switch {
	case c.refusal != 0:
		return c.refuseWith(c.refusal)
	case !ok:
		return c.refuse()
	case id == 0:
		return c.handshake(f.Payload)
	}
	key := c.centre.Key(id)
	if key == nil {
		return c.refuse()
	}
	plain, token, err := crypto.OpenAck(c.plain[:0], &key.Key, crypto.Client, f.Payload)
	if err != nil {
		return c.refuse()
	}
	c.plain = plain
	if f.AckWanted {
		c.quickAck(token)
	}
	defer c.shrink()
	return c.message(key, plain)
}

func (c *Conn) shrink() {
	if cap(c.plain) > keepBytes {
		c.plain = nil
	}
	if cap(c.ungzip) > keepBytes {
		c.ungzip = nil
	}
}

// refuse answers what cannot be understood, as Telegram does (A10), and gives the connection up.
func (c *Conn) refuse() error { return c.refuseWith(transport.CodeUnknownKey) }

func (c *Conn) refuseWith(code int32) error {
	c.sendRaw(rawError, code)
	c.mu.Lock()
	c.last = true
	c.mu.Unlock()
	c.poke()
	<-c.done
	return errDone
}

func (c *Conn) handshake(packet []byte) error {
	if c.exchange == nil {
		cfg := &c.centre.cfg
		c.exchange = handshake.NewServer(handshake.ServerConfig{Keys: cfg.Keys, Rand: cfg.Rand, AcceptDC: cfg.AcceptDC, OldRSA: cfg.OldRSA})
	}
	send, done, err := c.exchange.Receive(c.centre.cfg.Now(), packet)
	switch {
	case errors.Is(err, handshake.ErrWrongDC):
		return c.refuseWith(transport.CodeWrongDC)
	case err != nil:
		return c.refuse()
	case done != nil:
		c.centre.addKey(done.Key, done.Salt, done.ExpiresAt)
	}
	if len(send) > 0 {
		c.mu.Lock()
		c.raw = append(c.raw, append([]byte{rawPacket}, send...))
		c.mu.Unlock()
		c.poke()
	}
	return nil
}

// A raw item begins with what it is.
const (
	rawPacket = iota
	rawAck
	rawError
)

func (c *Conn) quickAck(token uint32) { c.sendRaw(rawAck, int32(token)) }

func (c *Conn) sendRaw(kind byte, v int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, binary.LittleEndian.AppendUint32([]byte{kind}, uint32(v)))
	c.poke()
}

// poke makes the writing goroutine look for something to write.
func (c *Conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// byeAfter makes the server close the connection in d, unless renewed (C33).
func (c *Conn) byeAfter(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bye == nil {
		c.bye = time.AfterFunc(d, c.Close)
		return
	}
	c.bye.Reset(d)
}

// attach notes that s speaks over c. First: it did not before.
func (c *Conn) attach(s *Session) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.attached, s) {
		return false
	}
	c.attached = append(c.attached, s)
	return true
}

func (c *Conn) sessions() []*Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attached // only ever appended to
}
