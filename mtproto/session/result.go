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

// result takes an rpc_result (C22). One for a call that we do not have is only acknowledged. As it names a message of
// ours that still waits, it is taken however old it is (C8).
func (s *Session) result(f frame, body []byte) error {
	if len(body) < resultHead {
		s.events.warn(fmt.Errorf("rpc_result of %d bytes", len(body)))
		return nil
	}
	c := s.calls.byMsg[int64(binary.LittleEndian.Uint64(body[4:]))]
	if c == nil || (c.where == inFormer) != f.former {
		return nil
	}
	s.loop.ended()
	c.received = true
	if !f.former {
		s.self.known = c.msgID
	}
	answer, err := body[resultHead:], error(nil)
	packed := idOf(answer) == mt.GzipPackedID
	if packed {
		answer, err = s.gunzip(answer)
	}
	if err != nil {
		s.fail(c, fmt.Errorf("%w: %w", ErrAnswer, err))
		if !f.former { // otherwise the server would send it again after the reconnect, and so on
			s.acks.owe(f.now, f.id, &s.cfg.Limits)
		}
		return err
	}
	if idOf(answer) == mt.RPCErrorID {
		s.rpcError(c, answer)
		return nil
	}
	r := Result{Call: c.id, Body: answer}
	switch {
	case packed:
	case s.lends(f, c, answer):
		r.Lent, s.in.lent = true, true
	default:
		r.Body = bytes.Clone(answer)
	}
	s.events.add(r)
	s.calls.follow(c)
	s.calls.drop(c)
	return nil
}

// lendLeast is how many bytes of an answer are worth the packet that they came in.
const lendLeast = 64 << 10

// lends reports whether the receiver of an answer gets the packet that it stands in, which only one can have.
func (s *Session) lends(f frame, c *call, answer []byte) bool {
	return c.opts.Lend && !f.zipped && !s.in.lent && len(answer) >= lendLeast
}

func (s *Session) rpcError(c *call, body []byte) {
	e := &mt.RPCError{}
	r := bin.NewReader(body)
	if e.Decode(r); r.Err() != nil {
		s.fail(c, fmt.Errorf("%w: %w", ErrAnswer, r.Err()))
		return
	}
	s.events.add(Result{Call: c.id, Err: e})
	s.calls.drop(c)
}

// update hands over a message that is neither an answer nor about messages. Those of a session that was left are dropped, not
// acknowledged: getDifference has them. One that the server does not number as content is taken too, as TDLib does, but there
// is no acknowledgement of it to hold.
func (s *Session) update(f frame, m mt.Message) (held bool) {
	if f.former || len(m.Body) < 4 {
		return false
	}
	body := m.Body
	if !f.zipped {
		body = bytes.Clone(body)
	}
	s.events.add(Update{MsgID: m.MsgID, Body: body})
	if held = s.cfg.HoldUpdates && m.SeqNo&1 != 0; held {
		s.acks.hold(m.MsgID)
	}
	return held
}
