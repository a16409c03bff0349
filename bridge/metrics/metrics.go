// Package metrics counts what a daemon does, and shows it to Prometheus over HTTP: off unless NATSGRAM_HTTP names an address.
// Nothing here is secret: account names, ids of watched channels, figures. Labels are bounded: chats are told apart only where
// they are watched, calls by the methods of the layer.
package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Other is the chat of delays in all chats that are not watched.
const Other = "other"

// Status is how an account does at the moment it is asked.
type Status struct {
	Account, State string
	Epoch          uint64 // 0: it has no owner here
	Updates        Updates
	InFlight       int       // calls
	Heard          time.Time // when Telegram last said something; zero: there is no connection
	Ahead          float64   // seconds: our clock, of Telegram's, where they differ
	Frozen         bool      // it writes nothing
	Floods         int       // waits that Telegram has asked for and that are on
	Jobs           Jobs
	Dialogs        *Dialogs // nil: none are kept, or they are not known yet
	Peers          Peers
	Files          Files
}

// Updates are those of an account.
type Updates struct {
	Stored     uint64        // since this owner took the account
	Bytes      int64         // of those that wait for JetStream
	Waiting    time.Duration // how long the first of them has waited
	Held       time.Duration // how long JetStream has stored nothing of what waits, or too slowly; 0: it holds nothing up
	Queued     int           // those that wait for it while that is so
	Left       int           // those that a difference will bring, for lack of room
	Parked     int           // that wait here without being acknowledged
	Declined   int           // that Telegram is to send again
	Difference time.Time     // when Telegram last gave the account's difference, or said that there is none; zero: not yet
}

// Jobs are those of an account in the queue.
type Jobs struct {
	Working, Chats int  // at work, and chats in which there are any
	Held           bool // all of them wait: the account is frozen, or signed out
}

// Dialogs are those of an account that are kept as they are now.
type Dialogs struct {
	Kept int
	Held time.Duration // how long their records could not be written, or read; 0: they can

	Unanswered time.Duration // how long Telegram has not answered what it is asked about them; 0: it does
}

// Peers are users and chats that an account knows.
type Peers struct {
	InMemory int
	Learned  uint64         // that were written, since this owner took the account
	Left     map[string]int // questions that names in calls may ask at once, by method
}

// Files are those of an account that are on their way.
type Files struct {
	Moving map[string]int // by where to: answer, object, telegram
	Jobs   map[string]int // by their states: waiting, running
}

// Daemon is how the daemon does at the moment it is asked.
type Daemon struct {
	LeaseRenewed time.Time // when the renewal that was confirmed last was asked for; zero: it has no lease
	Connected    bool      // to NATS
	Reconnects   uint64
	Problems     []Problem
}

// Problem is one of what keeps the daemon from being ready.
type Problem struct{ Kind, Account string }

// Metrics are a daemon's. All methods are safe for concurrent use, and do nothing with a nil *Metrics.
type Metrics struct {
	registry *prometheus.Registry
	delay    *prometheus.HistogramVec
	calls    *prometheus.CounterVec
	methods  *prometheus.CounterVec
	took     *prometheus.HistogramVec
	floods   *prometheus.CounterVec
	flooded  *prometheus.CounterVec
	links    *prometheus.CounterVec
	gaps     *prometheus.CounterVec
	redacted *prometheus.CounterVec
	replies  prometheus.Counter
	publish  prometheus.Histogram
	refused  *prometheus.CounterVec
	jobs     *prometheus.CounterVec
	fetched  *prometheus.CounterVec
	fetches  *prometheus.CounterVec
	moved    *prometheus.CounterVec
	files    *prometheus.CounterVec
}

// New makes metrics; statuses are asked for with each look, those of all accounts of the daemon, and so is its own.
func New(version string, statuses func() []Status, daemon func() Daemon) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "natsgram_update_delay_seconds", Help: "From when a message was written (a whole second) until it came; chat is a watched channel, or other.",
			Buckets: []float64{0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3600},
		}, []string{"account", "chat"}),
		calls:   counter("natsgram_calls_total", "Requests that were answered, by the code of the error: ok, 400, 420, 503 ...", "account", "code"),
		methods: counter("natsgram_method_calls_total", "The same by method; what is no method of the layer is unknown.", "method", "code"),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "natsgram_call_duration_seconds", Help: "From a request's arrival until its reply, by namespace.",
			Buckets: []float64{0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30},
		}, []string{"namespace"}),
		floods:  counter("natsgram_flood_waits_total", "How often Telegram wanted a method to wait.", "account", "method"),
		flooded: counter("natsgram_flood_wait_seconds_total", "How long in all.", "account", "method"),
		links:   counter("natsgram_connections_total", "Connections to Telegram that came about (made) or were lost or could not be made (lost).", "account", "event"),
		gaps:    counter("natsgram_gaps_total", "Updates that Telegram could not give back, said as gaps.", "account", "reason"),
		redacted: counter("natsgram_updates_redacted_total", "Updates that JetStream does not take with their contents: too large, or refused.",
			"account", "reason"),
		replies: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "natsgram_replies_refused_total", Help: "Requests that were dropped because they wanted their answer where none may go: somebody tries what he may not, or NATSGRAM_REPLIES lacks a prefix.",
		}),
		publish: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "natsgram_publish_duration_seconds", Help: "How long JetStream took to store a message or a batch of updates.",
			Buckets: []float64{0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2, 5},
		}),
		refused: counter("natsgram_publish_errors_total", "Attempts to store updates that JetStream refused or did not answer.", "account"),
		jobs: counter("natsgram_jobs_total", "Jobs of the queue of which it was told what became of them: done, failed, unknown, expired, replaced, cancelled.",
			"account", "state"),
		fetched: counter("natsgram_history_messages_total", "Messages out of history that were stored because somebody asked for them.", "account"),
		fetches: counter("natsgram_history_jobs_total", "Jobs that fetched history, by how they ended: done, failed, cancelled.", "account", "state"),
		moved: counter("natsgram_file_bytes_total", "Bytes of requests and answers of file traffic with Telegram that went well, by way: down, up; what came twice counts twice.",
			"account", "way"),
		files: counter("natsgram_files_total", "Files that were moved, or not: to answers and objects from Telegram, or to telegram; by the code of the error, or ok.",
			"account", "to", "code"),
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "natsgram_build_info", Help: "1; the version is a label.", ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.delay, m.calls, m.methods, m.took, m.floods, m.flooded, m.links, m.gaps, m.publish, m.refused, m.redacted, m.replies, m.jobs, m.fetched, m.fetches, m.moved, m.files,
		build,
		looks{statuses, daemon}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Delay notes how late a new message came. chat is [Other] but for watched channels.
func (m *Metrics) Delay(account, chat string, late time.Duration) {
	if m != nil {
		m.delay.WithLabelValues(account, chat).Observe(late.Seconds())
	}
}

// Call notes a request that was answered; code 0: without an error. method is one of the layer, or empty.
func (m *Metrics) Call(account, namespace, method string, code int, took time.Duration) {
	if m == nil {
		return
	}
	text := codeText(code)
	if method == "" {
		method = "unknown"
	}
	m.calls.WithLabelValues(account, text).Inc()
	m.methods.WithLabelValues(method, text).Inc()
	m.took.WithLabelValues(namespace).Observe(took.Seconds())
}

// FloodWait notes that a method has to wait.
func (m *Metrics) FloodWait(account, method string, wait time.Duration) {
	if m != nil {
		m.floods.WithLabelValues(account, method).Inc()
		m.flooded.WithLabelValues(account, method).Add(wait.Seconds())
	}
}

// Published notes an attempt to store updates.
func (m *Metrics) Published(account string, took time.Duration, err error) {
	switch {
	case m == nil:
	case err != nil:
		m.refused.WithLabelValues(account).Inc()
	default:
		m.publish.Observe(took.Seconds())
	}
}

// Connected notes a connection, and Disconnected the end of one, or one that did not come about.
func (m *Metrics) Connected(account string) {
	if m != nil {
		m.links.WithLabelValues(account, "made").Inc()
	}
}

// Disconnected is the other.
func (m *Metrics) Disconnected(account string) {
	if m != nil {
		m.links.WithLabelValues(account, "lost").Inc()
	}
}

// Gap notes one that was said.
func (m *Metrics) Gap(account, reason string) {
	if m != nil {
		m.gaps.WithLabelValues(account, reason).Inc()
	}
}

// History counts messages that were fetched from history and stored.
func (m *Metrics) History(account string, messages int) {
	if m != nil {
		m.fetched.WithLabelValues(account).Add(float64(messages))
	}
}

// HistoryJob notes how a job that fetched history ended.
func (m *Metrics) HistoryJob(account, state string) {
	if m != nil {
		m.fetches.WithLabelValues(account, state).Inc()
	}
}

// Job notes what became of a job.
func (m *Metrics) Job(account, state string) {
	if m != nil {
		m.jobs.WithLabelValues(account, state).Inc()
	}
}

// FileBytes notes that so much of files came from Telegram, or went there.
func (m *Metrics) FileBytes(account string, up bool, n int) {
	if m == nil {
		return
	}
	way := "down"
	if up {
		way = "up"
	}
	m.moved.WithLabelValues(account, way).Add(float64(n))
}

// File notes what became of a file on its way; code 0: it is there.
func (m *Metrics) File(account, to string, code int) {
	if m != nil {
		m.files.WithLabelValues(account, to, codeText(code)).Inc()
	}
}

func codeText(code int) string {
	if code == 0 {
		return "ok"
	}
	return strconv.Itoa(code)
}

// Redacted notes an update that stands in the stream without its contents.
func (m *Metrics) Redacted(account, reason string) {
	if m != nil {
		m.redacted.WithLabelValues(account, reason).Inc()
	}
}

// ReplyRefused notes a request that was dropped because of where its answer was to go.
func (m *Metrics) ReplyRefused() {
	if m != nil {
		m.replies.Inc()
	}
}
