// Package history fetches the history of chats on request (design §12): tg.ctl.<account>.history.fetch makes a job that writes the messages
// of a chat into the stream TG_HISTORY, page after page. [walk.Walk] decides which pages; this package asks for them, writes them, and
// keeps how far it is.
//
// What is there already, the stream itself tells: it is read before the first page is written, and anew after whatever was not confirmed.
// A page is stored behind the last message that is known of the chat or not at all, so that a message never stands twice, however a
// daemon ends and however many believe that the account is theirs. Where a job is, is written behind that: what is not written is asked
// for once more.
package history

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/history/walk"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Config of an account's service.
type Config struct {
	Account string
	User    int64
	Scheme  subjects.Scheme
	Store   *Store
	Records Records
	Schema  *codec.Schema
	Rules   *updates.Rules
	// Invoke makes a call of Telegram, as far as the account may make it.
	Invoke func(ctx context.Context, query []byte) ([]byte, error)
	// Find is the chat that a caller named; Telegram may be asked.
	Find func(ctx context.Context, peer json.RawMessage) (subjects.Kind, int64, error)
	// Input is the InputPeer of a chat; an error that says true to Unknown means that there is none.
	Input   func(ctx context.Context, p updates.Peer) ([]byte, error)
	Unknown func(error) bool
	// Met is told of the answers, to learn who is in them, but for who was erased.
	Met func(result []byte, without []erase.Who)
	// Message makes a message of an item; what is not to be on the bus is left out, and it fits.
	Message func(item *updates.Item) (nats.Header, []byte)
	// Through is the sequence of the stream of updates up to which everything is stored.
	Through func() uint64
	// Held is why the account fetches nothing now; empty: it does. May be nil.
	Held func() string
	// Sure says whether the account is this daemon's beyond doubt; nil: always.
	Sure func() bool
	// Explain makes a fault of an error of the client's.
	Explain func(error) answer.Fault
	// Tell tells of what happens to the account, and Stored counts messages; both may be nil.
	Tell   func(event string, fields map[string]any)
	Stored func(messages int)
	Ended  func(State)
	Log    *slog.Logger
}

// Service serves one account, for as long as its owner has it.
type Service struct {
	c      Config
	wake   chan struct{}
	ctx    context.Context //nolint:containedctx // the service's life
	cancel context.CancelFunc
	work   sync.WaitGroup

	saving   sync.Mutex // one writes the record at a time
	revision uint64     // of the record, under saving

	mu     sync.Mutex
	loaded bool
	closed bool
	jobs   []*job // in the order in which they came
	// erasures are those that jobs need which have not ended, in their order.
	erasures    []erasure
	lastErasure uint64
	held        time.Time
	why         string    // held
	paced       time.Time // up to when calls are accounted for
}

// New makes the service of an account.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{c: c, wake: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Verbs are what tg.ctl.<account>.history.* can do.
func Verbs() []string { return []string{"fetch", "list", "cancel"} }

var loadPause = retry.Backoff{Min: 200 * time.Millisecond, Max: 10 * time.Second}

// Start goes on with the jobs that there are, and begins to work on new ones.
func (s *Service) Start() { s.work.Go(func() { s.run(s.ctx) }) }

func (s *Service) run(ctx context.Context) {
	err := retry.Do(ctx, loadPause, func(ctx context.Context) (bool, error) {
		err := s.load(ctx)
		if err != nil && ctx.Err() == nil {
			s.c.Log.Warn("what history is to be fetched is not known", "err", err)
		}
		return true, err
	})
	for err == nil && ctx.Err() == nil {
		j, wait := s.due(time.Now())
		if j != nil {
			s.workOn(ctx, j)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Close takes no more requests, and ends what is at work: jobs go on with the account's next owner.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
}

func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Service) sure() bool { return s.c.Sure == nil || s.c.Sure() }

// heldFor is how long nothing is fetched before it is looked again whether that may be.
const heldFor = time.Second

// due is the job to work on, or how long there is none.
func (s *Service) due(now time.Time) (*job, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c.Held != nil {
		if why := s.c.Held(); why != "" {
			s.hold(why, now.Add(heldFor))
		}
	}
	wait := time.Hour
	for _, j := range s.jobs {
		if j.ended() || j.entering {
			continue
		}
		if from := max(j.next.Sub(now), s.held.Sub(now)); from > 0 {
			wait = min(wait, from)
			continue
		}
		j.running, j.reason = true, ""
		return j, 0
	}
	return nil, wait
}

// hold has all jobs wait, under mu.
func (s *Service) hold(why string, until time.Time) {
	if until.After(s.held) {
		s.why, s.held = why, until
	}
}

// told is what is told of a job at a time, under mu.
func (s *Service) told(j *job, now time.Time) Job {
	t := j.tell(s.c.Scheme, s.c.Account, now)
	if t.State == Waiting && s.held.After(now) && !j.next.After(s.held) {
		until := s.held.UTC()
		t.Reason, t.Until = s.why, &until
	}
	return t
}

// Answer answers a request of tg.ctl.<account>.history.<verb>.
func (s *Service) Answer(ctx context.Context, verb string, body []byte) ([]byte, *answer.Fault) {
	s.mu.Lock()
	ready := s.loaded && !s.closed
	s.mu.Unlock()
	if !ready {
		return nil, answer.Later("history." + verb + ": the account is between two owners")
	}
	var out any
	var f *answer.Fault
	switch verb {
	case "fetch":
		out, f = s.fetch(ctx, body)
	case "list":
		out, f = s.list(body)
	default:
		out, f = s.cancelJob(ctx, body)
	}
	if f != nil {
		return nil, f
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, answer.Refuse(500, err.Error())
	}
	return b, nil
}

// Fetched is the answer of history.fetch.
type Fetched struct {
	Job Job `json:"job"`
}

// fetch begins a job, or gives the one that fetches the same; one that failed goes on where it was.
func (s *Service) fetch(ctx context.Context, body []byte) (any, *answer.Fault) {
	a, r, topic, f := readAsked(body)
	if f != nil {
		return nil, f
	}
	kind, id, err := s.c.Find(ctx, a.Peer)
	if errors.As(err, &f) {
		f.Text = "history.fetch: peer: " + f.Text
		return nil, f
	}
	if err != nil {
		return nil, answer.Later("history.fetch: peer: " + err.Error())
	}
	now := time.Now()
	j := &job{ID: nuid.Next(), Kind: kind, Chat: id, Topic: topic, User: s.c.User, Walk: walk.New(r), Since: now}
	s.mu.Lock()
	j.Erased = s.lastErasure
	j, undo := s.enter(j)
	s.mu.Unlock()
	if j == nil {
		return nil, answer.Later("history.fetch: as many jobs as there may be wait already")
	}
	if undo != nil {
		if err := s.save(ctx); err != nil {
			s.mu.Lock()
			undo()
			s.mu.Unlock()
			return nil, answer.Later("history.fetch: the job is not written down: " + err.Error())
		}
		s.mu.Lock()
		j.entering = false
		s.mu.Unlock()
		s.poke()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return Fetched{s.told(j, now)}, nil
}

// enter takes a job in, or has the one that is the same go on, under mu. Without undo nothing was changed. Nil: there are too many.
func (s *Service) enter(j *job) (in *job, undo func()) {
	open := 0
	for _, o := range s.jobs {
		switch {
		case o.same(j) && !o.ended() && len(s.leaves(o)) == 0:
			return o, nil
		case o.same(j) && o.State == Failed && !o.Past:
			was := *o
			o.State, o.Error, o.Code, o.Ended, o.wait, o.next = "", "", 0, time.Time{}, 0, time.Time{}
			o.Walk.Again()
			o.entering = true
			return o, func() {
				*o = was
				o.Past = len(s.leaves(o)) > 0
			}
		case !o.ended():
			open++
		}
	}
	if open >= openMost {
		return nil, nil
	}
	j.entering = true
	s.jobs = append(s.jobs, j)
	return j, func() { s.jobs = slices.DeleteFunc(s.jobs, func(o *job) bool { return o == j }) }
}

// Jobs is the answer of history.list.
type Jobs struct {
	Jobs []Job `json:"jobs"`
}

// list tells of the jobs: those that have not ended, then those that have, the last first.
func (s *Service) list(body []byte) (any, *answer.Fault) {
	var in struct {
		Job string `json:"job"`
	}
	if err := answer.ReadJSON(body, &in); err != nil {
		return nil, answer.Refuse(400, "history.list: "+err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, out := time.Now(), Jobs{Jobs: []Job{}}
	for _, j := range s.jobs {
		if !j.ended() && (in.Job == "" || in.Job == j.ID) {
			out.Jobs = append(out.Jobs, s.told(j, now))
		}
	}
	for _, j := range s.endedJobs() {
		if in.Job == "" || in.Job == j.ID {
			out.Jobs = append(out.Jobs, s.told(j, now))
		}
	}
	if in.Job != "" && len(out.Jobs) == 0 {
		return nil, answer.Refuse(404, "history.list: there is no such job")
	}
	return out, nil
}

// cancelJob ends one. What it has fetched stays.
func (s *Service) cancelJob(ctx context.Context, body []byte) (any, *answer.Fault) {
	var in struct {
		Job string `json:"job"`
	}
	if err := answer.ReadJSON(body, &in); err != nil {
		return nil, answer.Refuse(400, "history.cancel: "+err.Error())
	}
	s.mu.Lock()
	i := slices.IndexFunc(s.jobs, func(j *job) bool { return j.ID == in.Job })
	if i < 0 || s.jobs[i].ended() {
		s.mu.Unlock()
		if i < 0 {
			return nil, answer.Refuse(404, "history.cancel: there is no such job")
		}
		return nil, answer.Refuse(409, "history.cancel: the job has ended")
	}
	j := s.jobs[i]
	s.finish(j, Cancelled, errCancelled.Error(), 410)
	if j.cancel != nil {
		j.cancel(errCancelled)
	}
	s.mu.Unlock()
	if err := s.save(ctx); err != nil {
		return nil, answer.Later("history.cancel: it is not written down that the job is cancelled: " + err.Error())
	}
	s.poke()
	return map[string]string{"cancelled": in.Job}, nil
}

// finish ends a job, under mu, and tells of it.
func (s *Service) finish(j *job, state State, text string, code int) {
	s.ends(j, state, text, code)
	event := eventDone
	if state != Done {
		event = eventFailed
	}
	s.tell(event, j)
}

// ends ends a job, under mu.
func (s *Service) ends(j *job, state State, text string, code int) {
	j.State, j.Error, j.Code, j.Ended, j.running = state, text, code, time.Now(), false
	j.Past = state == Failed && len(s.leaves(j)) > 0
	if s.c.Ended != nil {
		s.c.Ended(state)
	}
}
