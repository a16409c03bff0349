// Package files serves an account's files on the bus (design §13): tg.file.<account>.get fetches one of Telegram's, and answers with its
// bytes. mtproto/files moves them; this package finds out which file is meant, and whom to answer how.
package files

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
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
	// Resolve makes an object of a class of what a caller wrote in its place; false for what it does not know. May be nil.
	Resolve func(ctx context.Context, class, text string) ([]byte, bool, *answer.Fault)

	Timeout, MaxTimeout time.Duration // of a request that does not say, and of any
	Log                 *slog.Logger
}

const (
	askersMost = 4096      // requests that wait
	atWork     = 4         // files on their way at the same time
	partsMost  = 8 << 20   // bytes of an answer
	askMost    = 256 << 10 // bytes of a request
)

// Service serves one account, for as long as its owner has it.
type Service struct {
	c      Config
	files  *files.Files
	ctx    context.Context //nolint:containedctx // the service's life
	cancel context.CancelFunc
	work   sync.WaitGroup
	places chan struct{} // a token for each file on its way

	mu     sync.Mutex
	asked  int // requests that wait
	closed bool
}

// New makes the service of an account.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{c: c, places: make(chan struct{}, atWork)}
	if c.Client != nil {
		s.files = files.New(c.Client)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Verbs are the endpoints, with their subjects.
func (s *Service) Verbs() map[string]string {
	return map[string]string{"file_get": s.c.Scheme.File(s.c.Account, subjects.FileGet)}
}

// Take takes a request. It never waits for one; e counts it, and is nil for what is none of [Service.Verbs].
func (s *Service) Take(r answer.Request, e *micro.Endpoint) {
	if e == nil {
		_, verb, _ := s.c.Scheme.ParseFile(r.Subject())
		r.Fail(answer.JSON, answer.Refuse(404, "files have no verb "+quote(verb)+": there is "+subjects.FileGet))
		return
	}
	begun := time.Now()
	reply := func(f *answer.Fault) {
		if f != nil {
			r.Fail(answer.JSON, f)
		}
		e.Done(time.Since(begun), "", f)
	}
	if !s.enter() {
		reply(answer.Later("too many requests for files wait here, or the account is being stopped"))
		return
	}
	go func() {
		defer s.leave()
		defer e.Begin()()
		defer func() {
			if what := recover(); what != nil {
				s.c.Log.Error("a request for a file made the program fail", "what", what, "stack", string(debug.Stack()))
				reply(answer.Refuse(500, "natsgram failed on this request; its log tells more"))
			}
		}()
		reply(s.get(&r, begun))
	}()
}

func (s *Service) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.asked >= askersMost {
		return false
	}
	s.asked++
	s.work.Add(1)
	return true
}

func (s *Service) leave() {
	s.mu.Lock()
	s.asked--
	s.mu.Unlock()
	s.work.Done()
}

// Close ends what is at work, whose askers are told to ask again.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
}

// place waits for one of the places at work.
func (s *Service) place(ctx context.Context) (leave func(), err error) {
	select {
	case s.places <- struct{}{}:
		return func() { <-s.places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
