package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue/plan"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/subjects"
)

// Call is what a job wants to be called.
type Call struct {
	Method string
	Chat   subjects.ChatRef // that the call is held against
	Header nats.Header
	Body   []byte
}

// Answer is that of a call, in the encoding which it asks for.
type Answer struct {
	Header nats.Header
	Body   []byte
}

// Caller makes calls, with all that is checked of a request.
type Caller interface {
	Do(ctx context.Context, c Call) (Answer, *answer.Fault)
	// Method tells whether a method only reads, and whether Telegram executes a repetition with the same Nats-Msg-Id once.
	Method(name string) (reads, once bool)
}

// Config of a runner.
type Config struct {
	Account string
	User    int64 // of Telegram, who is signed in under the account's name
	Store   *Store
	Caller  Caller
	Work    int         // jobs at work at a time; 32
	Sure    func() bool // the account is this daemon's beyond doubt; nil: always
	// Lost is told of each job of which nobody knows whether it was run; may be nil.
	Lost func(fields map[string]any)
	// Told is told of each result; may be nil.
	Told func(End)
	Log  *slog.Logger
}

// Figures are how many jobs are at work, and in how many chats there are jobs. Held is why the whole account waits; empty: it does not.
type Figures struct {
	Working int    `json:"working"`
	Chats   int    `json:"chats"`
	Held    string `json:"held,omitempty"`
}

// Figures are those of now.
func (r *Runner) Figures() Figures {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, held := r.plan.Held(time.Now())
	return Figures{Working: r.plan.Working(), Chats: r.plan.Chats(), Held: held}
}

// Runner runs the jobs of an account while this daemon owns it. Run runs once.
type Runner struct {
	c     Config
	s     *Store
	owner string
	work  sync.WaitGroup
	side  chan struct{} // a token for each reading, dropping and cancelling at work
	kick  chan struct{} // one token: something has changed

	at       func(point string) // a test's: where a daemon may end
	looking  sync.Mutex         // held by who looks through all jobs
	mu       sync.Mutex
	plan     *plan.Plan
	records  map[uint64]*record // of jobs that were tried and are in the stream
	purged   uint64             // the highest revision of a record whose job is gone
	void     int                // how many such there are
	others   uint64             // jobs up to it were meant for another user of the name
	upTo     uint64             // the last job when this owner began: those up to it another may have had to do with
	stopping bool
	scanning bool   // all jobs are being looked through: in their order, so that what comes meanwhile has to wait
	heard    uint64 // the last that came meanwhile
}

// New prepares a runner. From here on it hears of jobs.
func New(c Config) *Runner {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Told == nil {
		c.Told = func(End) {}
	}
	r := &Runner{
		c: c, s: c.Store, owner: nuid.Next(), side: make(chan struct{}, 16), kick: make(chan struct{}, 1),
		plan: plan.New(plan.Limits{Work: c.Work}), records: map[uint64]*record{}, at: func(string) {},
	}
	return r
}

// Run runs jobs until ctx ends, which cancels those at work, or Finish has been called.
func (r *Runner) Run(ctx context.Context) {
	news, stop := r.s.following(r.c.Account)
	defer stop()
	defer r.work.Wait()
	if retry.Do(ctx, tries, func(ctx context.Context) (bool, error) {
		err := r.begin(ctx)
		if err != nil && ctx.Err() == nil {
			r.s.storage.Suspect(err)
			r.c.Log.Warn("looking through the queue", "err", err)
		}
		return true, err
	}) != nil {
		return
	}
	t := time.NewTimer(0)
	defer t.Stop()
	for ctx.Err() == nil {
		r.hear(news)
		wake, idle := r.next(ctx)
		if !idle {
			continue
		}
		t.Stop()
		if !wake.IsZero() {
			t.Reset(time.Until(wake))
		}
		select {
		case <-ctx.Done():
		case <-r.kick:
		case <-news.wake:
		case <-t.C:
		}
	}
}

// hear takes in what has come.
func (r *Runner) hear(news *news) {
	jobs, all := news.take()
	r.mu.Lock()
	defer r.mu.Unlock()
	if all {
		r.overlookedLocked()
	}
	for _, j := range jobs {
		if r.scanning {
			r.heard = max(r.heard, j.Seq)
		} else {
			r.plan.Add(time.Now(), j.Job)
		}
	}
}

// overlookedLocked has all jobs looked through.
func (r *Runner) overlookedLocked() {
	r.plan.Overlooked()
	r.scanning = true
}

// next begins what is to be done next; idle: there is nothing, until wake.
func (r *Runner) next(ctx context.Context) (wake time.Time, idle bool) {
	r.mu.Lock()
	if r.stopping {
		r.mu.Unlock()
		return time.Time{}, true
	}
	a := r.plan.Next(time.Now())
	switch a.Verb {
	case plan.Nothing:
		wake = r.plan.Wake()
	case plan.Scan:
		r.scanning = true
	}
	if a.Verb != plan.Nothing {
		r.work.Add(1) // with the lock: Finish has not begun to wait
	}
	r.mu.Unlock()
	switch a.Verb {
	case plan.Nothing:
		return wake, true
	case plan.Run:
		r.beside(func() { r.run(ctx, a) })
	case plan.Drop:
		r.aside(ctx, func() { r.drop(ctx, a) })
	case plan.Read:
		r.aside(ctx, func() { r.fill(ctx, a) })
	case plan.Scan:
		r.aside(ctx, func() { r.lookThrough(ctx) })
	}
	return wake, false
}

// beside does something beside the loop, which counts as work already.
func (r *Runner) beside(do func()) {
	go func() {
		defer r.work.Done()
		do()
		r.changed()
	}()
}

// aside is beside, for what is done a few at a time.
func (r *Runner) aside(ctx context.Context, do func()) {
	select {
	case r.side <- struct{}{}:
		r.beside(func() { do(); <-r.side })
	case <-ctx.Done():
		r.work.Done()
	}
}

func (r *Runner) changed() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// begin finds out what former owners left. Where no job is in the queue that is two questions to JetStream.
func (r *Runner) begin(ctx context.Context) error {
	chats, last, err := r.s.waiting(ctx, r.c.Account)
	if err != nil {
		return err
	}
	others, err := r.s.others(ctx, r.c.Account, r.c.User, last)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.upTo, r.others = last, others
	r.mu.Unlock()
	if len(chats) == 0 {
		return nil
	}
	seqs, err := r.s.recorded(ctx, r.c.Account)
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		if err := r.inherit(ctx, seq); err != nil {
			return err
		}
	}
	r.c.Log.Info("jobs are in the queue", "chats", len(chats), "tried", len(seqs))
	r.mu.Lock()
	r.overlookedLocked()
	r.mu.Unlock()
	return nil
}

// inherit takes in what is written of a job.
func (r *Runner) inherit(ctx context.Context, seq uint64) error {
	rec, err := r.s.record(ctx, r.c.Account, seq)
	if err != nil || rec == nil {
		return err
	}
	j, err := r.s.get(ctx, seq)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if j == nil {
		r.voidLocked(rec)
		return nil
	}
	r.records[seq] = rec
	switch rec.State {
	case unknown:
		r.plan.Park(time.Now(), seq)
	case waits:
		r.plan.Hold(time.Now(), j.Chat, rec.Until, rec.Error)
	case began:
	}
	return nil
}

// lookThrough tells the plan of all jobs that there are, in their order, until none has come meanwhile.
func (r *Runner) lookThrough(ctx context.Context) {
	r.looking.Lock()
	defer r.looking.Unlock()
	for from := uint64(1); ctx.Err() == nil; {
		heard := r.listening()
		err := r.s.scan(ctx, []string{subjects.Jobs(r.s.scheme).Of(r.c.Account)}, from, true, func(_ string, j *job) bool {
			r.mu.Lock()
			r.plan.Add(time.Now(), j.Job)
			r.mu.Unlock()
			r.changed()
			from = j.Seq + 1
			return true
		})
		switch {
		case err != nil && ctx.Err() == nil:
			r.s.storage.Suspect(err)
			r.c.Log.Warn("looking through the queue", "err", err)
			_ = retry.Pause(ctx, pauseTime)
		case err == nil && r.heardAll(heard):
			return
		}
	}
}

// listening is the last job that came while all are looked through.
func (r *Runner) listening() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scanning = true
	return r.heard
}

// heardAll reports whether none has come since, and ends the looking through then.
func (r *Runner) heardAll(heard uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scanning = r.heard != heard
	return !r.scanning
}

// fill reads more of a chat's jobs.
func (r *Runner) fill(ctx context.Context, a plan.Action) {
	var jobs []plan.Job
	next := a.From
	for len(jobs) < a.Count {
		j, err := r.s.next(ctx, r.c.Account, a.Chat, next)
		if err != nil {
			r.s.storage.Suspect(err)
			r.c.Log.Debug("reading the queue", "err", err)
			_ = retry.Pause(ctx, pauseTime)
			break
		}
		if j == nil {
			next = 0
			break
		}
		jobs = append(jobs, j.Job)
		next = j.Seq + 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan.Fill(time.Now(), a.Chat, jobs, next)
}

// Finish begins no more jobs, and waits for those at work until ctx ends.
func (r *Runner) Finish(ctx context.Context) {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	r.changed()
	done := make(chan struct{})
	go func() { r.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// voidLocked notes that a record is of no more use, and has many such removed at once.
func (r *Runner) voidLocked(rec *record) {
	if rec == nil || rec.revision == 0 {
		return
	}
	r.purged = max(r.purged, rec.revision)
	r.void++
}

// mostVoid is how many records of jobs that are gone are kept before they are removed. Each costs whoever comes after a crash a
// question.
const mostVoid = 64

// tidy removes records of jobs that are gone.
func (r *Runner) tidy(ctx context.Context) {
	r.mu.Lock()
	below := r.purged + 1
	for _, rec := range r.records {
		if rec.revision > 0 {
			below = min(below, rec.revision)
		}
	}
	if r.void < mostVoid && (r.void == 0 || r.plan.Working() > 0) {
		below = 0
	}
	if below > 0 {
		r.void = 0
	}
	r.mu.Unlock()
	if below == 0 {
		return
	}
	if err := r.s.purge(ctx, r.c.Account, below); err != nil && ctx.Err() == nil {
		r.s.storage.Suspect(err)
		r.c.Log.Debug("removing what is written of jobs that are gone", "err", err)
	}
}

func (r *Runner) sure() bool { return r.c.Sure == nil || r.c.Sure() }

var errUnsure = errors.New("it is not sure that the account is still this daemon's")
