package bridge

import (
	"context"
	"encoding/json"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"

	"github.com/natsgram/natsgram/bridge/lease"
)

// That an account has no record tells that no daemon runs it, unless the bucket of the records was deleted and made anew a moment
// ago. Then the daemons themselves are asked: those that run accounts are connected, or will have let go before long.

// elsewhereWait is how long a daemon that runs the account may take to say so.
const elsewhereWait = 300 * time.Millisecond

// everybody is the instance by which all daemons are asked.
const everybody = "all"

type whoRuns struct {
	Account string `json:"account"`
	Asking  string `json:"asking"` // the instance of who asks
}

// tellRuns answers when this daemon runs the account in question.
func (s *supervisor) tellRuns(r answer.Request) {
	var q whoRuns
	if json.Unmarshal(r.Data(), &q) == nil && q.Asking != s.id && s.b.running(q.Account) != nil {
		r.Send(nil, nil)
	}
}

// elsewhere reports whether another daemon runs an account that has no record.
func (s *supervisor) elsewhere(name string) (bool, error) {
	young, err := s.lease.Young(s.ctx)
	if err != nil || !young {
		return false, err
	}
	if s.base.server == nil { // else nobody but this daemon can run anything
		if ran, _, err := s.store.Owner(s.ctx, name); err != nil || ran != 0 {
			return true, err // a daemon has run it; one that cannot be asked will have let go when the bucket is not young any more
		}
	}
	body, err := json.Marshal(whoRuns{Account: name, Asking: s.id})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, elsewhereWait)
	defer cancel()
	_, err = s.base.nc.RequestWithContext(ctx, s.ear(everybody, "runs"), body)
	return err == nil, s.ctx.Err()
}

// take takes an account's lease: nil, it is not to be had.
func (s *supervisor) take(name string) (*lease.Lease, error) {
	there, err := s.exists(name)
	if err != nil || !there {
		return nil, err
	}
	if !s.crew.Seat(name, time.Now()).Known {
		if taken, err := s.elsewhere(name); err != nil || taken {
			return nil, err
		}
	}
	return s.lease.Take(s.ctx, name)
}
