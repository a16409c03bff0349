package bridge

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/lease"
)

// A daemon that died is known to the others until its lease has ended. The NATS server knows at once: nobody listens any more
// where that daemon did. So before anything is given to a daemon it is asked whether it is there. Its lease stands all the
// same: whether the process is gone, or only its connection to NATS, nobody here can know.

const (
	// hearingFor is how long an answer is good for, silenceFor how long none is: a daemon may just have come.
	hearingFor = time.Second
	silenceFor = 200 * time.Millisecond
	// heardMax is how many answers are kept.
	heardMax = 256
	// hearingWait is how long one may take.
	hearingWait = 500 * time.Millisecond
)

// hearing is whether a daemon answered when it was asked last.
type hearing struct {
	there bool
	at    time.Time
}

// ear is where a daemon is asked, by its instance; it is between daemons, and no subject for others.
func (s *supervisor) ear(instance, what string) string {
	return s.b.settings.Scheme().Inside(instance, what)
}

// answer has this daemon say that it is there. It must before it is known to the others.
func (s *supervisor) answer() (stop func(), err error) {
	sub, err := s.base.answers.Subscribe(s.ear(s.id, "ping"), "", func(r answer.Request) { r.Send(nil, nil) })
	if err != nil {
		return nil, err
	}
	runs, err := s.base.answers.Subscribe(s.ear(everybody, "runs"), "", s.tellRuns)
	if err != nil {
		_ = sub.Unsubscribe()
		return nil, err
	}
	return func() { _, _ = sub.Unsubscribe(), runs.Unsubscribe() }, nil // the connection may be closed
}

// listen answers the other daemons: how its ears are called, and what they do.
func (c *control) listen() (stop func(), err error) {
	var subs []*nats.Subscription
	stop = func() {
		for _, sub := range subs {
			_ = sub.Unsubscribe() // the connection may be closed
		}
	}
	asked := make(chan struct{}, askedMost)
	for what, do := range map[string]handler{"accounts": c.tellStates, "login": c.tellLogin, "relay": c.relayed, "health": c.tellHealth} {
		sub, err := c.base.answers.Subscribe(c.shift.ear(c.shift.id, what), "", func(r answer.Request) {
			c.work.Go(func() { c.handle(&r, asked, do) })
		})
		if err != nil {
			stop()
			return nil, err
		}
		subs = append(subs, sub)
	}
	return stop, nil
}

// hears says whether a daemon, by its id, is there.
func (s *supervisor) hears(id string) bool {
	all := s.crew.Members(time.Now())
	i := slices.IndexFunc(all, func(m lease.Member) bool { return m.ID == id })
	return i >= 0 && s.asks(all[i])
}

// asks asks a daemon whether it is there, unless it was asked just now.
func (s *supervisor) asks(m lease.Member) bool {
	now := time.Now()
	s.mu.Lock()
	last, known := s.heard[m.Instance]
	s.mu.Unlock()
	if age := now.Sub(last.at); known && (age < silenceFor || last.there && age < hearingFor) {
		return last.there
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), hearingWait)
	defer cancel()
	_, err := s.base.nc.RequestWithContext(ctx, s.ear(m.Instance, "ping"), nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heard) >= heardMax {
		clear(s.heard) // processes that are no more
	}
	s.heard[m.Instance] = hearing{err == nil, time.Now()}
	return err == nil
}

// reachable is the census without daemons that do not answer.
func (s *supervisor) reachable(c *census) *census {
	some := *c
	some.members = slices.DeleteFunc(slices.Clone(c.members), func(m lease.Member) bool { return m.ID != c.self && !s.asks(m) })
	return &some
}
