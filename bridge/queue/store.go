// Package queue runs jobs: calls that were accepted by being stored in a stream, and are made when they may be, by whoever owns the
// account then (design §11). [plan.Plan] decides which; this package reads the stream, makes the calls and tells what became of them.
//
// The stream TG_QUEUE holds the jobs, TG_DONE what became of each. Before a call that changes something is made, the bucket
// TG_JOBS says so, by compare-and-set: so of two owners one begins a job, and whoever comes after a crash knows which jobs may have
// been run. Of such a job Telegram itself says whether it was, by its random_id; where it has none, the job is not run again, and
// its sender is told that nobody knows.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// Store is where all accounts' jobs are. It is safe for concurrent use.
type Store struct {
	js      jetstream.JetStream
	scheme  subjects.Scheme
	storage *storage.Storage
	queue   jetstream.Stream
	done    jetstream.Stream
	jobs    jetstream.KeyValue
	records jetstream.Stream // of jobs
	log     *slog.Logger

	mu      sync.Mutex
	follow  map[string]*news // by account
	last    uint64           // sequence of the job that came last
	ignored bool             // it was said that there are jobs of no account
}

// news is what has come for an account since it looked last.
type news struct {
	mu   sync.Mutex
	jobs []*job
	all  bool // too many came: it is to look through all
	wake chan struct{}
}

// mostNews is how many jobs of an account may wait to be looked at.
const mostNews = 1024

func (n *news) tell(j *job) {
	n.mu.Lock()
	if len(n.jobs) < mostNews {
		n.jobs = append(n.jobs, j)
	} else {
		n.jobs, n.all = nil, true
	}
	n.mu.Unlock()
	n.ring()
}

func (n *news) ring() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *news) take() (jobs []*job, all bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	jobs, all = n.jobs, n.all
	n.jobs, n.all = nil, false
	return jobs, all
}

// Setup opens the streams and the bucket.
func Setup(ctx context.Context, st *storage.Storage, log *slog.Logger) (s *Store, err error) {
	s = &Store{js: st.JetStream(), scheme: st.Scheme(), storage: st, log: log, follow: map[string]*news{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.queue, err = st.Stream(ctx, storage.Queue); err != nil {
		return nil, err
	}
	if s.done, err = st.Stream(ctx, storage.Done); err != nil {
		return nil, err
	}
	if s.jobs, err = st.Bucket(ctx, storage.Jobs); err != nil {
		return nil, err
	}
	if s.records, err = s.js.Stream(ctx, "KV_"+s.scheme.StreamName(storage.Jobs)); err != nil {
		return nil, err
	}
	return s, nil
}

// tries are how attempts at JetStream come after each other.
var tries = retry.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second}

const (
	pauseTime = time.Second     // after something that went wrong beside the loop
	askTime   = 5 * time.Second // for one question to JetStream
)

// Run tells the accounts that run here of jobs as they come, until ctx ends. One consumer serves them all, without bodies.
func (s *Store) Run(ctx context.Context) {
	for wait := tries.After(0); ctx.Err() == nil; wait = tries.After(wait) {
		begun := time.Now()
		err := s.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		s.storage.Suspect(err)
		s.log.Debug("following the queue", "err", err)
		if time.Since(begun) > tries.Max {
			wait = tries.Min
		}
		_ = retry.Pause(ctx, wait) // its end is seen above
	}
}

// listen follows the stream from where it was left.
func (s *Store) listen(ctx context.Context) error {
	last, err := s.lastSeq(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	// Where it begins, or when it is another stream, jobs up to the last are told to nobody: accounts that looked before they came look again.
	begins := s.last == 0 || s.last > last
	if begins {
		s.last = last
	}
	from := s.last + 1
	s.mu.Unlock()
	if begins {
		s.lookAgain()
	}
	return s.scan(ctx, subjects.Jobs(s.scheme).All(), from, false, func(account string, j *job) bool {
		s.mu.Lock()
		s.last = j.Seq
		n := s.follow[account]
		s.mu.Unlock()
		if n != nil {
			n.tell(j)
		}
		return true
	})
}

func (s *Store) lastSeq(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := s.queue.Info(ctx)
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

func (s *Store) doneName() string { return s.scheme.StreamName(storage.Done) }

func (s *Store) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.follow {
		n.mu.Lock()
		n.jobs, n.all = nil, true
		n.mu.Unlock()
		n.ring()
	}
}

// following has an account told of its jobs, until stop is called.
func (s *Store) following(account string) (n *news, stop func()) {
	n = &news{wake: make(chan struct{}, 1)}
	s.mu.Lock()
	s.follow[account] = n
	s.mu.Unlock()
	return n, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.follow[account] == n {
			delete(s.follow, account)
		}
	}
}

// scan gives jobs without their bodies, in order, until give is content or, with toEnd, there are no more.
func (s *Store) scan(ctx context.Context, filters []string, from uint64, toEnd bool, give func(account string, j *job) bool) error {
	c, err := s.js.OrderedConsumer(ctx, s.scheme.StreamName(storage.Queue), jetstream.OrderedConsumerConfig{
		FilterSubjects: filters, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1), HeadersOnly: true,
		InactiveThreshold: 30 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("reading the queue: %w", err)
	}
	defer s.forget(ctx, c)
	if toEnd && c.CachedInfo().NumPending == 0 {
		return nil
	}
	all, err := c.Messages()
	if err != nil {
		return fmt.Errorf("reading the queue: %w", err)
	}
	defer all.Stop()
	defer context.AfterFunc(ctx, all.Stop)()
	for {
		msg, err := all.Next(nextWait(toEnd)...)
		if err != nil {
			return fmt.Errorf("reading the queue: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("reading the queue: %w", err)
		}
		account, j, ok := readJob(s.scheme, msg.Subject(), meta.Sequence.Stream, meta.Timestamp, msg.Headers(), nil)
		if !ok {
			s.stray(msg.Subject())
		} else if !give(account, j) {
			return nil
		}
		if toEnd && meta.NumPending == 0 {
			return nil
		}
	}
}

func nextWait(toEnd bool) []jetstream.NextOpt {
	if !toEnd {
		return nil
	}
	return []jetstream.NextOpt{jetstream.NextMaxWait(askTime)}
}

// forget removes a consumer: a server keeps about a thousand for a stream.
func (s *Store) forget(ctx context.Context, c jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if info := c.CachedInfo(); info != nil {
		_ = s.js.DeleteConsumer(ctx, info.Stream, info.Name) // it passes away by itself as well
	}
}

func (s *Store) stray(subject string) {
	s.mu.Lock()
	said := s.ignored
	s.ignored = true
	s.mu.Unlock()
	if !said {
		s.log.Warn("a job names no account that there can be: it stays in the queue", "subject", answer.Quote(subject))
	}
}

// get reads a job whole; nil: it is gone.
func (s *Store) get(ctx context.Context, seq uint64) (*job, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return s.job(s.queue.GetMsg(ctx, seq))
}

// next reads the first job in a place from a sequence on; nil: there is none.
func (s *Store) next(ctx context.Context, account, place string, from uint64) (*job, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return s.job(s.queue.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subjects.Jobs(s.scheme).Place(account, place))))
}

func (s *Store) job(m *jetstream.RawStreamMsg, err error) (*job, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil //nolint:nilnil // no job is no error
	}
	if err != nil {
		return nil, err
	}
	_, j, ok := readJob(s.scheme, m.Subject, m.Sequence, m.Time, m.Header, m.Data)
	if !ok {
		return nil, nil //nolint:nilnil // as none
	}
	return j, nil
}

// remove deletes a job. One that is gone already is as good.
func (s *Store) remove(ctx context.Context, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := s.queue.DeleteMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) || errors.Is(err, jetstream.ErrMsgNotFound) {
		if j, err := s.get(ctx, seq); j != nil || err != nil {
			return errors.Join(err, jetstream.ErrMsgDeleteUnsuccessful)
		}
		return nil
	}
	return err
}

// waiting is how many jobs there are of an account, by chat, and the last job of all.
func (s *Store) waiting(ctx context.Context, account string) (chats map[string]uint64, last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := s.queue.Info(ctx, jetstream.WithSubjectFilter(subjects.Jobs(s.scheme).Of(account)))
	if err != nil {
		return nil, 0, err
	}
	chats = map[string]uint64{}
	for subject, n := range info.State.Subjects {
		q, _ := subjects.Jobs(s.scheme).Parse(subject)
		chats[q.Place] += n
	}
	return chats, info.State.LastSeq, nil
}
