package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// looks makes figures of statuses when somebody asks for them.
type looks struct{ statuses func() []Status }

var (
	descState   = desc("natsgram_account_state", "1 for the state that the account is in.", "account", "state")
	descEpoch   = desc("natsgram_owner_epoch", "The epoch under which this daemon owns the account; absent where it does not.", "account")
	descStored  = desc("natsgram_updates_stored_total", "Updates in the stream, since this daemon took the account.", "account")
	descWaiting = desc("natsgram_updates_waiting_bytes", "Of updates that wait for JetStream.", "account")
	descFlight  = desc("natsgram_calls_in_flight", "Requests at work.", "account")
	descHeld    = desc("natsgram_updates_held", "Updates that JetStream does not take: waiting, they are on their way; left, a difference brings them; parked, "+
		"they wait here and are not acknowledged; declined, Telegram sends them again.", "account", "how")
	descHeldFor = desc("natsgram_updates_held_seconds", "For how long JetStream has stored nothing of what waits, or too slowly; 0 while it does.", "account")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe is for prometheus.Collector.
func (looks) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descState, descEpoch, descStored, descWaiting, descFlight, descHeld, descHeldFor} {
		out <- d
	}
}

// Collect is too.
func (l looks) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, s := range l.statuses() {
		gauge(descState, 1, s.Account, s.State)
		if s.Epoch == 0 {
			continue
		}
		gauge(descEpoch, float64(s.Epoch), s.Account)
		out <- prometheus.MustNewConstMetric(descStored, prometheus.CounterValue, float64(s.Stored), s.Account)
		gauge(descWaiting, float64(s.WaitingBytes), s.Account)
		gauge(descFlight, float64(s.InFlight), s.Account)
		held := 0.0
		if !s.HeldSince.IsZero() {
			held = time.Since(s.HeldSince).Seconds()
		}
		gauge(descHeldFor, held, s.Account)
		gauge(descHeld, float64(s.Queued), s.Account, "waiting")
		gauge(descHeld, float64(s.Left), s.Account, "left")
		gauge(descHeld, float64(s.Parked), s.Account, "parked")
		gauge(descHeld, float64(s.Declined), s.Account, "declined")
	}
}
