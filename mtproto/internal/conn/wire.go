package conn

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/transport"
)

const (
	readLeast = 256 // bytes of room for what comes: most of the time there is nothing but pongs
	readMost  = 64 << 10
	writeMost = 64 << 10  // bytes gathered for one write
	writeStep = 32 << 10  // bytes written at once
	keepWrite = 768 << 10 // a larger buffer is not kept; one of this size carries a part of a file

	closeWrite = time.Second // that a last write may take
)

// ErrEnvironment says that the data centre refuses our data centre id (A13).
var ErrEnvironment = errors.New("mtproto: wrong environment or data centre number")

// TransportError is an error code in place of a packet (A9).
type TransportError struct {
	Code  int32
	Keyed bool // it came in answer to encrypted packets, not to a key exchange
}

func (e *TransportError) Error() string {
	switch e.Code {
	case transport.CodeUnknownKey:
		return "mtproto: transport error -404: unknown key or bad key exchange"
	case transport.CodeFlood:
		return "mtproto: transport error -429: too many connections"
	case transport.CodeWrongDC:
		return "mtproto: transport error -444: " + ErrEnvironment.Error()
	}
	return fmt.Sprintf("mtproto: transport error %d", e.Code)
}

// Unwrap returns ErrEnvironment for the code that means it.
func (e *TransportError) Unwrap() error {
	if e.Code == transport.CodeWrongDC {
		return ErrEnvironment
	}
	return nil
}

// Patience is how long the peer may keep us waiting.
type Patience struct {
	Write   time.Duration // refusing to take our bytes
	Receive time.Duration // until a packet comes that [Wire.Receive] waits for
}

// Wire is one connection with its framing.
type Wire struct {
	conn     net.Conn
	framing  *transport.Conn
	patience Patience
	hurried  atomic.Bool
}

// NewWire frames a connection.
func NewWire(nc net.Conn, framing transport.ClientOptions, p Patience) (*Wire, error) {
	f, err := transport.NewClient(framing)
	if err != nil {
		return nil, err
	}
	return &Wire{conn: nc, framing: f, patience: p}, nil
}

// write sends bytes that are framed already. The peer has to take some of them within Patience.Write, not all of a part of a
// file: a thin line may need longer for that.
func (w *Wire) write(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), writeStep)
		if err := w.writeSome(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (w *Wire) writeSome(b []byte) error {
	patience := w.patience.Write
	if w.hurried.Load() {
		patience = min(patience, closeWrite)
	}
	if err := w.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if w.hurried.Load() && patience > closeWrite { // only just
		w.hurry()
	}
	_, err := w.conn.Write(b)
	return err
}

// hurry bounds the write that is under way, and all others: the connection is to be closed.
func (w *Wire) hurry() {
	w.hurried.Store(true)
	_ = w.conn.SetWriteDeadline(time.Now().Add(closeWrite))
}

// Send frames and sends one packet.
func (w *Wire) Send(packet []byte) error {
	b, err := w.framing.Append(nil, packet, false)
	if err != nil {
		return err
	}
	return w.write(b)
}

// reading is how much room the next read gets: it grows while much comes and shrinks again when little does.
type reading struct {
	size  int
	small int // reads in a row that would have fit less
}

// fit chooses the size of the next read from how much the last one brought.
func (r *reading) fit(n int) int {
	switch {
	case r.size == 0:
		r.size = readLeast
	case n == r.size && r.size < readMost:
		r.size, r.small = 4*r.size, 0
	case n > r.size/4 || r.size == readLeast:
		r.small = 0
	default:
		if r.small++; r.small == 8 {
			r.size, r.small = readLeast, 0
		}
	}
	return r.size
}

// frames calls each for every frame that comes, until it fails, and partly whenever bytes came that do not end a frame.
func (w *Wire) frames(partly func(), each func(transport.Frame) error) error {
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
		n, err = w.conn.Read(w.framing.Room(r.fit(n)))
		unheard = n > 0
		w.framing.Fed(n)
		if err != nil && n == 0 {
			return err
		}
	}
}

var errGotPacket = errors.New("got one")

// Receive waits for one packet, for no longer than Patience.Receive. It is for what goes before a session.
func (w *Wire) Receive() (packet []byte, err error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(w.patience.Receive)); err != nil {
		return nil, err
	}
	err = w.frames(func() {}, func(f transport.Frame) error {
		switch f.Kind {
		case transport.Packet:
			packet = append(packet, f.Payload...)
			return errGotPacket
		case transport.Error:
			return &TransportError{Code: f.Code}
		}
		return nil
	})
	if errors.Is(err, errGotPacket) {
		return packet, w.conn.SetReadDeadline(time.Time{})
	}
	return nil, err
}

// Close closes the connection.
func (w *Wire) Close() error { return w.conn.Close() }

// writeBuffers are for packets on their way out, shared by all clients: an idle one has none.
var writeBuffers = sync.Pool{New: func() any { return new(writeBuffer) }}

// writeBuffer is what is written at once: packets, and one behind them that was made together with the last.
type writeBuffer struct{ framed [2][]byte }

func (b *writeBuffer) free() {
	if max(cap(b.framed[0]), cap(b.framed[1])) <= keepWrite {
		writeBuffers.Put(b)
	}
}
