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
			Updates:  metrics.Updates{Stored: st.Stored, Bytes: st.Waiting, Waiting: age(now, st.WaitingSince), Difference: st.Difference},
			InFlight: st.InFlight, Heard: st.Heard, Ahead: st.Skew, Frozen: st.Frozen != nil, Floods: len(st.FloodWaits) + st.MoreWaits,
			Peers: metrics.Peers{InMemory: st.Peers.InMemory, Learned: st.Peers.Learned, Left: st.Peers.Left},
		}
		if st.Jobs != nil {
			s.Jobs = metrics.Jobs{Working: st.Jobs.Working, Chats: st.Jobs.Chats, Held: st.Jobs.Held != ""}
		}
		if d := st.Dialogs; d != nil {
			s.Dialogs = &metrics.Dialogs{Kept: d.Kept, Held: age(now, d.Held), Unanswered: age(now, d.Unanswered)}
		}
		if f := st.Files; f != nil {
			s.Files.Moving = map[string]int{"answer": f.Answers, "object": f.Objects, "telegram": f.Telegram}
			s.Files.Jobs = map[string]int{"waiting": f.JobsWaiting, "running": f.JobsRunning}
		}
		if h, u := st.Held, &s.Updates; h != nil {
			u.Held, u.Queued, u.Left, u.Parked, u.Declined = age(now, h.Since), h.Waiting, h.Left, h.Parked, h.Declined
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
