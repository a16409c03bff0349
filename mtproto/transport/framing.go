package transport

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	highBit     = uint32(1) << 31 // of a length: quick ack wanted (A6); of a token: always set (A7)
	ackMark     = ^uint32(0)      // begins a quick ack in padded framing (A7)
	longForm    = 0x7f            // abridged: three bytes of length follow (A2)
	maxPad      = 15              // random bytes after a client's padded packet (A4)
	serverPad   = 3               // and after a server's: Telegram's own send no more, and some clients take no more
	fullExtra   = 12              // length, counter and CRC around a full packet (A5)
	errorSize   = 4               // bytes of a transport error (A9)
	leastPacket = 24              // bytes of the smallest message, an unencrypted one: key id, msg_id, length, 4 bytes
)

// headMost is how much room any framing needs before a packet.
const headMost = 8

// head is how much room the connection's framing needs.
func (c *Conn) head() int {
	if c.kind == Full {
		return 8
	}
	return 4
}

// frame puts a packet in the connection's framing. It ends dst, and the room before it begins at a place.
func (c *Conn) frame(dst []byte, at int, quickAck bool) ([]byte, error) {
	switch c.kind {
	case Abridged:
		return frameAbridged(dst, at, quickAck), nil
	case Intermediate:
		putLength(dst[at:], len(dst)-at-4, quickAck)
		return dst, nil
	case Padded:
		return c.framePadded(dst, at, quickAck)
	default:
		dst = frameFull(dst, at, c.sent)
		c.sent++
		return dst, nil
	}
}

// frameAbridged writes the length of a packet in words (A2). A short one moves up to its only byte.
func frameAbridged(dst []byte, at int, quickAck bool) []byte {
	var ack byte
	if quickAck {
		ack = 0x80
	}
	words := (len(dst) - at - 4) / 4
	if words < longForm {
		dst[at] = byte(words) | ack
		return dst[:at+1+copy(dst[at+1:], dst[at+4:])]
	}
	copy(dst[at:], []byte{longForm | ack, byte(words), byte(words >> 8), byte(words >> 16)})
	return dst
}

func putLength(dst []byte, n int, quickAck bool) {
	v := uint32(n)
	if quickAck {
		v |= highBit
	}
	binary.LittleEndian.PutUint32(dst, v)
}

// framePadded appends random bytes, which the length covers: a client's 0 to 15 (A4), a server's 0 to 3.
func (c *Conn) framePadded(dst []byte, at int, quickAck bool) ([]byte, error) {
	r := &c.pad // on the heap already: what a Reader is given escapes
	if _, err := io.ReadFull(c.rand, r[:]); err != nil {
		return dst, fmt.Errorf("transport: random padding: %w", err)
	}
	most := maxPad
	if c.server != nil {
		most = serverPad
	}
	dst = append(dst, r[1:1+int(r[0])%(most+1)]...)
	putLength(dst[at:], len(dst)-at-4, quickAck)
	return dst, nil
}

// frameFull writes a packet's length and number, and appends a checksum over all three (A5).
func frameFull(dst []byte, at int, seq uint32) []byte {
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at+4))
	binary.LittleEndian.PutUint32(dst[at+4:], seq)
	return binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[at:]))
}

// parse takes one frame from the front of b and says how long it is; 0: b is too short, and less than 0: by how much is known, as
// it takes that many.
func (c *Conn) parse(b []byte) (Frame, int, error) {
	switch c.kind {
	case Abridged:
		return c.parseAbridged(b)
	case Intermediate:
		return c.parseIntermediate(b)
	case Padded:
		return c.parsePadded(b)
	default:
		return c.parseFull(b)
	}
}

func (c *Conn) parseAbridged(b []byte) (Frame, int, error) {
	if len(b) == 0 {
		return Frame{}, 0, nil
	}
	first, ack := b[0], b[0]&0x80 != 0
	if ack && c.server == nil {
		if len(b) < 4 {
			return Frame{}, 0, nil
		}
		return Frame{Kind: QuickAck, Token: binary.BigEndian.Uint32(b)}, 4, nil
	}
	n, head := int(first&0x7f), 1
	if n == longForm {
		if len(b) < 4 {
			return Frame{}, 0, nil
		}
		n, head = int(b[1])|int(b[2])<<8|int(b[3])<<16, 4
	}
	return cut(b, head, 4*n, ack)
}

func (c *Conn) parseIntermediate(b []byte) (Frame, int, error) {
	if len(b) < 4 {
		return Frame{}, 0, nil
	}
	v := binary.LittleEndian.Uint32(b)
	if v&highBit != 0 && c.server == nil {
		return Frame{Kind: QuickAck, Token: v}, 4, nil
	}
	n := int(v &^ highBit)
	if n%4 != 0 {
		return Frame{}, 0, violation("packet of %d bytes", n)
	}
	return cut(b, 4, n, v&highBit != 0)
}

func (c *Conn) parsePadded(b []byte) (Frame, int, error) {
	if len(b) < 4 {
		return Frame{}, 0, nil
	}
	v := binary.LittleEndian.Uint32(b)
	if v&highBit != 0 && c.server != nil {
		return cut(b, 4, int(v&^highBit), true)
	}
	f, n, err := cut(b, 4, int(v), false)
	if f.Kind == Packet && n > 0 && len(f.Payload) < leastPacket {
		f, err = shortPadded(f.Payload)
	}
	return f, n, err
}

// shortPadded tells apart what is too short for a message: a quick acknowledgement or an error, with padding (A7, A9).
func shortPadded(b []byte) (Frame, error) {
	if binary.LittleEndian.Uint32(b) == ackMark && len(b) >= 8 {
		return Frame{Kind: QuickAck, Token: binary.LittleEndian.Uint32(b[4:]) | highBit}, nil
	}
	code := int32(binary.LittleEndian.Uint32(b))
	if code >= 0 || len(b) > errorSize+maxPad {
		return Frame{}, violation("packet of %d bytes", len(b))
	}
	return Frame{Kind: Error, Code: code}, nil
}

func (c *Conn) parseFull(b []byte) (Frame, int, error) {
	if len(b) < 4 {
		return Frame{}, 0, nil
	}
	v := binary.LittleEndian.Uint32(b)
	if v&highBit != 0 && c.server == nil { // some servers send an error bare, in place of the length (A9)
		return Frame{Kind: Error, Code: int32(v)}, 4, nil
	}
	if v < fullExtra || v > MaxPacket+fullExtra || v%4 != 0 {
		return Frame{}, 0, violation("packet of %d bytes", v)
	}
	n := int(v)
	if len(b) < n {
		return Frame{}, -n, nil
	}
	if seq := binary.LittleEndian.Uint32(b[4:]); seq != c.received {
		return Frame{}, 0, violation("packet number %d, want %d", seq, c.received)
	}
	if crc32.ChecksumIEEE(b[:n-4]) != binary.LittleEndian.Uint32(b[n-4:]) {
		return Frame{}, 0, violation("checksum of packet %d is wrong", c.received)
	}
	c.received++
	f, _, err := cut(b[:n-4], 8, n-fullExtra, false)
	return f, n, err
}

// cut takes a payload of n bytes after a head. The limits are checked before anything waits for the payload to arrive.
func cut(b []byte, head, n int, ack bool) (Frame, int, error) {
	if n < errorSize || n > MaxPacket {
		return Frame{}, 0, violation("packet of %d bytes", n)
	}
	if len(b)-head < n {
		return Frame{}, -(head + n), nil
	}
	payload := b[head : head+n : head+n]
	if n > errorSize {
		return Frame{Payload: payload, AckWanted: ack}, head + n, nil
	}
	code := int32(binary.LittleEndian.Uint32(payload))
	if code >= 0 {
		return Frame{}, 0, violation("packet of 4 bytes: %d", code)
	}
	return Frame{Kind: Error, Code: code}, head + n, nil
}
