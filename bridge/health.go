package bridge

import (
	"fmt"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/health"
)

// problems are all that keeps this daemon from being ready.
func (b *Bridge) problems() (all []health.Problem) {
	add := func(kind, account, text string) {
		all = append(all, health.Problem{Kind: kind, Account: account, Text: text})
	}
	for _, text := range b.rights.told() {
		add(health.Rights, "", text)
	}
	select {
	case <-b.ready:
	default:
		add(health.Starting, "", b.starts.why())
		return all
	}
	b.mu.Lock()
	services, s := b.services, b.supervisor
	b.mu.Unlock()
	if !services.Conn.IsConnected() {
		add(health.NATS, "", textOfAway(services.Conn.LastError()))
	}
	if st := s.Table().Standing(); st.ID == "" {
		add(health.Lease, "", "this daemon has no lease, so that it may run no account: "+health.WhyNoLease(st.Err))
	}
	if err := services.Storage.Healthy(); err != nil {
		add(health.Storage, "", err.Error())
	}
	all = append(all, s.Failures()...)
	if busy := s.Busy(); busy > health.StuckAfter {
		add(health.Stuck, "", fmt.Sprintf("what shares the accounts out has been at the same for %v", busy.Round(time.Second)))
	}
	for _, r := range b.accounts.Runners() {
		all = append(all, health.Of(r.Status(), b.settings.Ping, time.Now())...)
		if busy := r.Busy(); busy > health.StuckAfter {
			add(health.Stuck, r.Name, fmt.Sprintf("what puts its updates in order has been at the same for %v", busy.Round(time.Second)))
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

// fit is nil when the daemon serves its accounts as it should; else all that keeps it from that.
func (b *Bridge) fit() error { return health.Error(b.problems()) }

// alive is nil while no loop is stuck.
func (b *Bridge) alive() error {
	return health.Error(slices.DeleteFunc(b.problems(), func(p health.Problem) bool { return p.Kind != health.Stuck }))
}
