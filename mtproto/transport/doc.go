// Package transport frames MTProto packets on a stream of bytes: the four framings, their quick acknowledgements and error
// codes, and obfuscation, for both ends. Below them a stream may be made to look like TLS, for proxies that want it so.
// Numbers in comments (A1, A17 ...) name the items of the MTProto checklist that a rule comes from.
//
// A [Conn] is a machine without input and output of its own: [Conn.Append] says which bytes to write to the socket,
// [Conn.Feed] takes those read from it, in pieces of any size, and [Conn.Next] gives the frames in them. A [TLSClient]
// does the same with data in place of frames. A proxy is a Conn towards the client and one towards Telegram, joined by
// [Conn.Drain] and [Conn.AppendRaw]; [TLSServer] is its end of what looks like TLS.
package transport

import (
	"errors"
	"fmt"
)

// Kind is a framing.
type Kind int

// The four framings (A1 to A5). Full cannot be obfuscated.
const (
	Abridged Kind = iota
	Intermediate
	Padded
	Full
)

func (k Kind) String() string {
	switch k {
	case Abridged:
		return "abridged"
	case Intermediate:
		return "intermediate"
	case Padded:
		return "padded intermediate"
	case Full:
		return "full"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// FrameKind is what a frame is.
type FrameKind int

// Packet is for decryption, QuickAck and Error are the transport's own.
const (
	Packet FrameKind = iota
	QuickAck
	Error
)

// Frame is what one end has received.
type Frame struct {
	Kind FrameKind

	// Payload of a Packet. It aliases the Conn's buffer until the next call of Next or Feed. In padded framing up to 15
	// bytes follow that are not part of the message (A4).
	Payload []byte

	// AckWanted, on a Packet that a server receives, asks for a quick acknowledgement (A6).
	AckWanted bool

	// Token of a QuickAck, bit 31 set. It names a packet that was received and decrypted, and promises nothing about
	// the query in it (A8).
	Token uint32

	// Code of an Error, negative (A9).
	Code int32
}

// Codes of an Error frame (A10, A12, A13).
const (
	CodeUnknownKey = -404 // the data centre does not know the auth_key_id, or could not make sense of a key exchange
	CodeFlood      = -429 // too many connections, or a container or list of ids over its limits
	CodeWrongDC    = -444 // the wrong data centre id: a configuration error
)

// MaxPacket is the largest payload of a frame, either way (A34).
const MaxPacket = 16 << 20

// ErrProtocol is wrapped by every error that the other side caused; the connection is of no use any more.
var ErrProtocol = errors.New("transport: protocol violation")

func violation(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrProtocol}, args...)...)
}
