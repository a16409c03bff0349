package queue

import (
	"context"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// End is how a job ended.
type End string

// The ends.
const (
	Done      End = "done"      // Telegram has executed it
	Failed    End = "failed"    // it was refused
	Unknown   End = "unknown"   // nobody knows whether it was executed. It stays in the queue, for queue.retry or queue.cancel
	Expired   End = "expired"   // its time was over before it was
	Replaced  End = "replaced"  // a newer one with the same Tg-Coalesce was run in its place
	Cancelled End = "cancelled" // somebody did not want it any more
)

// result is what is told of a job.
type result struct {
	end    End
	header nats.Header
	body   []byte
	tries  int
}

// fault is a result that is an error: it reads as the error of a call does.
func (j *job) failed(end End, f *answer.Fault, tries int) *result {
	e := j.encoding()
	return &result{end: end, header: f.Header(e), body: f.Body(e), tries: tries}
}

// encoding is that of an error: as far as can be seen, the one that the job asks for.
func (j *job) encoding() answer.Encoding {
	for _, name := range []string{subjects.HeaderAccept, subjects.HeaderContentType} {
		text := j.header.Get(name)
		for e, content := range answer.ContentTypes {
			if text == content {
				return answer.Encoding(e) //nolint:gosec // three
			}
		}
		if text != "" {
			break
		}
	}
	return answer.JSON
}

// told is what stands in the stream of results for a job.
type told struct {
	seq    uint64 // of the message
	job    uint64
	end    End
	digest string
}

// told reads it; the zero value: nothing stands there.
func (s *Store) told(ctx context.Context, account string, j *job) (t told, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	m, err := s.done.GetLastMsgForSubject(ctx, subjects.Results(s.scheme).Subject(account, j.chat, j.ID))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return told{}, nil
	}
	if err != nil {
		return told{}, err
	}
	t = told{seq: m.Sequence, end: End(m.Header.Get(subjects.HeaderJobState)), digest: m.Header.Get(subjects.HeaderJobDigest)}
	t.job, _ = strconv.ParseUint(m.Header.Get(subjects.HeaderJobSeq), 10, 64)
	return t, nil
}

// tell publishes a result, once: not over what somebody else has told of the job since before was read. It goes on until it
// is stored, or ctx ends.
func (s *Store) tell(ctx context.Context, account string, j *job, r *result, before told) error {
	m := s.message(account, j, r)
	return retry.Do(ctx, tries, func(ctx context.Context) (again bool, err error) {
		if err = s.publish(ctx, m, before.seq); err == nil {
			return false, nil
		}
		var api *jetstream.APIError
		switch {
		case errors.Is(err, nats.ErrConnectionClosed):
			return false, err
		case storage.Taken(err):
			now, readErr := s.told(ctx, account, j)
			if readErr == nil && now.job == j.Seq && now.seq != before.seq { // by this very call, whose answer was lost, or by another owner
				return false, nil
			}
			if readErr == nil {
				before = now
			}
		case errors.Is(err, nats.ErrMaxPayload), errors.As(err, &api) && api.Code == 400 && len(r.body) > 0:
			s.log.Warn("a result is told without its contents", "account", account, "job", answer.Quote(j.ID), "err", err)
			r = j.tooLarge(r)
			m = s.message(account, j, r)
		default:
			s.storage.Suspect(err)
			s.log.Warn("telling what became of a job", "account", account, "job", answer.Quote(j.ID), "err", err)
		}
		return true, err
	})
}

// tooLarge is a result that no message of the stream holds, without its contents.
func (j *job) tooLarge(r *result) *result {
	return j.failed(r.end, answer.Done(413, "the answer has "+strconv.Itoa(len(r.body))+" bytes, more than the stream of results takes"), r.tries)
}

func (s *Store) publish(ctx context.Context, m *nats.Msg, before uint64) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(before), jetstream.WithRetryAttempts(0))
	return err
}

func (s *Store) message(account string, j *job, r *result) *nats.Msg {
	h := nats.Header{}
	for k, v := range r.header {
		h[k] = v
	}
	h[subjects.HeaderJob] = []string{j.ID}
	h[subjects.HeaderJobSeq] = []string{strconv.FormatUint(j.Seq, 10)}
	h[subjects.HeaderJobState] = []string{string(r.end)}
	h[subjects.HeaderMethod] = []string{subjects.Escape(j.Method)}
	h[subjects.HeaderTries] = []string{strconv.Itoa(r.tries)}
	h[subjects.HeaderJobDigest] = []string{j.digest()}
	return &nats.Msg{Subject: subjects.Results(s.scheme).Subject(account, j.chat, j.ID), Header: h, Data: r.body}
}
