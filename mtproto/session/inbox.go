package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// inbox takes what the server sends apart, checks each message and hands it on.
type inbox struct {
	inner mt.MsgContainer // a buffer for the messages of a container

	hold       bool // acknowledgements of updates wait for [Session.Release]
	conn       *connection
	clock      *clock
	self       *self
	succession *succession
	acks       *acks
	unpack     *unpacker
	answers    *answers
	services   *services
	events     *events
}

// decrypted takes the plaintext of a packet.
func (x *inbox) decrypted(now time.Time, plain []byte) error {
	if len(plain) < envelope+messageHead {
		return ErrPacket
	}
	f := frame{now: now, session: int64(binary.LittleEndian.Uint64(plain[8:]))}
	if !x.succession.ours(f.session) {
		return nil // C5
	}
	n := int(int32(binary.LittleEndian.Uint32(plain[envelope+lengthOffset:])))
	body := plain[envelope+messageHead:]
	if n < 0 || n%4 != 0 || n > len(body) {
		return fmt.Errorf("%w: message of %d bytes in %d", ErrPacket, n, len(body))
	}
	x.conn.hears(now, time.Time{})
	return x.message(f, mt.Message{
		MsgID: int64(binary.LittleEndian.Uint64(plain[16:])),
		SeqNo: int32(binary.LittleEndian.Uint32(plain[24:])),
		Body:  body[:n:n],
	})
}

// message takes a message, outer or inner: both are checked in the same way (C19).
func (x *inbox) message(f frame, m mt.Message) error {
	if m.MsgID&1 == 0 {
		return fmt.Errorf("%w: even msg_id", ErrPacket) // C6
	}
	// The message before it in its container may have made us leave the session.
	f.id, f.former = m.MsgID, f.session != x.self.id
	if f.former {
		if !x.succession.ours(f.session) {
			return nil
		}
		_, err := x.dispatch(f, m)
		return err
	}
	if x.premature(f, m) {
		x.clock.synced = false
		return ErrTime
	}
	if !f.nested {
		f.stale = x.clock.synced && x.clock.age(f.now, f.id) > maxPast
	}
	again := x.acks.again(m.MsgID)
	if !again && x.unusable(f, m) {
		return nil // nor acknowledged: it was not taken
	}
	if again || x.novel(m) {
		x.clock.observe(f.now, f.id)
		held, err := x.dispatch(f, m)
		if err != nil || held {
			return err
		}
	}
	if m.SeqNo&1 != 0 && f.session == x.self.id {
		x.acks.owe(f.now, m.MsgID) // C15, also again
	}
	return nil
}

// unusable reports whether an update is not taken, so that neither it is noted nor acknowledged. That is one in a packet which is
// older than packets may be (C8), or, if no container brought it, one older than all that is remembered, so that nobody knows
// whether it was taken before (C7). What is in a container of today may be of any age: so Telegram sends what has waited, and
// TDLib looks at the age of the outer id alone too (SessionConnection::on_raw_packet).
func (x *inbox) unusable(f frame, m mt.Message) bool {
	if !brings(idOf(m.Body)) || x.self.window.has(m.MsgID) {
		return false
	}
	late := !f.nested && m.SeqNo&1 != 0 && x.self.window.content.forgot(m.MsgID)
	if late || f.stale {
		x.events.warn(fmt.Errorf("update of %v ago in a packet that is too old", x.clock.age(f.now, m.MsgID)))
	}
	return late || f.stale
}

// brings reports whether a message may bring an update: it is neither an answer, nor about messages, nor holds several.
func brings(id uint32) bool {
	return !aboutMessages(id) && id != mt.RPCResultID && id != mt.MsgContainerID && id != mt.MsgCopyID
}

// novel notes a message and says whether there may be something new in it (C7). The messages in a container are looked
// at one by one, and an answer that is older than all we remember, to a call that still waits, cannot have been seen.
func (x *inbox) novel(m mt.Message) bool {
	how := x.self.window.add(m.MsgID, m.SeqNo)
	if how == fresh {
		return true
	}
	id := idOf(m.Body)
	if how == tooLate {
		_, held := x.acks.held[m.MsgID]
		return id == mt.MsgContainerID || id == mt.RPCResultID || brings(id) && m.SeqNo&1 != 0 && !held
	}
	return id == mt.MsgContainerID
}

// premature reports whether a message is from the future (C8). It is authentic, so our clock is wrong. The connection is closed
// then, nothing noted: on the next one the first message sets the clock, and the server sends this one again.
func (x *inbox) premature(f frame, m mt.Message) bool {
	if !x.clock.synced || x.clock.age(f.now, f.id) >= -maxFuture {
		return false
	}
	id := idOf(m.Body)
	return !aboutMessages(id) && id != mt.MsgContainerID && id != mt.RPCResultID
}

// dispatch does what a message says. Held: its acknowledgement has to wait.
func (x *inbox) dispatch(f frame, m mt.Message) (held bool, err error) {
	switch id := idOf(m.Body); id {
	case mt.RPCResultID:
		return false, x.answers.result(f, m.Body)
	case mt.MsgContainerID:
		return false, x.container(f, m.Body)
	case mt.GzipPackedID:
		return x.unzip(f, m)
	case mt.MsgCopyID:
		return false, x.copied(f, m.Body)
	default:
		if !aboutMessages(id) {
			return x.update(f, m), nil
		}
		return false, x.services.take(f, m.Body)
	}
}

// container takes the messages of a container: all of it is well formed, or nothing of it is used (C18).
func (x *inbox) container(f frame, body []byte) error {
	if f.nested {
		return fmt.Errorf("%w: container inside a container", ErrPacket)
	}
	r := bin.NewReader(body)
	inner := x.inner
	x.inner.Messages = nil
	inner.Decode(r)
	if err := r.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrPacket, err)
	}
	for _, m := range inner.Messages {
		if m.MsgID&1 == 0 {
			return fmt.Errorf("%w: even msg_id", ErrPacket)
		}
	}
	f.nested = true
	for _, m := range inner.Messages {
		if err := x.message(f, m); err != nil {
			return err
		}
	}
	clear(inner.Messages)
	x.inner = inner
	return nil
}

// copied takes a message that comes again under another id: once, by its own id (C20).
func (x *inbox) copied(f frame, body []byte) error {
	var c mt.MsgCopy
	r := bin.NewReader(body)
	if c.Decode(r); unreadable(r) || f.nested && idOf(c.OrigMessage.Body) == mt.MsgCopyID {
		x.events.warn(fmt.Errorf("msg_copy: %w", ErrPacket))
		return nil
	}
	f.nested = true
	return x.message(f, c.OrigMessage)
}

// unzip takes a packed message. One that cannot be unpacked is acknowledged, lest it comes again for ever, and the
// connection closed (C21).
func (x *inbox) unzip(f frame, m mt.Message) (bool, error) {
	if f.zipped {
		return false, fmt.Errorf("%w: gzip_packed inside gzip_packed", ErrPacket)
	}
	f.zipped = true
	body, err := x.unpack.gunzip(m.Body)
	if err != nil {
		if m.SeqNo&1 != 0 && !f.former {
			x.acks.owe(f.now, m.MsgID)
		}
		return false, err
	}
	m.Body = body
	return x.dispatch(f, m)
}

// update hands over a message that is neither an answer nor about messages. Those of a session that was left are dropped, not
// acknowledged: getDifference has them. One that the server does not number as content is taken too, as TDLib does, but there
// is no acknowledgement of it to hold.
func (x *inbox) update(f frame, m mt.Message) (held bool) {
	if f.former || len(m.Body) < 4 {
		return false
	}
	body := m.Body
	if !f.zipped {
		body = bytes.Clone(body)
	}
	x.events.add(Update{MsgID: m.MsgID, Body: body})
	if held = x.hold && m.SeqNo&1 != 0; held {
		x.acks.hold(m.MsgID)
	}
	return held
}
