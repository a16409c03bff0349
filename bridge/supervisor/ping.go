package supervisor

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/subjects"
)

// A daemon that died is known to the others until its lease has ended. The NATS server knows at once: nobody listens any more
// where that daemon did. So before anything is given to a daemon it is asked whether it is there. Its lease stands all the
// same: whether the process is gone, or only its connection to NATS, nobody here can know.

const (
	// pingGood is how long an answer is good for, silenceGood how long none is: a daemon may just have come.
	pingGood    = time.Second
	silenceGood = 200 * time.Millisecond
	// pingedMost is how many answers are kept.
	pingedMost = 256
	// pingTime is how long one may take.
	pingTime = 500 * time.Millisecond
)

// ping is whether a daemon answered when it was asked last.
type ping struct {
	there bool
	at    time.Time
}

func (p ping) good(now time.Time) bool {
	age := now.Sub(p.at)
	return age < silenceGood || p.there && age < pingGood
}

// pings asks other daemons whether they are there, and keeps what they answered. It is safe for concurrent use.
type pings struct {
	conn   *nats.Conn
	scheme subjects.Scheme
	mu     sync.Mutex
	last   map[string]ping // by instance
}

// inside is where a daemon is asked, by its instance; it is between daemons, and no subject for others.
func (p *pings) inside(instance, what string) string { return p.scheme.Inside(instance, what) }

// good returns the daemons, by id, whose last answer, or silence, is still good.
func (p *pings) good(members []lease.Member, now time.Time) map[string]bool {
	all := map[string]bool{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range members {
		if last, ok := p.last[m.Instance]; ok && last.good(now) {
			all[m.ID] = last.there
		}
	}
	return all
}

// there asks a daemon whether it is there, unless it was asked just now.
func (p *pings) there(ctx context.Context, m lease.Member) bool {
	p.mu.Lock()
	last, known := p.last[m.Instance]
	p.mu.Unlock()
	if known && last.good(time.Now()) {
		return last.there
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	_, err := p.conn.RequestWithContext(ctx, p.inside(m.Instance, "ping"), nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil || len(p.last) >= pingedMost {
		p.last = map[string]ping{} // those of processes that are no more go
	}
	p.last[m.Instance] = ping{err == nil, time.Now()}
	return err == nil
}

// listen has this daemon say that it is there, and what it runs. It must before it is known to the others.
func (s *Supervisor) listen() (stop func(), err error) {
	sub, err := s.answers.Subscribe(s.pings.inside(s.id, "ping"), "", func(r answer.Request) { r.Send(nil, nil) })
	if err != nil {
		return nil, err
	}
	runs, err := s.answers.Subscribe(s.pings.inside(everybody, "runs"), "", s.tellRuns)
	if err != nil {
		_ = sub.Unsubscribe()
		return nil, err
	}
	return func() { _, _ = sub.Unsubscribe(), runs.Unsubscribe() }, nil // the connection may be closed
}

// Answering asks daemons, by id, all at once, and tells of each whether it answers. Which is no more does not.
func (s *Supervisor) Answering(ids []string) map[string]bool {
	all := map[string]bool{}
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, m := range s.table.Members(time.Now()) {
		if slices.Contains(ids, m.ID) {
			work.Go(func() {
				answers := s.pings.there(context.WithoutCancel(s.ctx), m)
				mu.Lock()
				defer mu.Unlock()
				all[m.ID] = answers
			})
		}
	}
	work.Wait()
	for _, id := range ids {
		all[id] = all[id]
	}
	return all
}
