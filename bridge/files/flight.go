package files

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// flight is something that several askers wait for, and that is done once.
type flight struct {
	done   chan struct{}
	value  any
	err    error
	askers int
	cancel context.CancelFunc
}

// flights are what is done now, for all who ask for it.
type flights struct {
	life context.Context //nolint:containedctx // the service's
	log  *slog.Logger
	work sync.WaitGroup

	mu        sync.Mutex
	all       map[string]*flight
	lingering int // bytes of flights that are over
}

// share has do done once for all who ask for the same at the same time. It goes on for as long as one of them waits. It is done with the
// values of the first one's context.
func (s *flights) share(ctx context.Context, key string, do func(context.Context) (any, error)) (any, error) {
	s.mu.Lock()
	f := s.all[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		var own context.Context
		own, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
		stop := context.AfterFunc(s.life, f.cancel)
		s.all[key] = f
		s.work.Go(func() {
			defer stop()
			defer f.cancel()
			f.value, f.err = s.guarded(own, do)
			s.mu.Lock()
			if !s.linger(key, f) {
				s.landed(key, f)
			}
			s.mu.Unlock()
			close(f.done)
		})
	}
	f.askers++
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.askers--; f.askers == 0 {
		f.cancel()
		s.landed(key, f)
	}
	return nil, context.Cause(ctx)
}

const (
	lingerTime = 2 * time.Second
	lingerEach = 1 << 20  // bytes
	lingerMost = 16 << 20 // of all
)

// linger keeps what came of a flight for a moment, under mu, so that who asks just behind the others gets it too. False: it does not.
func (s *flights) linger(key string, f *flight) bool {
	l, ok := f.value.(loaded)
	n := len(l.data)
	if !ok || f.err != nil || n > lingerEach || s.lingering+n > lingerMost || s.all[key] != f {
		return false
	}
	s.lingering += n
	time.AfterFunc(lingerTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lingering -= n
		s.landed(key, f)
	})
	return true
}

// landed forgets a flight, under mu.
func (s *flights) landed(key string, f *flight) {
	if s.all[key] == f {
		delete(s.all, key)
	}
}

var errOurs = errors.New("natsgram failed on this request; its log tells more")

// guarded keeps a fault of ours in one flight from ending all others.
func (s *flights) guarded(ctx context.Context, do func(context.Context) (any, error)) (value any, err error) {
	defer func() {
		if what := recover(); what != nil {
			s.failed(what)
			err = answer.Refuse(500, errOurs.Error())
		}
	}()
	return do(ctx)
}

// failed logs a fault of ours.
func (s *flights) failed(what any) {
	s.log.Error("a request for a file made the program fail", "what", fmt.Sprint(what), "stack", string(debug.Stack()))
}
