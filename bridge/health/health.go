// Package health is what keeps a daemon from serving its accounts as it should, in words: of an account by its status; the rest
// is found where it happens.
package health

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
)

// Problem is one of what keeps a daemon from serving its accounts as it should.
type Problem struct {
	Kind    string `json:"kind"`
	Account string `json:"account,omitempty"`
	Text    string `json:"text"`
}

// Kinds of problems. Each is a value of a metric's label.
const (
	Starting = "starting" // the daemon, or an account
	NATS     = "nats"
	Rights   = "rights"
	Lease    = "lease"
	Storage  = "storage"
	Account  = "account"  // cannot be run here
	Telegram = "telegram" // does not answer
	Updates  = "updates"  // cannot be stored
	Stuck    = "stuck"    // a loop: a defect of the daemon
)

const (
	// waitingFor is how long an update may wait for JetStream before that is a problem.
	waitingFor = 30 * time.Second
	// StuckAfter is how long one turn of a loop may take.
	StuckAfter = time.Minute
	// silentAfter is how long Telegram may say nothing, beyond what its pings allow, before nobody believes the connection.
	silentAfter = 30 * time.Second
)

// Health is how a daemon does, as tg.ctl._.health tells of each.
type Health struct {
	Daemon   string    `json:"daemon"` // by name
	ID       string    `json:"id,omitempty"`
	Ready    bool      `json:"ready"`
	Healthy  bool      `json:"healthy"` // no loop is stuck
	Problems []Problem `json:"problems,omitempty"`
}

// New makes it of all problems that there are.
func New(daemon string, all []Problem) Health {
	return Health{
		Daemon: daemon, Ready: len(all) == 0, Problems: all,
		Healthy: !slices.ContainsFunc(all, func(p Problem) bool { return p.Kind == Stuck }),
	}
}

// Of are the problems of an account that is this daemon's.
func Of(st account.Status, ping time.Duration, now time.Time) (all []Problem) {
	add := func(kind, format string, a ...any) {
		all = append(all, Problem{kind, st.Account, fmt.Sprintf(format, a...)})
	}
	switch st.State {
	case account.Starting, account.Stopping:
		add(Starting, "%s", st.State)
	case account.Connecting:
		add(Telegram, "not connected to Telegram: %s", cmp.Or(st.Error, "the connection is being made"))
	case account.Behind:
		add(Telegram, "Telegram gives no difference: %s", st.Error)
	case account.Stopped:
		add(Account, "stopped: %s", st.Error)
	case account.Connected:
		if !st.Heard.IsZero() && now.Sub(st.Heard) > 3*ping+silentAfter {
			add(Telegram, "Telegram has said nothing for %v, and the connection still stands", now.Sub(st.Heard).Round(time.Second))
		}
	}
	switch {
	case st.Held != nil && !st.Held.Slow():
		add(Updates, "updates cannot be stored since %s: %s", clock(st.Held.Since), st.Held.Reason)
	case !st.WaitingSince.IsZero() && now.Sub(st.WaitingSince) > waitingFor:
		add(Updates, "updates wait for JetStream since %s", clock(st.WaitingSince))
	}
	return all
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// WhyNoLease is why a daemon has no lease, by the error of taking one.
func WhyNoLease(err error) string {
	if err == nil {
		return "it is only just being taken"
	}
	return err.Error()
}

// Error tells of all problems; nil: there are none.
func Error(all []Problem) error {
	if len(all) == 0 {
		return nil
	}
	lines := make([]string, len(all))
	for i, p := range all {
		if lines[i] = p.Text; p.Account != "" {
			lines[i] = p.Account + ": " + p.Text
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}
