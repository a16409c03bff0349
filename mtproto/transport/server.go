package transport

import (
	"encoding/binary"
	"io"
)

// ServerOptions are those of a server's end.
type ServerOptions struct {
	// Rand is needed where clients may choose the padded framing.
	Rand io.Reader

	// Secret, 16 bytes, makes the server expect the obfuscation of an MTProxy client (A18). Without it clients may
	// obfuscate or not.
	Secret []byte
}

// NewServer returns a server's end of a new connection, which learns from the first bytes how the client talks.
func NewServer(o ServerOptions) *Conn {
	return &Conn{server: &o, rand: o.Rand}
}

// DC is the wire id of the data centre that an obfuscated client with a secret asked for (A18), 0 otherwise.
func (c *Conn) DC() int16 { return c.dc }

// detect finds out from the first bytes of a connection how the client talks, as soon as there are enough of them.
func (c *Conn) detect() error {
	b := c.rest()
	if len(c.server.Secret) > 0 {
		return c.deobfuscate(b)
	}
	if len(b) > 0 && b[0] == tags[Abridged][0] {
		c.found(Abridged, 1)
		return nil
	}
	if len(b) < 8 { // no first packet is shorter, whatever the framing
		return nil
	}
	switch first := [4]byte(b); {
	case first == tags[Intermediate]:
		c.found(Intermediate, 4)
	case first == tags[Padded]:
		c.found(Padded, 4)
	case binary.LittleEndian.Uint32(b[4:]) == 0: // the packet number; no obfuscated connection begins so (A15)
		c.found(Full, 0)
	default:
		return c.deobfuscate(b)
	}
	return nil
}

func (c *Conn) found(k Kind, taken int) {
	c.kind, c.detected = k, true
	c.off += taken
}

// deobfuscate starts both key streams once the client's 64 bytes are there, and decrypts what came after them.
func (c *Conn) deobfuscate(b []byte) error {
	if len(b) < initSize {
		return nil
	}
	first := [initSize]byte(b)
	if !usableInit(&first) {
		return violation("the connection begins like another protocol: % x", first[:4])
	}
	var secret []byte
	if len(c.server.Secret) > 0 {
		secret = c.server.Secret
	}
	c.dec, c.enc = streams(&first, secret)
	c.dec.XORKeyStream(first[:], first[:])
	rest := b[initSize:]
	c.dec.XORKeyStream(rest, rest)
	for k, tag := range tags {
		if tag == [4]byte(first[tagAt:]) {
			if secret != nil {
				c.dc = int16(binary.LittleEndian.Uint16(first[dcAt:]))
			}
			c.found(Kind(k), initSize)
			return nil
		}
	}
	return violation("neither a framing nor an obfuscated connection")
}
