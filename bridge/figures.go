package bridge

import (
	"time"

	"github.com/natsgram/natsgram/bridge/metrics"
)

// figures are the statuses of all accounts, for the metrics.
func (b *Bridge) figures() (all []metrics.Status) {
	now := time.Now()
	for _, st := range b.Statuses() {
		s := metrics.Status{
			Account: st.Account, State: string(st.State), Epoch: st.Epoch,
			Stored: st.Stored, WaitingBytes: st.Waiting, InFlight: st.InFlight,
			Waiting: age(now, st.WaitingSince), Difference: st.Difference, Heard: st.Heard, Ahead: st.Skew,
			Frozen: st.Frozen != nil, Floods: len(st.FloodWaits) + st.MoreWaits,
		}
		if st.Jobs != nil {
			s.JobsWorking, s.JobsChats, s.JobsHeld = st.Jobs.Working, st.Jobs.Chats, st.Jobs.Held != ""
		}
		s.PeersInMemory, s.PeersLearned = st.Peers.InMemory, st.Peers.Learned
		if st.Dialogs != nil {
			s.Dialogs = &st.Dialogs.Kept
		}
		if f := st.Files; f != nil {
			s.Files = map[string]int{"answer": f.Answers, "object": f.Objects, "telegram": f.Telegram}
			s.FileJobs = map[string]int{"waiting": f.JobsWaiting, "running": f.JobsRunning}
		}
		if st.Held != nil {
			s.Held, s.Queued = age(now, st.Held.Since), st.Held.Waiting
			s.Left, s.Parked, s.Declined = st.Held.Left, st.Held.Parked, st.Held.Declined
		}
		all = append(all, s)
	}
	return all
}

func age(now, since time.Time) time.Duration {
	if since.IsZero() {
		return 0
	}
	return max(now.Sub(since), 0)
}

// ownFigures are the daemon's own, for the metrics.
func (b *Bridge) ownFigures() (d metrics.Daemon) {
	for _, p := range b.problems() {
		d.Problems = append(d.Problems, metrics.Problem{Kind: p.Kind, Account: p.Account})
	}
	b.mu.Lock()
	services, s := b.services, b.supervisor
	b.mu.Unlock()
	if services != nil {
		d.Connected, d.Reconnects = services.Conn.IsConnected(), services.Conn.Stats().Reconnects
	}
	if s != nil {
		d.LeaseRenewed = s.Table().Standing().Renewed
	}
	return d
}
