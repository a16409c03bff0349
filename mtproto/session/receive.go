package session

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// Receive takes an encrypted packet, and decrypts it in place: its bytes are spent, and the caller's again afterwards, unless they are
// lent with a [Result]. An error means that the packet, or what is in it, failed a check: close the connection (C9).
func (s *Session) Receive(now time.Time, packet []byte) (lent bool, err error) {
	s.conn.now, s.in.unpacked, s.in.lent = now, 0, false
	plain, err := crypto.OpenInPlace(s.cfg.Key, crypto.Server, packet)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	err = s.decrypted(now, plain)
	if off, ok := s.clock.report(now); ok {
		s.events.add(TimeSynced{off})
	}
	return s.in.lent, err
}

// decrypted takes the plaintext of a packet.
func (s *Session) decrypted(now time.Time, plain []byte) error {
	if len(plain) < envelope+messageHead {
		return ErrPacket
	}
	f := frame{now: now, session: int64(binary.LittleEndian.Uint64(plain[8:]))}
	if !s.ours(f.session) {
		return nil // C5
	}
	n := int(int32(binary.LittleEndian.Uint32(plain[envelope+lengthOffset:])))
	body := plain[envelope+messageHead:]
	if n < 0 || n%4 != 0 || n > len(body) {
		return fmt.Errorf("%w: message of %d bytes in %d", ErrPacket, n, len(body))
	}
	s.conn.hears(now, time.Time{})
	return s.message(f, mt.Message{
		MsgID: int64(binary.LittleEndian.Uint64(plain[16:])),
		SeqNo: int32(binary.LittleEndian.Uint32(plain[24:])),
		Body:  body[:n:n],
	})
}

// ours reports whether messages of a session are taken: of the present one, and for a while of the one before.
func (s *Session) ours(id int64) bool {
	return id == s.self.id || id == s.former.id && !s.former.until.IsZero()
}

// message takes a message, outer or inner: both are checked in the same way (C19).
func (s *Session) message(f frame, m mt.Message) error {
	if m.MsgID&1 == 0 {
		return fmt.Errorf("%w: even msg_id", ErrPacket) // C6
	}
	// The message before it in its container may have made us leave the session.
	f.id, f.former = m.MsgID, f.session != s.self.id
	if f.former {
		if !s.ours(f.session) {
			return nil
		}
		_, err := s.dispatch(f, m)
		return err
	}
	if s.premature(f, m) {
		s.clock.synced = false
		return ErrTime
	}
	if !f.nested {
		f.stale = s.clock.synced && s.clock.age(f.now, f.id) > maxPast
	}
	again := s.acks.again(m.MsgID)
	if !again && s.unusable(f, m) {
		return nil // nor acknowledged: it was not taken
	}
	if again || s.novel(m) {
		s.clock.observe(f.now, f.id)
		held, err := s.dispatch(f, m)
		if err != nil || held {
			return err
		}
	}
	if m.SeqNo&1 != 0 && f.session == s.self.id {
		s.acks.owe(f.now, m.MsgID, &s.cfg.Limits) // C15, also again
	}
	return nil
}

// unusable reports whether an update is not taken, so that neither it is noted nor acknowledged. That is one in a packet which is
// older than packets may be (C8), or, if no container brought it, one older than all that is remembered, so that nobody knows
// whether it was taken before (C7). What is in a container of today may be of any age: so Telegram sends what has waited, and
// TDLib looks at the age of the outer id alone too (SessionConnection::on_raw_packet).
func (s *Session) unusable(f frame, m mt.Message) bool {
	if !brings(idOf(m.Body)) || s.self.window.has(m.MsgID) {
		return false
	}
	late := !f.nested && m.SeqNo&1 != 0 && s.self.window.content.forgot(m.MsgID)
	if late || f.stale {
		s.events.warn(fmt.Errorf("update of %v ago in a packet that is too old", s.clock.age(f.now, m.MsgID)))
	}
	return late || f.stale
}

// brings reports whether a message may bring an update: it is neither an answer, nor about messages, nor holds several.
func brings(id uint32) bool {
	_, service := services[id]
	return !service && id != mt.RPCResultID && id != mt.MsgContainerID && id != mt.MsgCopyID
}

// novel notes a message and says whether there may be something new in it (C7). The messages in a container are looked
// at one by one, and an answer that is older than all we remember, to a call that still waits, cannot have been seen.
func (s *Session) novel(m mt.Message) bool {
	how := s.self.window.add(m.MsgID, m.SeqNo)
	if how == fresh {
		return true
	}
	id := idOf(m.Body)
	if how == tooLate {
		_, held := s.acks.held[m.MsgID]
		return id == mt.MsgContainerID || id == mt.RPCResultID || brings(id) && m.SeqNo&1 != 0 && !held
	}
	return id == mt.MsgContainerID
}

// premature reports whether a message is from the future (C8). It is authentic, so our clock is wrong. The connection is closed
// then, nothing noted: on the next one the first message sets the clock, and the server sends this one again.
func (s *Session) premature(f frame, m mt.Message) bool {
	if !s.clock.synced || s.clock.age(f.now, f.id) >= -maxFuture {
		return false
	}
	id := idOf(m.Body)
	_, service := services[id]
	return !service && id != mt.MsgContainerID && id != mt.RPCResultID
}

func idOf(body []byte) uint32 {
	if len(body) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(body)
}

// dispatch does what a message says. Held: its acknowledgement has to wait.
func (s *Session) dispatch(f frame, m mt.Message) (held bool, err error) {
	switch id := idOf(m.Body); id {
	case mt.RPCResultID:
		return false, s.result(f, m.Body)
	case mt.MsgContainerID:
		return false, s.container(f, m.Body)
	case mt.GzipPackedID:
		return s.unzip(f, m)
	case mt.MsgCopyID:
		return false, s.copied(f, m.Body)
	default:
		take, known := services[id]
		if !known {
			return s.update(f, m), nil
		}
		return false, s.service(f, m.Body, take)
	}
}

// container takes the messages of a container: all of it is well formed, or nothing of it is used (C18).
func (s *Session) container(f frame, body []byte) error {
	if f.nested {
		return fmt.Errorf("%w: container inside a container", ErrPacket)
	}
	r := bin.NewReader(body)
	inner := s.in.inner
	s.in.inner.Messages = nil
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
		if err := s.message(f, m); err != nil {
			return err
		}
	}
	clear(inner.Messages)
	s.in.inner = inner
	return nil
}

// copied takes a message that comes again under another id: once, by its own id (C20).
func (s *Session) copied(f frame, body []byte) error {
	var c mt.MsgCopy
	r := bin.NewReader(body)
	if c.Decode(r); unreadable(r) || f.nested && idOf(c.OrigMessage.Body) == mt.MsgCopyID {
		s.events.warn(fmt.Errorf("msg_copy: %w", ErrPacket))
		return nil
	}
	f.nested = true
	return s.message(f, c.OrigMessage)
}

// unzip takes a packed message. One that cannot be unpacked is acknowledged, lest it comes again for ever, and the
// connection closed (C21).
func (s *Session) unzip(f frame, m mt.Message) (bool, error) {
	if f.zipped {
		return false, fmt.Errorf("%w: gzip_packed inside gzip_packed", ErrPacket)
	}
	f.zipped = true
	body, err := s.gunzip(m.Body)
	if err != nil {
		if m.SeqNo&1 != 0 && !f.former {
			s.acks.owe(f.now, m.MsgID, &s.cfg.Limits)
		}
		return false, err
	}
	m.Body = body
	return s.dispatch(f, m)
}

// packetUnpacks times Limits.MaxUnpacked is what all of one packet may unpack to: a container holds up to 1024 messages.
const packetUnpacks = 4

func (s *Session) gunzip(body []byte) ([]byte, error) {
	var g mt.GzipPacked
	r := bin.NewReader(body)
	if g.Decode(r); r.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacket, r.Err())
	}
	most := s.cfg.Limits.MaxUnpacked
	out, err := mt.Gunzip(nil, g.PackedData, min(most, packetUnpacks*most-s.in.unpacked))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	s.in.unpacked += len(out)
	return out, nil
}

// services are the messages about messages, and who takes them. Their time is not looked at (C8).
var services = map[uint32]func(*Session, frame, *bin.Reader) error{
	mt.MsgsAckID:            (*Session).acked,
	mt.BadMsgNotificationID: (*Session).badMsg,
	mt.BadServerSaltID:      (*Session).badSalt,
	mt.NewSessionCreatedID:  (*Session).newSession,
	mt.PongID:               (*Session).pong,
	mt.PingID:               (*Session).pinged,
	mt.FutureSaltsID:        (*Session).futureSalts,
	mt.MsgsStateReqID:       (*Session).states,
	mt.MsgsStateInfoID:      (*Session).stateInfo,
	mt.MsgsAllInfoID:        (*Session).allInfo,
	mt.MsgDetailedInfoID:    (*Session).detailed,
	mt.MsgNewDetailedInfoID: (*Session).newDetailed,
	mt.MsgResendReqID:       (*Session).wanted,
	mt.DestroySessionOkID:   (*Session).ignored,
	mt.DestroySessionNoneID: (*Session).ignored,
	mt.RpcAnswerUnknownID:   (*Session).ignored,
	mt.RpcAnswerDroppedID:   (*Session).ignored,
	mt.HttpWaitID:           (*Session).ignored,
}

func (s *Session) ignored(_ frame, r *bin.Reader) error {
	r.Rest()
	return nil
}

// ofFormer says which service messages still mean something in a session that was left.
func ofFormer(id uint32) bool {
	return id == mt.MsgsAckID || id == mt.BadMsgNotificationID || id == mt.BadServerSaltID
}

// service takes a service message. One that cannot be read is reported and else ignored (H8).
func (s *Session) service(f frame, body []byte, take func(*Session, frame, *bin.Reader) error) error {
	id := idOf(body)
	if f.former && !ofFormer(id) {
		return nil
	}
	r := &s.in.r
	r.Reset(body)
	err := take(s, f, r)
	if bad := r.Close(); bad != nil {
		s.events.warn(fmt.Errorf("%s: %w", mt.Name(id), bad))
	}
	return err
}
