package stream

import (
	"context"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// Limits is what the server takes of one message, in bytes as it is encoded.
type Limits struct {
	Message int64 // header and data
	Header  int64
}

// maxHeader is JetStream's limit of a header (10097).
const maxHeader = math.MaxUint16

// Takes reports whether the server takes m as far as its size goes.
func (x Limits) Takes(m Message) bool {
	header := HeaderSize(m.Header)
	return header <= x.Header && header+int64(len(m.Data)) <= x.Message
}

// HeaderSize is what a header measures on the wire, without what the log adds to it.
func HeaderSize(h nats.Header) int64 {
	n := len("NATS/1.0\r\n\r\n")
	for name, values := range h {
		switch name {
		case subjects.HeaderBatchID, subjects.HeaderBatchSequence, subjects.HeaderBatchCommit, jetstream.ExpectedLastSubjSeqHeader, jetstream.ExpectedLastSubjSeqSubjHeader:
			continue
		}
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return int64(n)
}

// ownHeaders is what the log adds to a header at most, but for its subject: fence and batch.
const ownHeaders = len("Nats-Expected-Last-Subject-Sequence: 18446744073709551615\r\n"+"Nats-Expected-Last-Subject-Sequence-Subject: \r\n"+
	subjects.HeaderBatchID+": 0123456789012345678901\r\n"+subjects.HeaderBatchSequence+": 1000\r\n"+subjects.HeaderBatchCommit+": 1\r\n") + 32

// LimitsOf are those of a message that no stream has to take.
func LimitsOf(conn *nats.Conn) Limits {
	return Limits{Message: conn.MaxPayload(), Header: maxHeader}
}

// sizes is what is known of how much the server takes of one message.
type sizes struct {
	most   int64     // what the stream takes; 0: no limit, or not known
	looked time.Time // when that was found out
}

func (s *sizes) set(info *jetstream.StreamInfo) { s.most = max(int64(info.Config.MaxMsgSize), 0) }

// limits are those of now: a connection can be made anew to a server that takes less, and a stream be edited. owner is the
// subject that the log adds to each message.
func (s *sizes) limits(conn *nats.Conn, owner string) Limits {
	room := int64(ownHeaders + len(owner))
	message := conn.MaxPayload()
	if s.most > 0 {
		message = min(message, s.most)
	}
	return Limits{Message: message - room, Header: maxHeader - room}
}

// look finds out what the stream takes of one message.
func (s *sizes) look(ctx context.Context, on *server) {
	s.looked = time.Now()
	ctx, answered := on.patiently(ctx)
	info, err := on.store.updates.Info(ctx)
	if answered(err); err == nil {
		s.set(info)
	}
}

// lookEvery is how old what is known of the stream may be where messages lose their contents by it.
const lookEvery = 10 * time.Second

// old reports whether there is a limit, and it was looked at too long ago.
func (s *sizes) old() bool { return s.most > 0 && time.Since(s.looked) > lookEvery }

// doubt looks anew after a refusal that may come of it. A batch is told no more than that one of its messages did not get
// through.
func (s *sizes) doubt(ctx context.Context, on *server, err error) {
	switch codeOf(err) {
	case codeTooLarge, codeIncomplete:
		s.look(ctx, on)
	}
}
