package rpc

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
)

// A planned hand-over loses no request. The owner keeps its subscriptions until the next one has its own:
//
//	s.Hold()          // requests are taken, and kept
//	s.Finish(ctx)     // those at work are answered
//	...               // the connection to Telegram is closed, the account given away, the next owner serves it
//	s.PassOn(ctx, ok) // no more are taken, and those kept are published again, for the next owner
//
// For a moment both are subscribed, and NATS gives each request to either. The next owner (Config.Behind) keeps what it gets until
// it has what was kept for it, and then begins all of it in the order in which it came to the two.

// Hold begins no more requests: they are kept for [Service.PassOn].
func (s *Service) Hold() {
	s.heir.stop()
	s.micro.LeaveExtras()
	s.pool.hold()
}

// Finish waits until the requests at work are answered. When ctx ends before, they are cancelled; those of them that never
// reached Telegram are kept with the others.
func (s *Service) Finish(ctx context.Context) { s.pool.close(ctx, s.cancel) }

// passes keeps a request that was cancelled before it was sent, so that the next owner may answer it.
func (s *Service) passes(j *job, fault *Fault) bool {
	if s.ctx.Err() == nil || j.IsInside() || fault.Code != 503 || fault.Sent != answer.No {
		return false
	}
	run := j.run
	j.named = named{}
	if !s.pool.keep(j) {
		j.run = run
		return false
	}
	if run != nil {
		run.Leave(s.ctx) // before the next owner can see it
	}
	return true
}

// PassOn ends the service after Hold and Finish. Requests that were kept go to whoever serves the account now; if nobody
// does they are refused, to be tried again.
func (s *Service) PassOn(ctx context.Context, served bool) (passed int) {
	s.stopOnce.Do(func() {
		s.micro.Unsubscribe(ctx)
		for _, j := range s.pool.takeKept() {
			if s.pass(j, served) {
				passed++
			}
		}
		if served {
			s.passEnd()
		}
		s.cancel()
		s.slow.Wait()
		_ = s.c.Answers.Conn().FlushWithContext(ctx) // without a connection nobody waits
	})
	return passed
}

// pass gives a request that was kept to whoever serves the account now, or refuses it.
func (s *Service) pass(j *job, served bool) bool {
	fault := s.read(j)
	left := time.Until(s.deadline(j))
	switch {
	case fault != nil:
	case left <= 0:
		fault = tooLate()
	case !served:
		fault = answer.Later("the account is between two owners")
	default:
		err := j.PassOn(left, s.ID()+" "+strconv.FormatInt(j.came, 10))
		if err == nil {
			return true
		}
		s.c.Log.Warn("passing a request on", "account", s.c.Account, "method", j.method, "err", err)
		fault = answer.Later("the account has just passed to another daemon")
	}
	s.reply(j, nil, fault)
	return false
}

// heir is what the next owner does until it has the requests of the former one.
type heir struct {
	behind atomic.Bool
	timer  *time.Timer
}

// formerMost is how long the former owner's requests are awaited. It passes them on as soon as it hears of the next owner.
const formerMost = 2 * time.Second

// methodPassed stands in the place of a method's name in the last message of the former owner.
const methodPassed = "passed"

func (h *heir) stop() {
	if h.timer != nil {
		h.timer.Stop()
	}
	h.behind.Store(false)
}

// awaitFormer has requests kept, if there is a former owner that still has some.
func (s *Service) awaitFormer() {
	if s.c.Behind == "" {
		return
	}
	s.heir.behind.Store(true)
	s.pool.await()
	s.heir.timer = time.AfterFunc(formerMost, s.catchUp)
}

// passedOn notes when a request came that the former owner passes on. True: it is its last message, and no request.
func (s *Service) passedOn(j *job) bool {
	j.came = j.at.UnixNano()
	if s.c.Behind == "" {
		return false
	}
	by, came, _ := strings.Cut(j.Header().Get(subjects.HeaderPassed), " ")
	if by != s.c.Behind {
		return false
	}
	if j.method == methodPassed {
		s.catchUp()
		return true
	}
	if at, err := strconv.ParseInt(came, 10, 64); err == nil {
		j.came = min(at, j.came)
	}
	return false
}

// passEnd tells the next owner that it has everything.
func (s *Service) passEnd() {
	err := s.c.Answers.Conn().PublishMsg(&nats.Msg{
		Subject: s.c.Scheme.RPC(s.c.Account, methodPassed), Header: nats.Header{subjects.HeaderPassed: {s.ID() + " "}}, Data: []byte("{}"),
	})
	if err != nil {
		s.c.Log.Warn("telling the next owner that it has all requests", "account", s.c.Account, "err", err)
	}
}

// catchUp begins what was kept behind the former owner's requests.
func (s *Service) catchUp() {
	if !s.heir.behind.CompareAndSwap(true, false) {
		return
	}
	s.heir.timer.Stop()
	for j, fault := range s.pool.release(s.callerOf) {
		s.reply(j, nil, fault)
	}
}
