package bridge

import (
	"context"
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
	kindStarting = "starting" // the daemon, or an account
	kindNATS     = "nats"
	kindRights   = "rights"
	kindLease    = "lease"
	kindStorage  = "storage"
	kindAccount  = "account"  // cannot be run here
	kindTelegram = "telegram" // does not answer
	kindUpdates  = "updates"  // cannot be stored
	kindStuck    = "stuck"    // a loop: a defect of the daemon
)

const (
	// waitingFor is how long an update may wait for JetStream before that is a problem.
	waitingFor = 30 * time.Second
	// stuckAfter is how long one turn of a loop may take.
	stuckAfter = time.Minute
	// silentAfter is how long Telegram may say nothing, beyond what its pings allow, before nobody believes the connection.
	silentAfter = 30 * time.Second
)

// problems are all that keeps this daemon from being ready.
func (b *Bridge) problems() (all []Problem) {
	add := func(kind, account, text string) { all = append(all, Problem{kind, account, text}) }
	for _, text := range b.rights.told() {
		add(kindRights, "", text)
	}
	select {
	case <-b.ready:
	default:
		add(kindStarting, "", b.starts.why())
		return all
	}
	b.mu.Lock()
	base, s := b.bus, b.shift
	b.mu.Unlock()
	if !base.nc.IsConnected() {
		add(kindNATS, "", textOfAway(base.nc.LastError()))
	}
	if st := s.crew.Standing(); st.ID == "" {
		add(kindLease, "", "this daemon has no lease, so that it may run no account: "+reason(st.Err))
	}
	if err := base.storage.Healthy(); err != nil {
		add(kindStorage, "", err.Error())
	}
	all = append(all, s.failures()...)
	if busy := s.pulse.Busy(); busy > stuckAfter {
		add(kindStuck, "", fmt.Sprintf("what shares the accounts out has been at the same for %v", busy.Round(time.Second)))
	}
	for _, r := range b.runners() {
		all = append(all, problemsOf(r.Status(), b.settings.Ping, time.Now())...)
		if busy := r.Busy(); busy > stuckAfter {
			add(kindStuck, r.Name, fmt.Sprintf("what puts its updates in order has been at the same for %v", busy.Round(time.Second)))
		}
	}
	return all
}

func textOfAway(last error) string {
	if last == nil {
		return "not connected to NATS"
	}
	return "not connected to NATS: " + last.Error()
}

func reason(err error) string {
	if err == nil {
		return "it is only just being taken"
	}
	return err.Error()
}

// problemsOf are those of an account that is this daemon's.
func problemsOf(st account.Status, ping time.Duration, now time.Time) (all []Problem) {
	add := func(kind, format string, a ...any) {
		all = append(all, Problem{kind, st.Account, fmt.Sprintf(format, a...)})
	}
	switch st.State {
	case account.Starting, account.Stopping:
		add(kindStarting, "%s", st.State)
	case account.Connecting:
		add(kindTelegram, "not connected to Telegram: %s", orElse(st.Error, "the connection is being made"))
	case account.Behind:
		add(kindTelegram, "Telegram gives no difference: %s", st.Error)
	case account.Stopped:
		add(kindAccount, "stopped: %s", st.Error)
	case account.Connected:
		if !st.Heard.IsZero() && now.Sub(st.Heard) > 3*ping+silentAfter {
			add(kindTelegram, "Telegram has said nothing for %v, and the connection still stands", now.Sub(st.Heard).Round(time.Second))
		}
	}
	switch {
	case st.Held != nil && !st.Held.Slow():
		add(kindUpdates, "updates cannot be stored since %s: %s", clock(st.Held.Since), st.Held.Reason)
	case !st.WaitingSince.IsZero() && now.Sub(st.WaitingSince) > waitingFor:
		add(kindUpdates, "updates wait for JetStream since %s", clock(st.WaitingSince))
	}
	return all
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// fit is nil when the daemon serves its accounts as it should; else all that keeps it from that.
func (b *Bridge) fit() error { return told(b.problems()) }

// alive is nil while no loop is stuck.
func (b *Bridge) alive() error {
	return told(slices.DeleteFunc(b.problems(), func(p Problem) bool { return p.Kind != kindStuck }))
}

func told(all []Problem) error {
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

// Health is how a daemon does, as tg.ctl._.health tells of each.
type Health struct {
	Daemon   string    `json:"daemon"` // by name
	ID       string    `json:"id,omitempty"`
	Ready    bool      `json:"ready"`
	Healthy  bool      `json:"healthy"` // no loop is stuck
	Problems []Problem `json:"problems,omitempty"`
}

func (b *Bridge) health() Health {
	all := b.problems()
	return Health{
		Daemon: b.settings.Name, Ready: len(all) == 0, Problems: all,
		Healthy: !slices.ContainsFunc(all, func(p Problem) bool { return p.Kind == kindStuck }),
	}
}

// allHealth is the answer of tg.ctl._.health.
type allHealth struct {
	Ready   bool     `json:"ready"`   // all are
	Healthy bool     `json:"healthy"` // all are
	Daemons []Health `json:"daemons"`
}

// healthOfAll tells how this daemon does, and all others that have a lease.
func (c *control) healthOfAll(ctx context.Context, _ request) (any, error) {
	out := allHealth{Ready: true, Healthy: true, Daemons: []Health{c.health()}}
	out.Daemons = append(out.Daemons, c.healthOfOthers(ctx)...)
	for _, h := range out.Daemons {
		out.Ready, out.Healthy = out.Ready && h.Ready, out.Healthy && h.Healthy
	}
	return out, nil
}

func (c *control) health() Health {
	h := c.b.health()
	h.ID = c.shift.crew.Self()
	if h.Daemon == "" {
		h.Daemon = c.shift.lease.Name()
	}
	return h
}
