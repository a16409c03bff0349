package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/share"
)

// That an account has no record tells that no daemon runs it, unless records were lost. Who may have run it then is known by the
// stream, by this daemon's memory, and by the other daemons: those that run accounts are connected, or will have let go before long.

// elsewhereWait is how long a daemon that runs the account may take to say so.
const elsewhereWait = 300 * time.Millisecond

// everybody is the instance by which all daemons are asked.
const everybody = "all"

type whoRuns struct {
	Account string `json:"account"`
	Asking  string `json:"asking"` // the instance of who asks
}

// tellRuns answers when this daemon runs the account in question.
func (s *Supervisor) tellRuns(r answer.Request) {
	var q whoRuns
	if json.Unmarshal(r.Data(), &q) == nil && q.Asking != s.id && s.accounts.get(q.Account) != nil {
		r.Send(nil, nil)
	}
}

// ran reports whether a daemon has run an account that no record tells of, so that it may run it still. One that cannot be asked
// will have let go when a lease's lifetime has passed.
func (s *Supervisor) ran(ctx context.Context, name string, young bool) (bool, error) {
	if s.Services.Server != nil && len(s.table.Members(time.Now())) == 1 {
		return false, nil // nobody but this daemon can run anything
	}
	if s.formers.has(name) {
		return true, nil
	}
	if ran, _, err := s.store.Owner(ctx, name); err != nil || ran != 0 || !young {
		return ran != 0, err
	}
	body, err := json.Marshal(whoRuns{Account: name, Asking: s.id})
	if err != nil {
		return false, err
	}
	brief, cancel := context.WithTimeout(ctx, elsewhereWait)
	defer cancel()
	_, err = s.Services.Conn.RequestWithContext(brief, s.pings.inside(everybody, "runs"), body)
	return err == nil, ctx.Err()
}

// acquire takes an account's lease: nil, it is not to be had.
func (s *Supervisor) acquire(name string) (*lease.Lease, error) {
	there, err := s.exists(name)
	if err != nil || !there {
		return nil, err
	}
	held, err := s.Leases.Acquire(s.ctx, name, func(ctx context.Context, young bool) (bool, error) { return s.ran(ctx, name, young) })
	if wait := (*lease.WaitError)(nil); errors.As(err, &wait) {
		s.waits(name, wait)
		return nil, nil
	}
	return held, err
}

// waits keeps this daemon from taking an account that may be somebody's, for a while: it can be given to it before that is over.
func (s *Supervisor) waits(name string, wait *lease.WaitError) {
	s.later(name, min(wait.For, share.Interval))
	s.log.Debug("an account may be another daemon's", "account", name, "err", wait)
}
