package stream

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/pace"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/room"
)

// Message is one message for the stream. Header is the log's from Add on.
type Message struct {
	Subject string
	Header  nats.Header
	Data    []byte
	Form    uint8 // for Options.Smaller: how much was left out of it so far
}

// Weights in the queue beside the bytes that one can count (BenchmarkMessage in bridge/account).
const (
	messageWeight = 1800 // a message, above all its headers
	groupWeight   = 200
)

// size is what a message weighs in the queue, in bytes.
func (m Message) size() int64 { return int64(len(m.Subject) + len(m.Data) + messageWeight) }

// Group is messages that belong together, stored after all groups before them.
type Group struct {
	Messages []Message
	Whole    bool // store all or none of them: at most MaxGroup
	// State is the change by the group as a whole, for Options.Stored; the same as its messages' Tg-State folded.
	State string
	Done  func() // called once all messages are stored; nil: nobody waits
	added time.Time
	done  int // of Messages: stored already, one by one
}

// rest are the messages that are still to be stored.
func (g *Group) rest() []Message { return g.Messages[g.done:] }

// MaxGroup is the most messages of a Whole group: the server's limit of an atomic batch.
const MaxGroup = 1000

// Options of a log.
type Options struct {
	Account string
	User    int64        // of Telegram, whose updates these are
	Pending int64        // bytes that may wait before Full says so; 0: 32 MiB
	Room    *room.Share  // of the daemon's memory; nil: as much as there is
	Log     *slog.Logger // that names the account already
	// Stored is told of every group that is in the stream, in order, with the sequence of its last message (0: it had none).
	// It is called from Run.
	Stored func(g *Group, seq uint64)
	// Smaller gives a message that the server does not take another form: within limits if that can be, else as little as can be. It
	// may be several messages, to be stored all or nothing. refusal is why the server does not take it, if that is not its size. It is
	// called from Run; nil: there is no other form.
	Smaller func(m Message, limits Limits, refusal string) []Message
	// Troubled is called from Run with every try that the server did not take.
	Troubled func()
	// Drained is called from Run when the queue has fallen below half of Pending after it was full. It must not block.
	Drained func()
	// Tried is told of every attempt to publish: how long the server took, or why it refused or did not answer. It must not block.
	Tried   func(took time.Duration, err error)
	Sure    func() bool   // the account is this daemon's beyond doubt, at any instant; nil: always
	AckWait time.Duration // for one answer of the server, longer after it did not answer in time; 0: 5 s

	renewEvery time.Duration // for tests; 0: renewEvery
}

// Log writes one account's updates. Add and the questions are safe for concurrent use; Run runs once.
type Log struct {
	store      *Store
	account    string
	ownSubject string
	owner      Owner
	former     Owner // of Open
	ackWait    time.Duration
	opts       Options
	epoch      atomic.Uint64
	renewed    time.Time     // of Run: when it was looked last whether the record grows old
	last       atomic.Uint64 // sequence of the last message known to be stored
	pace       pace.Pace     // of Run
	patience   atomic.Int32  // how often ackWait is doubled
	limit      int64         // of Run: bytes that the stream takes of one message; 0: no limit, or not known
	looked     time.Time     // of Run: when that was found out
	ended      chan struct{} // Run has
	err        error         // how, once it has
	trouble    trouble

	mu    sync.Mutex
	queue []*Group
	bytes int64
	full  bool          // Pending was exceeded and Drained not yet called
	more  chan struct{} // one token: the queue is not empty
	idle  chan struct{} // closed when nothing waits; nil when it is so already
}

const (
	defaultPending = 32 << 20
	defaultAckWait = 5 * time.Second
)

// backoff is between attempts to store something, or to find out what was stored.
var backoff = retry.Backoff{Min: 20 * time.Millisecond, Max: 2 * time.Second}

// Open takes the account: it writes the owner record, and from then on no former owner's message can reach the stream.
func (s *Store) Open(ctx context.Context, o Options) (*Log, error) {
	if o.Pending <= 0 {
		o.Pending = defaultPending
	}
	if o.renewEvery <= 0 {
		o.renewEvery = renewEvery
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	host, _ := os.Hostname() // only told to people
	l := &Log{
		store: s, account: o.Account, ownSubject: s.scheme.Own(o.Account), owner: Owner{ID: nuid.Next(), Host: host, User: o.User},
		ackWait: o.AckWait, opts: o, more: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if l.ackWait <= 0 {
		l.ackWait = defaultAckWait
	}
	if err := l.claim(ctx, true); err != nil {
		return nil, err
	}
	l.last.Store(l.epoch.Load())
	info, err := s.updates.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: looking at the stream: %w", o.Account, err)
	}
	l.limit = max(int64(info.Config.MaxMsgSize), 0)
	return l, nil
}

// Epoch is the sequence of the owner record that everything of this log is published under.
func (l *Log) Epoch() uint64 { return l.epoch.Load() }

// Former is who owned the account before this log was opened, zero when nobody is known to have.
func (l *Log) Former() Owner { return l.former }

// OwnerID tells this log from all others in owner records.
func (l *Log) OwnerID() string { return l.owner.ID }

// Add queues a group. It never blocks and never refuses: what a machine has put out cannot be taken back. Who adds asks Full
// before making more.
func (l *Log) Add(g *Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.added = time.Now()
	l.queue = append(l.queue, g)
	l.bytes += g.size()
	l.opts.Room.Send(g.size())
	if l.bytes > l.opts.Pending {
		l.full = true
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	l.wake()
}

func (g *Group) size() int64 {
	n := groupWeight + int64(len(g.State))
	for _, m := range g.Messages {
		n += m.size()
	}
	return n
}

func (l *Log) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// Full says that more than Options.Pending bytes wait for JetStream, or that the daemon has no room for more.
func (l *Log) Full() bool {
	l.mu.Lock()
	full := l.full
	l.mu.Unlock()
	return full || l.opts.Room.Full()
}

// Waiting is how many bytes wait for JetStream.
func (l *Log) Waiting() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// Queued is how many messages wait for JetStream.
func (l *Log) Queued() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.queue {
		n += len(g.Messages)
	}
	return n
}

// Flush waits until everything added so far is stored. When Run ends before, nothing more will be: its error.
func (l *Log) Flush(ctx context.Context) error {
	l.mu.Lock()
	idle := l.idle
	l.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-l.ended:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// peek is the head of the queue, as much as one publish may hold.
func (l *Log) peek(dst []*Group) []*Group {
	l.mu.Lock()
	defer l.mu.Unlock()
	messages, bytes := 0, int64(0)
	for _, g := range l.queue {
		messages += len(g.Messages)
		bytes += g.size()
		if len(dst) > 0 && (messages > MaxGroup || bytes > maxBatchBytes) {
			break
		}
		dst = append(dst, g)
	}
	return dst
}

// drop takes n groups from the queue: they are stored.
func (l *Log) drop(n int) {
	drained, freed := l.take(n)
	l.opts.Room.Sent(freed)
	if drained && l.opts.Drained != nil {
		l.opts.Drained() // with no lock: it may look at the log
	}
}

func (l *Log) take(n int) (drained bool, freed int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range n {
		freed += l.queue[i].size()
		l.queue[i] = nil
	}
	l.bytes -= freed
	l.queue = l.queue[n:]
	if len(l.queue) == 0 {
		l.queue = nil
		if l.idle != nil {
			close(l.idle)
			l.idle = nil
		}
	}
	drained = l.full && l.bytes <= l.opts.Pending/2
	l.full = l.full && !drained
	return drained, freed
}
