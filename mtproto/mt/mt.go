// Package mt is MTProto's own messages: key exchange, acknowledgements, salts, pings, containers and results of calls.
// Most of it is generated from schemas/mtproto.tl; containers, whose lengths need care, and decompression are written
// by hand.
//
// Every type encodes itself with its constructor id and expects that id when it decodes. Decoding follows package bin:
// it reads through after a failure, and the Reader keeps the error. Byte fields alias the input; slices of numbers
// reuse the capacity they have.
package mt

import (
	"fmt"

	"github.com/natsgram/natsgram/tl/bin"
)

//go:generate go run ../../tl/gen/tlgen mt .

// Object is any message of this package.
type Object interface {
	Encode(w *bin.Writer)
	Decode(r *bin.Reader)
}

// Error is the server's own text with its code: "420 FLOOD_WAIT_35".
func (x *RPCError) Error() string { return fmt.Sprintf("%d %s", x.ErrorCode, x.ErrorMessage) }
