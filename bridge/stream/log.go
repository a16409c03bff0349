package stream

import (
	"context"
	"fmt"
	"log/slog"
	"os"
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
	Of    any    // whatever its owner wants to have again in Options.Stored
	Done  func() // called once all messages are stored; nil: nobody waits
	added time.Time
	done  int // of Messages: stored already, one by one
}

// rest are the messages that are still to be stored.
func (g *Group) rest() []Message { return g.Messages[g.done:] }

func (g *Group) size() int64 {
	n := groupWeight + int64(len(g.State))
	for _, m := range g.Messages {
		n += m.size()
	}
	return n
}

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
	// Smaller gives a message that the server does not take another form: within limits if that can be, else as little as can be.
	// It may be several messages, to be stored all or nothing. refusal is why the server does not take it, if that is not its size.
	// It is called from Run; nil: there is no other form.
	Smaller func(m Message, limits Limits, refusal string) []Message
	// Troubled is called from Run with every try that the server did not take.
	Troubled func()
	// Drained is called from Run when the queue has fallen below half of Pending after it was full, and when a trouble is over of
	// which no group's storing tells. It must not block.
	Drained func()
	// Tried is told of every attempt to publish: how long the server took, or why it refused or did not answer. It must not block.
	Tried   func(took time.Duration, err error)
	Sure    func() bool   // the account is this daemon's beyond doubt, at any instant; nil: always
	AckWait time.Duration // for one answer of the server, longer after it did not answer in time; 0: 5 s

	renewEvery time.Duration // for tests; 0: renewEvery
}

// Log writes one account's updates. Add and the questions are safe for concurrent use; Run runs once.
type Log struct {
	opts   Options
	queue  queue
	server server
	fence  fence
	reader reader

	last    atomic.Uint64 // sequence of the last message known to be stored
	trouble trouble
	pace    pace.Pace     // of Run
	sizes   sizes         // of Run
	renewed time.Time     // of Run: when it was looked last whether the record grows old
	ended   chan struct{} // Run has
	err     error         // how, once it has
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
	if o.AckWait <= 0 {
		o.AckWait = defaultAckWait
	}
	host, _ := os.Hostname() // only told to people
	l := &Log{opts: o, ended: make(chan struct{})}
	l.queue.most, l.queue.room, l.queue.drained, l.queue.more = o.Pending, o.Room, o.Drained, make(chan struct{}, 1)
	l.server.store, l.server.wait = s, o.AckWait
	l.fence.server, l.fence.account, l.fence.subject, l.fence.isSure = &l.server, o.Account, s.scheme.Own(o.Account), o.Sure
	l.fence.owner = Owner{ID: nuid.Next(), Host: host, User: o.User}
	l.reader.fence, l.reader.log = &l.fence, o.Log
	if err := l.fence.claim(ctx, true); err != nil {
		return nil, err
	}
	l.last.Store(l.Epoch())
	info, err := s.updates.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: looking at the stream: %w", o.Account, err)
	}
	l.sizes.set(info)
	return l, nil
}

// Epoch is the sequence of the owner record that everything of this log is published under.
func (l *Log) Epoch() uint64 { return l.fence.epoch.Load() }

// Former is who owned the account before this log was opened, zero when nobody is known to have.
func (l *Log) Former() Owner { return l.fence.former }

// OwnerID tells this log from all others in owner records.
func (l *Log) OwnerID() string { return l.fence.owner.ID }

// Add queues a group. It never blocks and never refuses: what a machine has put out cannot be taken back. Who adds asks Full
// before making more.
func (l *Log) Add(g *Group) { l.queue.add(g) }

// Full reports whether more than Options.Pending bytes wait for JetStream, or the daemon has no room for more.
func (l *Log) Full() bool { return l.queue.isFull() }

// Waiting is how many bytes wait for JetStream.
func (l *Log) Waiting() int64 { return l.queue.waiting() }

// Queued is how many messages wait for JetStream.
func (l *Log) Queued() int { return l.queue.messages() }

// Flush waits until everything added so far is stored. When Run ends before, nothing more will be: its error.
func (l *Log) Flush(ctx context.Context) error {
	emptied := l.queue.emptied()
	if emptied == nil {
		return nil
	}
	select {
	case <-emptied:
		return nil
	case <-l.ended:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Recover tells of subject and headers of every message of the account after sequence `from` and before this log's epoch, in order.
// That is all there is: nobody but this log can write any more.
func (l *Log) Recover(ctx context.Context, from uint64, fold func(seq uint64, subject string, h nats.Header) error) error {
	return l.reader.scan(ctx, from, fold)
}

// Counts reports whether a sequence of the stream stands below this log's own record. A stream out of a backup may end before it.
func (l *Log) Counts(seq uint64) bool { return seq < l.Epoch() }

// Doing is how the publishing of a log does.
type Doing struct {
	Oldest  time.Time // when the update that waits longest was added; zero: none waits
	Failing time.Time // since when nothing that waits could be stored; zero: it can
	Err     error     // why not
}

// Doing tells how the publishing does.
func (l *Log) Doing() (d Doing) {
	d.Oldest = l.queue.oldest()
	d.Failing, d.Err = l.trouble.told()
	return d
}
