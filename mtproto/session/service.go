package session

import (
	"fmt"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// services hands each message about messages to who understands it.
type services struct {
	fates      *fates
	informer   *informer
	pinger     *pinger
	salts      *salts
	succession *succession
	refusals   *refusals
	events     *events
	r          bin.Reader // these messages have none inside, so one is enough
}

// taking takes one kind of these messages.
type taking func(*services, frame, *bin.Reader) error

// about are the messages about messages, and who takes them. Their time is not looked at (C8).
var about = map[uint32]taking{
	mt.BadMsgNotificationID: func(s *services, f frame, r *bin.Reader) error { return s.refusals.badMsg(f, r) },
	mt.BadServerSaltID:      func(s *services, f frame, r *bin.Reader) error { return s.refusals.badSalt(f, r) },

	mt.MsgsAckID:            harmless(func(s *services, f frame, r *bin.Reader) { s.fates.acked(f, r) }),
	mt.MsgsStateInfoID:      harmless(func(s *services, f frame, r *bin.Reader) { s.fates.stateInfo(f, r) }),
	mt.MsgsAllInfoID:        harmless(func(s *services, f frame, r *bin.Reader) { s.fates.allInfo(f, r) }),
	mt.MsgDetailedInfoID:    harmless(func(s *services, f frame, r *bin.Reader) { s.fates.detailed(f, r) }),
	mt.MsgNewDetailedInfoID: harmless(func(s *services, f frame, r *bin.Reader) { s.fates.newDetailed(f, r) }),
	mt.NewSessionCreatedID:  harmless(func(s *services, f frame, r *bin.Reader) { s.succession.begun(f, r) }),
	mt.PongID:               harmless(func(s *services, f frame, r *bin.Reader) { s.pinger.pong(f, r) }),
	mt.FutureSaltsID:        harmless(func(s *services, f frame, r *bin.Reader) { s.salts.take(f, r) }),
	mt.PingID:               harmless(func(s *services, f frame, r *bin.Reader) { s.informer.ping(f, r) }),
	mt.MsgsStateReqID:       harmless(func(s *services, f frame, r *bin.Reader) { s.informer.states(f, r) }),
	mt.MsgResendReqID:       harmless(func(s *services, f frame, r *bin.Reader) { s.informer.again(f, r) }),

	mt.DestroySessionOkID:   harmless(ignored),
	mt.DestroySessionNoneID: harmless(ignored),
	mt.RpcAnswerUnknownID:   harmless(ignored),
	mt.RpcAnswerDroppedID:   harmless(ignored),
	mt.HttpWaitID:           harmless(ignored),
}

// harmless is a taking that never closes the connection.
func harmless(take func(*services, frame, *bin.Reader)) taking {
	return func(s *services, f frame, r *bin.Reader) error {
		take(s, f, r)
		return nil
	}
}

func ignored(_ *services, _ frame, r *bin.Reader) { r.Rest() }

// aboutMessages reports whether a message is one about messages.
func aboutMessages(id uint32) bool {
	_, known := about[id]
	return known
}

// ofFormer says which of them still mean something in a session that was left.
func ofFormer(id uint32) bool {
	return id == mt.MsgsAckID || id == mt.BadMsgNotificationID || id == mt.BadServerSaltID
}

// take takes a message about messages. One that cannot be read is reported and else ignored (H8).
func (s *services) take(f frame, body []byte) error {
	id := idOf(body)
	take, known := about[id]
	if !known || f.former && !ofFormer(id) {
		return nil
	}
	r := &s.r
	r.Reset(body)
	err := take(s, f, r)
	if bad := r.Close(); bad != nil {
		s.events.warn(fmt.Errorf("%s: %w", mt.Name(id), bad))
	}
	return err
}
