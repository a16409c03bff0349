package bridge

import (
	"errors"

	"github.com/natsgram/natsgram/bridge/metrics"
)

// figures are the statuses of all accounts, for the metrics.
func (b *Bridge) figures() (all []metrics.Status) {
	for _, st := range b.Statuses() {
		s := metrics.Status{
			Account: st.Account, State: string(st.State), Epoch: st.Epoch, Stored: st.Stored, WaitingBytes: st.Waiting, InFlight: st.InFlight,
		}
		if st.Held != nil {
			s.HeldSince, s.Queued = st.Held.Since, st.Held.Waiting
			s.Left, s.Parked, s.Declined = st.Held.Left, st.Held.Parked, st.Held.Declined
		}
		all = append(all, s)
	}
	return all
}

var (
	errStarting = errors.New("starting")
	errNATSAway = errors.New("not connected to NATS")
)

// fit is nil when the daemon can serve accounts. How each does is a matter of its own.
func (b *Bridge) fit() error {
	select {
	case <-b.ready:
	default:
		return errStarting
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.bus.nc.IsConnected() {
		return errNATSAway
	}
	return nil
}
