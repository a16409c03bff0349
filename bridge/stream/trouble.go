package stream

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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
		case headerBatchID, headerBatchSeq, headerCommit, jetstream.ExpectedLastSubjSeqHeader, jetstream.ExpectedLastSubjSeqSubjHeader:
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
	"Nats-Batch-Id: 0123456789012345678901\r\n"+"Nats-Batch-Sequence: 1000\r\n"+"Nats-Batch-Commit: 1\r\n") + 32

// limits are those of now: a connection can be made anew to a server that takes less, and a stream be edited.
func (l *Log) limits() Limits {
	room := int64(ownHeaders + len(l.ownSubject))
	message := l.store.js.Conn().MaxPayload()
	if l.limit > 0 {
		message = min(message, l.limit)
	}
	return Limits{Message: message - room, Header: maxHeader - room}
}

// LimitsOf are those of a message that no stream has to take.
func LimitsOf(conn *nats.Conn) Limits {
	return Limits{Message: conn.MaxPayload(), Header: maxHeader}
}

// look finds out what the stream takes of one message.
func (l *Log) look(ctx context.Context) {
	l.looked = time.Now()
	ctx, answered := l.patiently(ctx)
	info, err := l.store.updates.Info(ctx)
	if answered(err); err == nil {
		l.limit = max(int64(info.Config.MaxMsgSize), 0)
	}
}

// lookEvery is how old what is known of the stream may be where messages lose their contents by it.
const lookEvery = 10 * time.Second

// relook does so after a refusal that may come of it. A batch is told no more than that one of its messages did not get through.
func (l *Log) relook(ctx context.Context, err error) {
	switch codeOf(err) {
	case codeTooLarge, codeIncomplete:
		l.look(ctx)
	}
}

// fit has every message that is too large now take another form.
func (l *Log) fit(ctx context.Context, groups []*Group) {
	limits := l.limits()
	for _, g := range groups {
		for i := g.done; i < len(g.Messages); i++ {
			if limits.Takes(g.Messages[i]) {
				continue
			}
			if l.limit > 0 && time.Since(l.looked) > lookEvery {
				l.look(ctx)
				limits = l.limits()
			}
			if !limits.Takes(g.Messages[i]) {
				i += l.replace(g, i, limits, "") - 1
			}
		}
	}
}

// replace gives one message another form, and tells how many messages that is. A refusal says why its size is not the reason. Where
// no form is small enough it stays as it is, for when there is room.
func (l *Log) replace(g *Group, i int, limits Limits, refusal string) int {
	if l.opts.Smaller == nil {
		return 1
	}
	smaller := l.opts.Smaller(g.Messages[i], limits, refusal)
	if slices.ContainsFunc(smaller, func(m Message) bool { return !limits.Takes(m) }) {
		return 1
	}
	l.exchange(g, slices.Concat(g.Messages[:i:i], smaller, g.Messages[i+1:]), g.Whole || len(smaller) > 1)
	return len(smaller)
}

// exchange has a group in the queue hold other messages.
func (l *Log) exchange(g *Group, messages []Message, whole bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := g.size()
	g.Messages, g.Whole = messages, whole
	l.bytes += g.size() - before
	l.opts.Room.Send(g.size() - before)
}

// troubled has the owner of the log look at what keeps it from storing anything.
func (l *Log) troubled() {
	if l.opts.Troubled != nil {
		l.opts.Troubled()
	}
}

// refused reports whether the server said no, so that nothing was stored. The fence says no too, but whose account it is has to be
// found out then.
func refused(err error) bool {
	if errors.Is(err, nats.ErrMaxPayload) {
		return true
	}
	switch codeOf(err) {
	case 0, codeWrongSequence, codeInProcess:
		return false
	}
	return true
}

// unmendable reports whether waiting may not help: the server finds fault with the request, and knows no limit that was
// reached for now.
func unmendable(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.Code < 400 || api.Code >= 500 {
		return false
	}
	switch api.ErrorCode {
	case codeAccountFull, codeWrongSequence, codeInProcess, codeIncomplete, codeTooManyBatches, codeDuplicate:
		return false
	}
	return true
}

// hopelessAfter is how many refusals in a row make it likely that there will be no other answer.
const hopelessAfter = 4

// hopeless reports, now and then, that refusals repeat which time may not mend.
func (l *Log) hopeless() bool {
	l.trouble.mu.Lock()
	defer l.trouble.mu.Unlock()
	return l.trouble.refusals > 0 && l.trouble.refusals%hopelessAfter == 0
}

// lessen tries the first n messages of a group, which are refused for good for whatever reason, in a form without contents, so that the
// account goes on. Where that is refused too it is not the messages' fault, and they stay as they are.
func (l *Log) lessen(ctx context.Context, g *Group, n int) error {
	if l.opts.Smaller == nil {
		return nil
	}
	_, cause := l.trouble.told()
	before, whole := g.Messages, g.Whole
	limits, after := l.limits(), len(g.Messages)-g.done-n
	for i := g.done; i < len(g.Messages)-after; i++ {
		i += l.replace(g, i, limits, cause.Error()) - 1
	}
	n = len(g.Messages) - g.done - after
	there, seq, err := l.attempt(ctx, g.rest()[:n])
	if err != nil || !there {
		l.exchange(g, before, whole)
		return err
	}
	g.done += n
	l.last.Store(max(seq, l.last.Load()))
	return nil
}
