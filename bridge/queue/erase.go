package queue

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/queue/plan"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// errAtWork says that a job cannot be taken out now.
var errAtWork = errors.New("a job about it is being run")

// Counts are how many there were of something, and how many of them were taken out.
type Counts struct{ Read, Erased uint64 }

// Erase takes out the jobs that are about somebody, ends them as cancelled, and has their bytes written over, with what is written of jobs that
// are gone, which may tell of anybody. It gives how many jobs and such records there are, and how many of them were taken out, or would be: dry.
func (r *Runner) Erase(ctx context.Context, about func(subject string, h nats.Header, body []byte) bool, dry bool) (jobs, records Counts, err error) {
	if jobs, err = r.eraseJobs(ctx, about, dry); err != nil {
		return jobs, records, err
	}
	records, err = r.eraseRecords(ctx, dry)
	return jobs, records, err
}

func (r *Runner) eraseJobs(ctx context.Context, about func(subject string, h nats.Header, body []byte) bool, dry bool) (n Counts, err error) {
	chats, _, err := r.s.waiting(ctx, r.c.Account)
	if err != nil || len(chats) == 0 {
		return n, err
	}
	var stuck error
	err = r.s.scan(ctx, r.filter(""), 1, true, func(_ string, j *job) bool {
		whole, err := r.s.get(ctx, j.Seq)
		switch {
		case err != nil:
			stuck = err
			return false
		case whole == nil: // it is gone meanwhile
			return true
		}
		n.Read++
		if !about(subjects.Jobs(r.s.scheme).Place(r.c.Account, whole.Chat), whole.header, whole.body) {
			return true
		}
		if !dry {
			if err := r.erase(ctx, whole); err != nil {
				stuck = err
				return ctx.Err() == nil && errors.Is(err, errAtWork)
			}
		}
		n.Erased++
		return true
	})
	return n, errors.Join(err, stuck)
}

// erasedText is what is told of a job of which nothing else is to be told.
const erasedText = "it was erased, with all else that is kept of somebody"

// EraseResults takes out what is told of jobs, where that is about somebody, and has its bytes written over. That a job was run stays known, and
// how it ended, for as long as results are kept: so it is not run once more, and no result that is still on its way comes behind. It gives how many
// results there are, and how many of them were taken out, or would be: dry.
func (r *Runner) EraseResults(ctx context.Context, about func(subject string, h nats.Header, body []byte) bool, dry bool) (n Counts, err error) {
	var stuck error
	goes := func(subject string, h nats.Header, body []byte) bool {
		if isErased(h) || !about(subject, h, body) {
			return false
		}
		if !dry && stuck == nil {
			stuck = r.s.eraseResult(ctx, subject, about)
		}
		return true
	}
	c, err := erase.Stream(ctx, r.s.js, r.s.doneName(), subjects.Results(r.s.scheme).Of(r.c.Account), 0, goes, true)
	return Counts{c.Read, c.Erased}, errors.Join(err, stuck)
}

// isErased reports whether a result is what is left of one.
func isErased(h nats.Header) bool { return h.Get(subjects.HeaderErrorText) == erasedText }

// eraseResult leaves of a result that a job was run, and how it ended.
func (s *Store) eraseResult(ctx context.Context, subject string, about func(subject string, h nats.Header, body []byte) bool) error {
	for {
		m, err := s.done.GetLastMsgForSubject(ctx, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound), err == nil && (isErased(m.Header) || !about(subject, m.Header, m.Data)):
			return nil
		case err != nil:
			return err
		}
		if err := storage.EraseSubject(ctx, s.done, subject); err != nil {
			return err
		}
		why := answer.Fail(410, answer.Sent(m.Header.Get(subjects.HeaderSent)), erasedText)
		left := &nats.Msg{Subject: subject, Header: why.Header(answer.JSON), Data: why.Body(answer.JSON)}
		for _, name := range []string{subjects.HeaderJob, subjects.HeaderJobSeq, subjects.HeaderJobState, subjects.HeaderMethod, subjects.HeaderTries, subjects.HeaderJobDigest} {
			left.Header[name] = []string{m.Header.Get(name)}
		}
		if err := s.publish(ctx, left, 0); !storage.Taken(err) { // else one has come late just now
			return err
		}
	}
}

// eraseRecords takes out what is written of jobs that are not in the queue any more.
func (r *Runner) eraseRecords(ctx context.Context, dry bool) (n Counts, err error) {
	seqs, err := r.s.recorded(ctx, r.c.Account)
	if err != nil {
		return n, err
	}
	for _, seq := range seqs {
		n.Read++
		j, err := r.s.get(ctx, seq)
		if err != nil {
			return n, err
		}
		if j != nil {
			continue
		}
		if n.Erased++; dry {
			continue
		}
		if _, err := r.s.storage.EraseKeys(ctx, storage.Jobs, recordKey(r.c.Account, seq)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// erase ends a job that is not at work. Whoever waits for it is told so by what is stored last, until that is erased too.
func (r *Runner) erase(ctx context.Context, j *job) error {
	r.mu.Lock()
	taken := r.plan.Take(time.Now(), j.Job)
	r.mu.Unlock()
	if !taken {
		return errAtWork
	}
	a, err := r.open(ctx, plan.Action{Job: plan.Job{Seq: j.Seq}})
	if err != nil {
		return err
	}
	if a != nil {
		why := answer.Refuse(410, erasedText)
		if err := r.s.tell(ctx, r.c.Account, a.j, a.j.failed(Cancelled, why, a.tries), a.before); err != nil {
			return err
		}
		r.c.Told(Cancelled)
		if err := storage.EraseMsg(ctx, r.s.queue, j.Seq); err != nil {
			return err
		}
	}
	r.gone(j.Seq)
	r.tidy(ctx)
	r.changed()
	return nil
}
