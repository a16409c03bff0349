package mtproto

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/transport"
)

const (
	readLeast = 256 // of the buffer that waits for what comes: most of the time there is nothing but pongs
	readMost  = 64 << 10
	writeMost = 64 << 10 // bytes gathered for one write
	writeStep = 32 << 10 // bytes written at once
	keepWrite = 64 << 10 // a larger buffer is not kept
)

// transportError is an error code instead of a packet (A9).
type transportError struct {
	code  int32
	keyed bool // it came in answer to encrypted packets, not to a key exchange
}

func (e *transportError) Error() string {
	switch e.code {
	case transport.CodeUnknownKey:
		return "mtproto: transport error -404: unknown key or bad key exchange"
	case transport.CodeFlood:
		return "mtproto: transport error -429: too many connections"
	case transport.CodeWrongDC:
		return "mtproto: transport error -444: " + ErrEnvironment.Error()
	}
	return fmt.Sprintf("mtproto: transport error %d", e.code)
}

func (e *transportError) Unwrap() error {
	if e.code == transport.CodeWrongDC {
		return ErrEnvironment
	}
	return nil
}

// wire is one connection with its framing.
type wire struct {
	conn    net.Conn
	framing *transport.Conn
	to      dc.Option
	limits  Limits
	hurried atomic.Bool
}

// newWire frames a connection the way that it wants.
func newWire(r *route, limits Limits) (*wire, error) {
	f, err := transport.NewClient(r.Framing)
	if err != nil {
		return nil, err
	}
	return &wire{conn: r.Conn, framing: f, to: r.To, limits: limits}, nil
}

// write sends bytes that are framed already. The peer has to take some of them within Limits.Write, not all of a part of a file:
// a thin line may need longer for that.
func (w *wire) write(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), writeStep)
		if err := w.writeSome(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (w *wire) writeSome(b []byte) error {
	patience := w.limits.Write
	if w.hurried.Load() {
		patience = min(patience, farewell)
	}
	if err := w.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if w.hurried.Load() && patience > farewell { // only just
		w.hurry()
	}
	_, err := w.conn.Write(b)
	return err
}

// hurry bounds the write that is under way, and all others: the connection is to be closed.
func (w *wire) hurry() {
	w.hurried.Store(true)
	_ = w.conn.SetWriteDeadline(time.Now().Add(farewell))
}

// send frames and sends one packet.
func (w *wire) send(packet []byte) error {
	b, err := w.framing.Append(nil, packet, false)
	if err != nil {
		return err
	}
	return w.write(b)
}

// reading is a buffer that grows while much comes and shrinks again when little does.
type reading struct {
	buf   []byte
	small int // reads in a row that would have fit a smaller one
}

// fit chooses the buffer for the next read from how much the last one brought.
func (r *reading) fit(n int) {
	switch size := len(r.buf); {
	case size == 0:
		r.buf = make([]byte, readLeast)
	case n == size && size < readMost:
		r.buf, r.small = make([]byte, 4*size), 0
	case n > size/4 || size == readLeast:
		r.small = 0
	default:
		if r.small++; r.small == 8 {
			r.buf, r.small = make([]byte, readLeast), 0
		}
	}
}

// frames calls each for every frame that comes, until it fails, and partly whenever bytes came that do not end a frame.
func (w *wire) frames(partly func(), each func(transport.Frame) error) error {
	var r reading
	for unheard, n := false, 0; ; {
		f, ok, err := w.framing.Next()
		if err != nil {
			return err
		}
		if ok {
			if err := each(f); err != nil {
				return err
			}
			unheard = false
			continue
		}
		if unheard {
			partly()
		}
		r.fit(n)
		n, err = w.conn.Read(r.buf)
		unheard = n > 0
		w.framing.Feed(r.buf[:n])
		if err != nil && n == 0 {
			return err
		}
	}
}

var errGotPacket = errors.New("got one")

// receive waits for one packet, for no longer than a step of the key exchange may take.
func (w *wire) receive() (packet []byte, err error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(w.limits.Handshake)); err != nil {
		return nil, err
	}
	err = w.frames(func() {}, func(f transport.Frame) error {
		switch f.Kind {
		case transport.Packet:
			packet = append(packet, f.Payload...)
			return errGotPacket
		case transport.Error:
			return &transportError{code: f.Code}
		}
		return nil
	})
	if errors.Is(err, errGotPacket) {
		return packet, w.conn.SetReadDeadline(time.Time{})
	}
	return nil, err
}

// buffers for packets on their way out, shared by all clients: an idle one has none.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct{ packet, framed []byte }

func (b *buffer) free() {
	if cap(b.packet) <= keepWrite && cap(b.framed) <= 2*keepWrite {
		b.packet, b.framed = b.packet[:0], b.framed[:0]
		buffers.Put(b)
	}
}
