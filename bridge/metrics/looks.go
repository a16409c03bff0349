package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// looks makes figures of statuses when somebody asks for them.
type looks struct {
	statuses func() []Status
	daemon   func() Daemon
}

var (
	descState   = desc("natsgram_account_state", "1 for the state that the account is in.", "account", "state")
	descEpoch   = desc("natsgram_owner_epoch", "The epoch under which this daemon owns the account; absent where it does not.", "account")
	descStored  = desc("natsgram_updates_stored_total", "Updates in the stream, since this daemon took the account.", "account")
	descBytes   = desc("natsgram_updates_waiting_bytes", "Of updates that wait for JetStream.", "account")
	descWaiting = desc("natsgram_updates_waiting_seconds", "How long the first update that waits for JetStream has waited.", "account")
	descFlight  = desc("natsgram_calls_in_flight", "Requests at work.", "account")
	descHeld    = desc("natsgram_updates_held", "Updates that JetStream does not take: waiting, they are on their way; left, a difference brings them; parked, "+
		"they wait here and are not acknowledged; declined, Telegram sends them again.", "account", "how")
	descHeldFor    = desc("natsgram_updates_held_seconds", "For how long JetStream has stored nothing of what waits, or too slowly; 0 while it does.", "account")
	descDifference = desc("natsgram_difference_age_seconds", "Since Telegram last gave the account's difference, or said that there is none.", "account")
	descHeard      = desc("natsgram_telegram_heard_seconds", "Since Telegram last said something, be it the answer to a ping; absent without a connection.", "account")
	descAhead      = desc("natsgram_clock_ahead_seconds", "How far this machine's clock is ahead of Telegram's, where they differ by five seconds or more; else 0.", "account")
	descFrozen     = desc("natsgram_frozen", "1 for an account that is frozen: it writes nothing.", "account")
	descFloods     = desc("natsgram_flood_waits", "Waits of five seconds or more that Telegram has asked for, and that are not over.", "account")
	descJobs       = desc("natsgram_jobs_working", "Jobs of the queue at work.", "account")
	descJobChats   = desc("natsgram_jobs_chats", "Chats in which there are jobs.", "account")
	descJobsHeld   = desc("natsgram_jobs_held", "1 while all jobs of the account wait: it is frozen, or signed out.", "account")
	descDialogs    = desc("natsgram_dialogs", "Dialogs that are kept as they are now, in TG_STATE; absent where they are not, or not known yet.", "account")
	descUnwritten  = desc("natsgram_dialogs_held_seconds", "For how long TG_STATE has taken no records of dialogs, or given none, or has had some written over; 0: it has not.", "account")
	descUnanswered = desc("natsgram_dialogs_unanswered_seconds", "For how long Telegram has not answered a question about dialogs; 0: it does.", "account")
	descPeers      = desc("natsgram_peers_in_memory", "Users and chats that the daemon has in memory: the newest of those in TG_PEERS.", "account")
	descLearned    = desc("natsgram_peers_learned_total", "Users and chats that were written to TG_PEERS, since this daemon took the account: new ones, and such as changed.", "account")
	descNames      = desc("natsgram_name_questions_left", "How many questions names and numbers in calls may ask Telegram at once, of 50; absent where none was asked of late.", "account", "method")
	descFiles      = desc("natsgram_files_in_flight", "Files on their way: to answers and objects from Telegram, or to telegram.", "account", "to")
	descFileJobs   = desc("natsgram_file_jobs", "Jobs that bring files: waiting, running.", "account", "state")

	descLease      = desc("natsgram_lease_held", "1 while this daemon has its lease.")
	descRenewed    = desc("natsgram_lease_renewed_seconds", "Since the renewal of this daemon's lease that was confirmed last; absent without a lease.")
	descNATS       = desc("natsgram_nats_connected", "1 while there is a connection to NATS.")
	descReconnects = desc("natsgram_nats_reconnects_total", "Connections to NATS that were lost and made again.")
	descReady      = desc("natsgram_ready", "1 when /readyz says so.")
	descProblem    = desc("natsgram_problem", "1 for each of what keeps the daemon from being ready; /readyz has the words.", "kind", "account")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe is for prometheus.Collector.
func (looks) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descState, descEpoch, descStored, descBytes, descWaiting, descFlight, descHeld, descHeldFor, descDifference, descHeard, descAhead, descFrozen, descFloods,
		descJobs, descJobChats, descJobsHeld, descDialogs, descUnwritten, descUnanswered, descPeers, descLearned, descNames, descFiles, descFileJobs,
		descLease, descRenewed, descNATS, descReconnects, descReady, descProblem,
	} {
		out <- d
	}
}

// Collect is too.
func (l looks) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	for _, s := range l.statuses() {
		s.collect(out, now)
	}
	l.daemon().collect(out, now)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// since gives an age, and nothing where the time is not known.
func since(out chan<- prometheus.Metric, d *prometheus.Desc, now, at time.Time, labels ...string) {
	if !at.IsZero() {
		gauge(out, d, max(now.Sub(at).Seconds(), 0), labels...)
	}
}

func (s *Status) collect(out chan<- prometheus.Metric, now time.Time) {
	gauge(out, descState, 1, s.Account, s.State)
	if s.Epoch == 0 {
		return
	}
	gauge(out, descEpoch, float64(s.Epoch), s.Account)
	out <- prometheus.MustNewConstMetric(descStored, prometheus.CounterValue, float64(s.Updates.Stored), s.Account)
	gauge(out, descBytes, float64(s.Updates.Bytes), s.Account)
	gauge(out, descWaiting, s.Updates.Waiting.Seconds(), s.Account)
	gauge(out, descHeldFor, s.Updates.Held.Seconds(), s.Account)
	gauge(out, descHeld, float64(s.Updates.Queued), s.Account, "waiting")
	gauge(out, descFlight, float64(s.InFlight), s.Account)
	gauge(out, descHeld, float64(s.Updates.Left), s.Account, "left")
	gauge(out, descHeld, float64(s.Updates.Parked), s.Account, "parked")
	gauge(out, descHeld, float64(s.Updates.Declined), s.Account, "declined")
	since(out, descDifference, now, s.Updates.Difference, s.Account)
	since(out, descHeard, now, s.Heard, s.Account)
	gauge(out, descAhead, s.Ahead, s.Account)
	gauge(out, descFrozen, one(s.Frozen), s.Account)
	gauge(out, descFloods, float64(s.Floods), s.Account)
	gauge(out, descJobs, float64(s.Jobs.Working), s.Account)
	gauge(out, descJobChats, float64(s.Jobs.Chats), s.Account)
	gauge(out, descJobsHeld, one(s.Jobs.Held), s.Account)
	if s.Dialogs != nil {
		gauge(out, descDialogs, float64(s.Dialogs.Kept), s.Account)
		gauge(out, descUnwritten, s.Dialogs.Held.Seconds(), s.Account)
		gauge(out, descUnanswered, s.Dialogs.Unanswered.Seconds(), s.Account)
	}
	gauge(out, descPeers, float64(s.Peers.InMemory), s.Account)
	out <- prometheus.MustNewConstMetric(descLearned, prometheus.CounterValue, float64(s.Peers.Learned), s.Account)
	for method, left := range s.Peers.Left {
		gauge(out, descNames, float64(left), s.Account, method)
	}
	for to, n := range s.Files.Moving {
		gauge(out, descFiles, float64(n), s.Account, to)
	}
	for state, n := range s.Files.Jobs {
		gauge(out, descFileJobs, float64(n), s.Account, state)
	}
}

func (d Daemon) collect(out chan<- prometheus.Metric, now time.Time) {
	gauge(out, descLease, one(!d.LeaseRenewed.IsZero()))
	since(out, descRenewed, now, d.LeaseRenewed)
	gauge(out, descNATS, one(d.Connected))
	out <- prometheus.MustNewConstMetric(descReconnects, prometheus.CounterValue, float64(d.Reconnects))
	gauge(out, descReady, one(len(d.Problems) == 0))
	said := map[Problem]bool{}
	for _, p := range d.Problems {
		if !said[p] {
			gauge(out, descProblem, 1, p.Kind, p.Account)
		}
		said[p] = true
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
