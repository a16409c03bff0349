package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// Start is where in the stream a subscription begins. The zero Start is StartNew.
type Start struct {
	policy   jetstream.DeliverPolicy
	sequence uint64
	time     time.Time
	newest   int
	chosen   bool
}

// StartNew begins with what comes from now on.
func StartNew() Start { return Start{policy: jetstream.DeliverNewPolicy, chosen: true} }

// StartAll begins with the oldest update that is kept.
func StartAll() Start { return Start{policy: jetstream.DeliverAllPolicy, chosen: true} }

// StartLast begins with the newest update that there is.
func StartLast() Start { return Start{policy: jetstream.DeliverLastPolicy, chosen: true} }

// StartNewest begins with the newest n of the updates that the subscription wants, n 1 or more.
func StartNewest(n int) Start { return Start{newest: max(n, 1), chosen: true} }

// StartLastPerChat begins with the newest of each kind of update in each chat.
func StartLastPerChat() Start {
	return Start{policy: jetstream.DeliverLastPerSubjectPolicy, chosen: true}
}

// StartSequence begins with the update of this sequence in the stream, or the first after it: Sequence+1 of the last update
// that was seen, 1 or more.
func StartSequence(sequence uint64) Start {
	return Start{policy: jetstream.DeliverByStartSequencePolicy, sequence: max(sequence, 1), chosen: true}
}

// StartTime begins with the first update that was stored at t or later.
func StartTime(t time.Time) Start {
	return Start{policy: jetstream.DeliverByStartTimePolicy, time: t, chosen: true}
}

func (s Start) orNew() Start {
	if !s.chosen {
		return StartNew()
	}
	return s
}

// UpdatesConfig says which updates a subscription gets, and how. The zero value is everything from now on, for this
// subscription alone.
type UpdatesConfig struct {
	// Durable is the name of a place in the stream that NATS remembers: updates are acknowledged, and what was not comes
	// again. All subscriptions of one name, in any number of programs, share the updates among them. Letters, digits, _
	// and -. Empty: no acknowledgements, each subscription gets all. NATS makes it where it is not there; one that is there is changed
	// to what is wanted here, but for its place. A user of NATS who may not change it uses it as it is, if its filter fits.
	Durable string

	// Start counts where no durable of the name is yet; one that there is goes on where it was.
	Start Start

	// Filters choose updates: any of them is enough, none is all. Gaps come through for the chats that they name, unless
	// NoGaps is set. Boxes choose by Tg-Box as well: common, secret, none, channel.<id>; they are sorted out here, not at
	// the server.
	Filters []Filter
	Boxes   []string
	NoGaps  bool

	// FilterHere sorts everything out here, not at the server: for a durable that was made for all updates of the account and
	// that this user of NATS may not change.
	FilterHere bool

	// Own reads the stream of the account's own (natsgram streams add), where a user of NATS can be permitted consumers of any
	// name. In the stream of all accounts it is permitted durables by their names, which somebody else made: account=Durable.
	// Sequences are that stream's own.
	Own bool

	// History reads the stream TG_HISTORY instead: messages of the past that somebody has had fetched ([Client.FetchHistory]), as the updates that
	// they would be if they came now, with Backfill. It goes with a Durable, by which a user with the role consumer may read. Filters and
	// Boxes are sorted out here.
	History bool

	// MaxInFlight is how many updates may be handed out and not acknowledged, to all that share a Durable together; 256 by
	// default. Updates of one chat may then be worked on at the same time; with 1 everything is in order, one after
	// the other. For order within each chat and work on several at a time, see Partitions.
	MaxInFlight int

	// Prefetch is how many updates are fetched ahead here, 1 to 4096; 1 by default with a Durable, so that work is shared evenly
	// and AckWait is not spent in a queue; 256 without.
	Prefetch int

	// AckWait is how long an update may take from being handed out to its acknowledgement before it is handed out again;
	// 30 s by default. [Update.InProgress] begins it anew.
	AckWait time.Duration

	// MaxDeliver is how often an update is handed out at most, 0 for ever. With Partitions, or Prefetch 1, one that was fetched
	// and that nobody asked Next for in time counts as well; it is not given back for the last time.
	MaxDeliver int

	// Inactive is after how long without a subscription NATS forgets the Durable, 0 never.
	Inactive time.Duration

	// Partitions, 2 to 64, shares the updates of a Durable by chat: those of one chat are handed out in order, one after
	// the other, while as many as there are partitions are worked on at a time, by however many programs. NATS keeps a
	// second stream for it, named after the stream and the Durable, which holds what is not yet acknowledged; so the user
	// of NATS needs to be permitted to create streams. The number cannot be changed later. MaxInFlight is not
	// used then, and Start is none of the two that begin with the last.
	Partitions int
}

const (
	defaultInFlight = 256
	defaultAckWait  = 30 * time.Second
	defaultPrefetch = 256
	maxPrefetch     = 4096
	maxPartitions   = 64
)

func (cfg *UpdatesConfig) complete() error {
	switch {
	case !validName(cfg.Durable):
		return fmt.Errorf("field Durable: %q, want letters, digits, _ and -", cfg.Durable)
	case cfg.Partitions < 0 || cfg.Partitions > maxPartitions || cfg.Partitions > 0 && cfg.Durable == "":
		return fmt.Errorf("field Partitions: %d, want 0 to %d, with a Durable", cfg.Partitions, maxPartitions)
	case cfg.Prefetch < 0 || cfg.Prefetch > maxPrefetch:
		return fmt.Errorf("field Prefetch: %d, want 0 to %d", cfg.Prefetch, maxPrefetch)
	case cfg.History && (cfg.Durable == "" || cfg.Own || cfg.Partitions > 0 || cfg.Start.newest > 0):
		return errors.New("field History: it goes with a Durable, and with neither Own, Partitions nor the newest updates as the Start")
	case cfg.MaxInFlight < 0 || cfg.AckWait < 0 || cfg.MaxDeliver < 0 || cfg.Inactive < 0:
		return errors.New("fields MaxInFlight, AckWait, MaxDeliver and Inactive: want 0 or more")
	}
	cfg.Start = cfg.Start.orNew()
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = defaultInFlight
	}
	if cfg.AckWait == 0 {
		cfg.AckWait = defaultAckWait
	}
	if cfg.Prefetch == 0 {
		cfg.Prefetch = defaultPrefetch
		if cfg.Durable != "" {
			cfg.Prefetch = 1
		}
	}
	return nil
}

// validName: what may be part of the name of a consumer, of a stream and of a subject.
func validName(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Subscription hands out updates. Next is safe for concurrent use; so work is done on several at a time.
type Subscription struct {
	want   selection
	acks   bool
	parted bool
	past   bool // of history
	source source
}

// source is where messages come from.
type source interface {
	next(ctx context.Context) (jetstream.Msg, error)
	stop()
}

// Subscribe begins to read updates. Call Stop when no more are wanted.
func (c *Client) Subscribe(ctx context.Context, cfg UpdatesConfig) (*Subscription, error) {
	s, err := c.subscribe(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("natsgram: %s: updates: %w", c.account, err)
	}
	return s, nil
}

func (c *Client) subscribe(ctx context.Context, cfg UpdatesConfig) (s *Subscription, err error) {
	if c.err != nil {
		return nil, c.err
	}
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s = &Subscription{acks: cfg.Durable != "", parted: cfg.Partitions > 1}
	if s.want, err = newSelection(cfg.Filters, cfg.Boxes, !cfg.NoGaps); err != nil {
		return nil, err
	}
	js, err := c.jetStream()
	if err != nil {
		return nil, err
	}
	b := binding{c: c, cfg: cfg, js: js, stream: c.o.scheme.StreamName(updatesName)}
	s.past = cfg.History
	if cfg.Own {
		b.stream = c.o.scheme.OwnStream(c.account)
	}
	if cfg.History {
		b.stream, b.subjects = c.o.scheme.StreamName("HISTORY"), []string{subjects.Histories(c.o.scheme).Of(c.account)}
	} else if cfg.FilterHere {
		b.subjects = []string{c.o.scheme.Updates(c.account)}
	} else {
		b.subjects = c.subjects(s.want.distinct())
	}
	if n := cfg.Start.newest; n > 0 {
		sequence, err := b.newest(ctx, s.want, n)
		if err != nil {
			return nil, b.explained(err)
		}
		b.cfg.Start = StartSequence(sequence)
	}
	if s.source, err = b.open(ctx); err != nil {
		return nil, b.explained(err)
	}
	return s, nil
}

// explained tells what to do where there is no stream.
func (b *binding) explained(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = fmt.Errorf("%w: %s, which a daemon makes, or `natsgram streams add` an account's own", err, b.stream)
	}
	return err
}

// updatesName is the stream, behind the prefix.
const updatesName = "UPDATES"

func (c *Client) subjects(filters []Filter) (all []string) {
	if len(filters) == 0 {
		filters = []Filter{{}}
	}
	for _, f := range filters {
		all = append(all, f.subject(c.o.scheme, subjects.TreeUpdate, c.account))
	}
	return all
}

// Next waits for the next update, until ctx ends. After [Subscription.Stop] it fails with jetstream.ErrMsgIteratorClosed,
// and when the durable was deleted with jetstream.ErrConsumerDeleted. A lost connection is waited for.
func (s *Subscription) Next(ctx context.Context) (*Update, error) {
	for {
		msg, err := s.source.next(ctx)
		if err != nil {
			return nil, err
		}
		meta := readMeta(msg.Subject(), msg.Headers())
		if s.past { // whose subject names no update
			meta.Type = msg.Headers().Get(subjects.HeaderType)
		}
		if meta.Type == stateName || !s.want.wants(&meta) {
			if s.acks {
				_ = msg.Ack() // if that is lost it comes again, and is sorted out again
			}
			continue
		}
		u := newUpdate(meta, msg)
		if place, err := msg.Metadata(); err == nil {
			u.Sequence, u.Stored, u.Delivered = place.Sequence.Stream, place.Timestamp, int(place.NumDelivered) //nolint:gosec // small
			if s.parted {
				u.Sequence = original(msg, u.Sequence)
			}
		}
		if s.acks {
			u.acks = msg
		}
		return u, nil
	}
}

// stateName is the type of messages that are for the daemon alone: what of an account's state had no room beside an update.
const stateName = "state"

// original is the sequence in the stream of updates: a stream of partitions has its own, and names the other in a header, as
// "stream sequence ...".
func original(msg jetstream.Msg, here uint64) uint64 {
	fields := strings.Fields(msg.Headers().Get(subjects.HeaderSource))
	if len(fields) < 2 {
		return here
	}
	if n, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
		return n
	}
	return here
}

// Stop ends the subscription. Updates that were fetched and not handed out come again to others of the same Durable when
// AckWait is over.
func (s *Subscription) Stop() { s.source.stop() }

// Updates is [Client.Subscribe], [Subscription.Next] and Stop in one, for a loop; it ends with an error, if only that of ctx.
func (c *Client) Updates(ctx context.Context, cfg UpdatesConfig) iter.Seq2[*Update, error] {
	return func(yield func(*Update, error) bool) {
		s, err := c.Subscribe(ctx, cfg)
		if err != nil {
			yield(nil, err)
			return
		}
		defer s.Stop()
		for {
			u, err := s.Next(ctx)
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// durableName is how a durable of this account is called. The stream is all accounts', and a name of an account holds no =.
func (c *Client) durableName(durable string) string {
	return strings.Join([]string{c.account, durable}, "=")
}
