// Package files serves an account's files on the bus (design §13): tg.file.<account>.get fetches one of Telegram's, and answers with its
// bytes. mtproto/files moves them; this package finds out which file is meant, and whom to answer how.
package files

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/files/jobs"
	"github.com/natsgram/natsgram/bridge/files/source"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/bridge/uploads"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/subjects"
)

// Config of an account's files.
type Config struct {
	Account string
	Scheme  subjects.Scheme
	// Client makes the calls of others: as far as they may be made. Nil: nobody is signed in.
	Client files.Client
	// Explain makes a fault of an error of the client's.
	Explain func(error) answer.Fault
	Resolve source.Resolve // nil: no text stands for a peer

	Store   *Store    // nil: files are put into no object store
	Buckets []string  // object stores beside the one for files that they may be put into
	Box     vault.Box // seals what was asked for
	User    int64     // the account's
	// Sure says whether the account is this daemon's beyond doubt; nil: always.
	Sure func() bool
	// Tell tells of what happens to the account; nil: nobody listens.
	Tell    func(event string, fields map[string]any)
	Uploads *uploads.Uploads // nil: nobody is signed in

	// Ended is told of each file that was fetched into an answer or an object, or was not: with the code of the error. Nil: nobody counts.
	Ended func(to string, code int)

	Timeout, MaxTimeout time.Duration // of a request that does not say, and of any
	Log                 *slog.Logger
}

const (
	askersMost = 4096      // requests that wait
	atWork     = 4         // files on their way into answers at the same time
	jobsAtMax  = 3         // and into object stores
	partsMost  = 8 << 20   // bytes of an answer
	askMost    = 256 << 10 // bytes of a request
	asksMost   = 32 << 20  // bytes of all that wait
)

// Service serves one account, for as long as its owner has it.
type Service struct {
	c         Config
	files     *files.Files // nil: nobody is signed in
	finder    *source.Finder
	flights   *flights
	jobs      *jobs.Jobs
	ctx       context.Context //nolint:containedctx // the service's life
	cancel    context.CancelFunc
	work      sync.WaitGroup
	places    chan struct{} // a token for each file on its way into an answer
	jobPlaces chan struct{} // for each on its way into an object store

	mu     sync.Mutex
	asked  int // requests that wait
	bytes  int // of them
	closed bool
	kept   []kept // requests for the next owner
	passed bool

	keptBytes int
}

// New makes the service of an account.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Tell == nil {
		c.Tell = func(string, map[string]any) {}
	}
	if c.Ended == nil {
		c.Ended = func(string, int) {}
	}
	s := &Service{c: c, places: make(chan struct{}, atWork), jobPlaces: make(chan struct{}, jobsAtMax)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if c.Client != nil {
		s.files = files.New(c.Client)
		s.finder = source.New(c.Client, s.files, c.Resolve)
	}
	s.flights = &flights{life: s.ctx, log: c.Log, all: map[string]*flight{}}
	own := jobs.Config{
		Account: c.Account, User: c.User, Box: c.Box, Guard: s.flights.guarded, Fault: s.fault, Tell: c.Tell, Revive: s.revive, Log: c.Log,
		Ended: func(kind jobs.Kind, code int) {
			if kind == jobs.Get { // those of the other kind are uploads, which are counted where calls begin them too
				c.Ended("object", code)
			}
		},
	}
	if c.Store != nil {
		own.Records = c.Store.records
	}
	s.jobs = jobs.New(s.ctx, own)
	return s
}

// Figures are how many files are on their way.
type Figures struct {
	Answers, Objects, Telegram int // where to
	JobsWaiting, JobsRunning   int
}

// Figures are those of now.
func (s *Service) Figures() (f Figures) {
	f.Answers, f.Objects, f.Telegram = len(s.places), len(s.jobPlaces), s.c.Uploads.Working()
	f.JobsWaiting, f.JobsRunning = s.jobs.Figures()
	return f
}

// Start goes on with the jobs of a former owner.
func (s *Service) Start() {
	if s.files != nil {
		s.jobs.Resume()
	}
}

// Erase ends the jobs that are about somebody, and takes out what is kept of them: see [jobs.Jobs.Erase].
func (s *Service) Erase(ctx context.Context, about jobs.About, dry bool) (read, gone uint64, err error) {
	return s.jobs.Erase(ctx, about, dry)
}

func (s *Service) sure() bool { return s.c.Sure == nil || s.c.Sure() }

// Verbs are the endpoints, with their subjects.
func (s *Service) Verbs() map[string]string {
	all := map[string]string{}
	for _, verb := range verbs {
		all["file_"+verb] = s.c.Scheme.File(s.c.Account, verb)
	}
	return all
}

var verbs = []string{subjects.FileGet, subjects.FilePut, subjects.FileList, subjects.FileCancel}

// Accept takes a request. It never waits for one; e counts it, and is nil for what is none of [Service.Verbs].
func (s *Service) Accept(r answer.Request, e *micro.Endpoint) {
	_, verb, _ := s.c.Scheme.ParseFile(r.Subject())
	if e == nil {
		r.Fail(answer.JSON, answer.Refuse(404, "files have no verb "+answer.Quote(verb)+": there are "+strings.Join(verbs, ", ")))
		return
	}
	begun := time.Now()
	reply := func(f *answer.Fault) {
		if f != nil {
			r.Fail(answer.JSON, f)
		}
		e.Done(time.Since(begun), "", f)
	}
	if s.keep(&r, begun) {
		return
	}
	size := r.Size()
	if !s.enter(size) {
		reply(answer.Later("too many requests for files wait here"))
		return
	}
	go func() {
		defer s.leave(size)
		defer e.Begin()()
		defer func() {
			if what := recover(); what != nil {
				s.flights.failed(what)
				reply(answer.Refuse(500, errOurs.Error()))
			}
		}()
		fault := s.serve(verb, &r, begun)
		if fault != nil && s.keep(&r, begun) {
			return
		}
		reply(fault)
	}()
}

func (s *Service) serve(verb string, r *answer.Request, begun time.Time) *answer.Fault {
	if fault := r.NotJSON(); fault != nil {
		return fault
	}
	switch verb {
	case subjects.FilePut:
		return s.put(r, begun)
	case subjects.FileList:
		return s.listJobs(r)
	case subjects.FileCancel:
		return s.cancelJob(r)
	}
	return s.get(r, begun)
}

func (s *Service) enter(size int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.asked >= askersMost || s.bytes+size > asksMost {
		return false
	}
	s.asked++
	s.bytes += size
	s.work.Add(1)
	return true
}

func (s *Service) leave(size int) {
	s.mu.Lock()
	s.asked--
	s.bytes -= size
	s.mu.Unlock()
	s.work.Done()
}

// kept is a request that nobody has answered when the account was given away.
type kept struct {
	request answer.Request
	until   time.Time
}

// keep keeps a request for the next owner, once this one is letting go of the account. False: it is not.
func (s *Service) keep(r *answer.Request, begun time.Time) bool {
	limit, fault := s.within(r.Header())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed || s.passed || fault != nil || len(s.kept) >= askersMost || s.keptBytes+r.Size() > asksMost || r.Answered() {
		return false
	}
	s.keptBytes += r.Size()
	s.kept = append(s.kept, kept{*r, begun.Add(limit)})
	return true
}

// Close ends what is at work. Jobs go on with the account's next owner, and requests are kept until [Service.PassOn].
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
	s.flights.work.Wait()
	s.jobs.Close()
}

// PassOn gives the requests that were kept to whoever serves the account now; if nobody does they are refused, to be made again.
func (s *Service) PassOn(served bool) {
	s.mu.Lock()
	all := s.kept
	s.kept, s.passed = nil, true
	s.mu.Unlock()
	for _, k := range all {
		if left := time.Until(k.until); served && left > 0 && k.request.PassOn(left, "") == nil {
			continue
		}
		k.request.Fail(answer.JSON, answer.Later("the account is between two owners"))
	}
}

// within is how long a request may take.
func (s *Service) within(h nats.Header) (time.Duration, *answer.Fault) {
	for k, v := range h {
		if !strings.EqualFold(k, subjects.HeaderTimeout) || len(v) == 0 {
			continue
		}
		d := answer.ParseTimeout(v[0])
		if d == 0 {
			return 0, answer.Refuse(400, subjects.HeaderTimeout+": want seconds, such as 30 or 2.5, got "+answer.Quote(v[0]))
		}
		return min(d, s.c.MaxTimeout), nil
	}
	return s.c.Timeout, nil
}
