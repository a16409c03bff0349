package rpc

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/turns"
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
// it has what was kept for it, and then begins all of it in the order in which it was published (see heir.go).

// Hold begins no more requests: they are kept for [Service.PassOn].
func (s *Service) Hold() {
	s.heir.stop()
	s.micro.LeaveExtras()
	s.pool.Hold()
}

// Finish waits until the requests at work are answered. When ctx ends before, they are cancelled; those of them that never
// reached Telegram are kept with the others.
func (s *Service) Finish(ctx context.Context) { s.pool.Close(ctx, s.cancel) }

// PassOn ends the service after Hold and Finish. Requests that were kept go to whoever serves the account now; if nobody
// does they are refused, to be tried again.
func (s *Service) PassOn(ctx context.Context, served bool) (passed int) {
	s.stopOnce.Do(func() {
		s.micro.Unsubscribe(ctx)
		for _, kept := range s.pool.TakeKept() {
			if s.pass(kept.Work.(*job), served) { //nolint:errcheck // all work here is of jobs
				passed++
			}
		}
		if served {
			s.passEnd()
		}
		s.end(ctx)
	})
	return passed
}

// pass gives a request that was kept to whoever serves the account now, or refuses it.
func (s *Service) pass(j *job, served bool) bool {
	fault := j.read(s.c.Methods.Schema().Layer())
	left := time.Until(j.Deadline())
	switch {
	case fault != nil:
	case left <= 0:
		fault = turns.TooLate()
	case !served:
		fault = answer.Later("the account is between two owners")
	default:
		err := j.PassOn(left, s.ID())
		if err == nil {
			return true
		}
		s.c.Log.Warn("passing a request on", "account", s.c.Account, "method", j.method, "err", err)
		fault = answer.Later("the account has just passed to another daemon")
	}
	j.Refuse(fault)
	return false
}

// passEnd tells the next owner that it has everything.
func (s *Service) passEnd() {
	err := s.c.Answers.Conn().PublishMsg(&nats.Msg{
		Subject: s.c.Scheme.RPC(s.c.Account, methodPassed), Header: nats.Header{subjects.HeaderPassed: {s.ID()}}, Data: []byte("{}"),
	})
	if err != nil {
		s.c.Log.Warn("telling the next owner that it has all requests", "account", s.c.Account, "err", err)
	}
}
