package transport

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Conn is one end of a connection. What it sends and what it receives are independent of each other: on a client,
// Append may be called by one goroutine while another calls Feed and Next. A server must have read the first packet
// before it appends anything, since the client chooses the framing.
type Conn struct {
	server *ServerOptions // nil: a client
	rand   io.Reader

	kind   Kind
	header []byte // still to be sent before the first packet
	enc    cipher.Stream
	sent   uint32 // packets, for the full framing
	pad    [1 + maxPad]byte

	dec      cipher.Stream
	inbox    // received and decrypted
	received uint32
	err      error // sticky

	detected bool
	dc       int16
}

// ClientOptions choose how a client talks.
type ClientOptions struct {
	Kind Kind

	// Obfuscated hides the framing from onlookers (A15 to A17). A Secret implies it.
	Obfuscated bool

	// Secret of an MTProxy or of a dcOption in its binary form: 16 bytes, or 17 with dd in front, which implies Padded
	// (A18, A20, A21). See [ParseSecret]. One of the fake-TLS kind is refused with [ErrFakeTLS]: give [Secret.Inner] here,
	// and pass the bytes through a [TLSClient].
	Secret []byte

	// DC is the wire id of the data centre that a proxy connects us to: +10000 for test servers, negated for a media
	// data centre (A18). Only used with a Secret.
	DC int16

	// Rand is a source of cryptographic randomness. Abridged, Intermediate and Full without obfuscation need none.
	Rand io.Reader
}

// NewClient returns the client's end of a new connection.
func NewClient(o ClientOptions) (*Conn, error) {
	if o.Kind < Abridged || o.Kind > Full {
		return nil, fmt.Errorf("transport: %v", o.Kind)
	}
	s, err := SplitSecret(o.Secret)
	if err != nil {
		return nil, err
	}
	if s.Domain != "" {
		return nil, ErrFakeTLS
	}
	secret := s.Key
	if s.Padded {
		o.Kind = Padded
	}
	c := &Conn{kind: o.Kind, rand: o.Rand, detected: true}
	if c.rand == nil && (o.Obfuscated || secret != nil || o.Kind == Padded) {
		return nil, errors.New("transport: no source of randomness")
	}
	if o.Obfuscated || secret != nil {
		return c, c.obfuscate(secret, o.DC)
	}
	c.header = announcement(c.kind)
	return c, nil
}

// announcement is the tag that tells a server the framing (A1).
func announcement(k Kind) []byte {
	switch k {
	case Abridged:
		return tags[k][:1:1]
	case Intermediate, Padded:
		return tags[k][:]
	default:
		return nil
	}
}

// Kind is the framing in use; of a server, once the client's is known.
func (c *Conn) Kind() (k Kind, known bool) { return c.kind, c.detected }

// Append appends to dst the bytes that carry payload: an encrypted packet or an unencrypted message, a multiple of 4
// bytes long and at most [MaxPacket]. The first call also appends what begins the connection. quickAck asks the server
// for a quick acknowledgement, which the full framing cannot express and ignores (A6). A server passes false.
//
// The bytes have to be written in the order of the calls, all of them, or the connection is lost.
func (c *Conn) Append(dst, payload []byte, quickAck bool) ([]byte, error) {
	return c.End(append(c.Begin(dst), payload...), len(dst), quickAck)
}

// Begin appends to dst the room for what goes before a packet, which is to be appended behind it: so it stands where it is sent from. Then
// [Conn.End] carries it as [Conn.Append] does.
func (c *Conn) Begin(dst []byte) []byte {
	var head [headMost]byte
	return append(c.preamble(dst), head[:c.head()]...)
}

// Begun reports whether what begins the connection was sent. Before that, only one packet may be between Begin and [Conn.End].
func (c *Conn) Begun() bool { return len(c.header) == 0 }

// End frames the packet that was appended to what [Conn.Begin] gave, and of which start bytes were there before.
func (c *Conn) End(dst []byte, start int, quickAck bool) ([]byte, error) {
	if !c.detected {
		return dst[:start], errors.New("transport: the client has not chosen a framing yet")
	}
	at := start + len(c.header)
	if n := len(dst) - at - c.head(); n <= 0 || n%4 != 0 || n > MaxPacket {
		return dst[:start], fmt.Errorf("transport: packet of %d bytes", n)
	}
	dst, err := c.frame(dst, at, quickAck)
	if err != nil {
		return dst[:start], err
	}
	return c.finish(dst, start), nil
}

// preamble appends what begins the connection, which is never encrypted, but advances nothing before it is kept: frame
// can only fail on randomness, after which a Conn is not used again.
func (c *Conn) preamble(dst []byte) []byte { return append(dst, c.header...) }

// finish encrypts what was appended after the preamble.
func (c *Conn) finish(dst []byte, start int) []byte {
	start += len(c.header)
	c.header = nil
	if c.enc != nil {
		c.enc.XORKeyStream(dst[start:], dst[start:])
	}
	return dst
}

// AppendQuickAck appends a server's quick acknowledgement (A7). Token is that of [crypto.OpenAck]; the full framing has
// none.
func (c *Conn) AppendQuickAck(dst []byte, token uint32) ([]byte, error) {
	if c.server == nil || !c.detected || c.kind == Full {
		return dst, errors.New("transport: no quick acknowledgement on this connection")
	}
	start := len(dst)
	token |= highBit
	switch c.kind {
	case Abridged:
		dst = binary.BigEndian.AppendUint32(dst, token)
	case Intermediate:
		dst = binary.LittleEndian.AppendUint32(dst, token)
	default:
		dst = binary.LittleEndian.AppendUint32(dst, 8)
		dst = binary.LittleEndian.AppendUint32(dst, ackMark)
		dst = binary.LittleEndian.AppendUint32(dst, token)
	}
	return c.finish(dst, start), nil
}

// AppendError appends a server's transport error (A9); code is negative.
func (c *Conn) AppendError(dst []byte, code int32) ([]byte, error) {
	if c.server == nil || !c.detected || code >= 0 {
		return dst, errors.New("transport: no error to send on this connection")
	}
	var payload [4]byte
	binary.LittleEndian.PutUint32(payload[:], uint32(code))
	return c.Append(dst, payload[:], false)
}

// Feed takes bytes read from the socket, of any number. They are copied. Nothing is allocated for what a frame's length
// only announces (A34); but all that is fed is kept until Next consumes it.
func (c *Conn) Feed(b []byte) {
	if c.err != nil || len(b) == 0 {
		return
	}
	copy(c.Room(len(b)), b)
	c.Fed(len(b))
}

// Room returns n bytes of space to read into from the socket, instead of [Conn.Feed], so that what comes is not copied. Call
// [Conn.Fed] with the number of those that were read. Frames that Next gave before are not valid any more, but for what was handed over.
func (c *Conn) Room(n int) []byte { return c.room(n) }

// Fed takes in the n bytes that were read into the last [Conn.Room].
func (c *Conn) Fed(n int) {
	if c.err != nil || n == 0 {
		return
	}
	b := c.buf[c.keep(n):]
	if c.dec != nil { // exactly the bytes that arrived, or the streams drift apart (A19)
		c.dec.XORKeyStream(b, b)
	}
}

// Next gives the next whole frame of what was fed. False: more bytes are needed. An error wraps [ErrProtocol], stays, and
// means that the connection has to be closed.
func (c *Conn) Next() (Frame, bool, error) {
	if c.err == nil && !c.detected {
		c.err = c.detect()
	}
	if c.err != nil || !c.detected {
		return Frame{}, false, c.err
	}
	f, n, err := c.parse(c.rest())
	if err != nil {
		c.err = err
		return Frame{}, false, err
	}
	c.wanted = max(-n, 0)
	c.off += max(n, 0)
	return f, n > 0, nil
}

// HandOver gives away the buffer that the last frame of [Conn.Next] stands in, which stays as it is. What came after that frame goes
// on in another. It may come back by [Recycle].
func (c *Conn) HandOver() []byte { return c.handOver() }
