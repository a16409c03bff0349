package session

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// resultHead is what stands before the result in an rpc_result: constructor id and req_msg_id.
const resultHead = 4 + 8

// answers hands the answers to calls to whoever made them.
type answers struct {
	lent bool // the present packet has been given away

	self   *self
	calls  *calls
	acks   *acks
	unpack *unpacker
	rounds *rounds
	events *events
}

// result takes an rpc_result (C22). One for a call that we do not have is only acknowledged. As it names a message of
// ours that still waits, it is taken however old it is (C8).
func (x *answers) result(f frame, body []byte) error {
	if len(body) < resultHead {
		x.events.warn(fmt.Errorf("rpc_result of %d bytes", len(body)))
		return nil
	}
	c := x.calls.byMsg[int64(binary.LittleEndian.Uint64(body[4:]))]
	if c == nil || (c.where == inFormer) != f.former {
		return nil
	}
	x.rounds.ended()
	c.received = true
	if !f.former {
		x.self.known = c.msgID
	}
	answer, err := body[resultHead:], error(nil)
	packed := idOf(answer) == mt.GzipPackedID
	if packed {
		answer, err = x.unpack.gunzip(answer)
	}
	if err != nil {
		x.calls.fail(c, fmt.Errorf("%w: %w", ErrAnswer, err))
		if !f.former { // otherwise the server would send it again after the reconnect, and so on
			x.acks.owe(f.now, f.id)
		}
		return err
	}
	if idOf(answer) == mt.RPCErrorID {
		x.rpcError(c, answer)
		return nil
	}
	r := Result{Call: c.id, Body: answer}
	switch {
	case packed:
	case x.lends(f, c, answer):
		r.Lent, x.lent = true, true
	default:
		r.Body = bytes.Clone(answer)
	}
	x.events.add(r)
	x.calls.follow(c)
	x.calls.drop(c)
	return nil
}

// lendLeast is how many bytes of an answer are worth the packet that they came in.
const lendLeast = 64 << 10

// lends reports whether the receiver of an answer gets the packet that it stands in, which only one can have.
func (x *answers) lends(f frame, c *call, answer []byte) bool {
	return c.opts.Lend && !f.zipped && !x.lent && len(answer) >= lendLeast
}

func (x *answers) rpcError(c *call, body []byte) {
	e := &mt.RPCError{}
	r := bin.NewReader(body)
	if e.Decode(r); r.Err() != nil {
		x.calls.fail(c, fmt.Errorf("%w: %w", ErrAnswer, r.Err()))
		return
	}
	x.events.add(Result{Call: c.id, Err: e})
	x.calls.drop(c)
}
