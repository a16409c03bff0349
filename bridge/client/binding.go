package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
)

// binding is a subscription being made at the server.
type binding struct {
	c        *Client
	cfg      UpdatesConfig
	js       jetstream.JetStream
	stream   string
	subjects []string // that do not overlap
}

func (b *binding) open(ctx context.Context) (source, error) {
	switch {
	case b.cfg.Partitions > 1:
		return b.partitions(ctx)
	case b.cfg.Durable != "":
		return b.durable(ctx)
	}
	return b.ordered(ctx)
}

// ordered is for one subscription alone: nats.go makes the consumer again where the last one ended.
func (b *binding) ordered(ctx context.Context) (source, error) {
	start := b.cfg.Start
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: b.subjects, DeliverPolicy: start.policy, OptStartSeq: start.sequence}
	if !start.time.IsZero() {
		cfg.OptStartTime = &start.time
	}
	consumer, err := b.js.OrderedConsumer(ctx, b.stream, cfg)
	if err != nil {
		return nil, err
	}
	return b.messages(consumer)
}

// durable makes the consumer, or goes on with the one there is, whose place stays as it is.
func (b *binding) durable(ctx context.Context) (source, error) {
	start := b.cfg.Start
	cfg := b.consumer(b.c.durableName(b.cfg.Durable))
	cfg.DeliverPolicy, cfg.OptStartSeq, cfg.MaxAckPending = start.policy, start.sequence, b.cfg.MaxInFlight
	if !start.time.IsZero() {
		cfg.OptStartTime = &start.time
	}
	b.filter(&cfg)
	find := b.consume
	if b.cfg.History {
		find = b.bound
	}
	consumer, err := find(ctx, b.stream, cfg)
	if err != nil {
		return nil, err
	}
	made := consumer.CachedInfo().Config // somebody else may have made it
	b.cfg.AckWait, b.cfg.MaxDeliver = made.AckWait, made.MaxDeliver
	if b.cfg.Prefetch == 1 {
		return newOnDemand([]jetstream.Consumer{consumer}, &b.cfg), nil
	}
	return b.messages(consumer)
}

func (b *binding) consumer(name string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: name, Description: "natsgram: " + b.cfg.Durable + ", updates of " + b.c.account, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: b.cfg.AckWait, MaxDeliver: b.cfg.MaxDeliver, InactiveThreshold: b.cfg.Inactive,
	}
}

func (b *binding) consume(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	have, err := b.js.Consumer(ctx, stream, cfg.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
	case err != nil:
		return nil, err
	default:
		old := have.CachedInfo().Config
		if does(old, cfg) {
			return have, nil // a user of NATS may be permitted to use it and not to change it
		}
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = old.DeliverPolicy, old.OptStartSeq, old.OptStartTime
		return b.change(ctx, stream, have, cfg)
	}
	consumer, err := b.js.CreateOrUpdateConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, fmt.Errorf("durable %s: %w", cfg.Durable, err)
	}
	return consumer, nil
}

// changeTime is how long an answer to a change of a durable is waited for. Who may not ask gets none, but is told so on the connection.
var changeTime = 2 * time.Second

// change brings a durable to what is wanted. Where nobody answers, the user of NATS may be permitted to use it and not to change it: it is used as
// it is, however many it hands out and for how long, if it hands out the same.
func (b *binding) change(ctx context.Context, stream string, have jetstream.Consumer, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	asking, cancel := context.WithTimeout(ctx, changeTime)
	nc, before := b.js.Conn(), b.js.Conn().LastError()
	var watch sync.WaitGroup
	watch.Go(func() {
		if denied(asking, nc, before, ".CONSUMER.CREATE."+stream+"."+cfg.Durable) {
			cancel()
		}
	})
	defer watch.Wait()
	defer cancel()
	consumer, err := b.js.UpdateConsumer(asking, stream, cfg)
	var answer *jetstream.APIError
	switch old := have.CachedInfo().Config; {
	case err == nil:
		return consumer, nil
	case ctx.Err() != nil || errors.As(err, &answer):
	case fits(old, cfg):
		return have, nil
	default:
		err = fmt.Errorf("it hands out %s with acknowledgements %s, wanted are %s with %s, and nobody answers to the change, for which this user of NATS may lack the right: %w",
			filters(old), old.AckPolicy, filters(cfg), cfg.AckPolicy, err)
	}
	return nil, fmt.Errorf("durable %s: %w", cfg.Durable, err)
}

// refusedLooks are how long it takes until it is looked again whether something is refused.
var refusedLooks = retry.Backoff{Min: 5 * time.Millisecond, Max: 100 * time.Millisecond}

// denied waits until NATS refuses what is published on a subject with this in it, behind a refusal of before, and reports that; false: ctx has
// ended. It refuses before it answers what is sent behind that.
func denied(ctx context.Context, nc *nats.Conn, before error, subject string) bool {
	for wait := refusedLooks.After(0); nc.FlushWithContext(ctx) == nil; wait = refusedLooks.After(wait) {
		err := nc.LastError()
		if !errors.Is(err, before) && errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), subject) {
			return true
		}
		if retry.Pause(ctx, wait) != nil {
			return false
		}
	}
	return false
}

func (b *binding) bound(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return bound(ctx, b.js, stream, cfg)
}

// bound is the durable that is there, however many it hands out and for how long; else it is made.
func bound(ctx context.Context, js jetstream.JetStream, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	have, err := js.Consumer(ctx, stream, cfg.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return js.CreateConsumer(ctx, stream, cfg)
	}
	if err == nil && have.CachedInfo().Config.AckPolicy != cfg.AckPolicy {
		err = fmt.Errorf("durable %s: acknowledgements: %s, want %s", cfg.Durable, have.CachedInfo().Config.AckPolicy, cfg.AckPolicy)
	}
	return have, err
}

// does reports whether a consumer that is there hands out what is wanted, and as it is wanted.
func does(have, want jetstream.ConsumerConfig) bool {
	return fits(have, want) && have.AckWait == want.AckWait && have.MaxAckPending == want.MaxAckPending &&
		max(have.MaxDeliver, 0) == max(want.MaxDeliver, 0) && have.InactiveThreshold == want.InactiveThreshold
}

// fits reports whether a consumer that is there hands out what is wanted.
func fits(have, want jetstream.ConsumerConfig) bool {
	return slices.Equal(filters(have), filters(want)) && have.AckPolicy == want.AckPolicy
}

// filters are all that a consumer has, however they were written.
func filters(c jetstream.ConsumerConfig) []string {
	all := slices.Clone(c.FilterSubjects)
	if c.FilterSubject != "" {
		all = append(all, c.FilterSubject)
	}
	slices.Sort(all)
	return all
}

func (b *binding) messages(consumer jetstream.Consumer) (source, error) {
	it, err := consumer.Messages(jetstream.PullMaxMessages(b.cfg.Prefetch), jetstream.WithMessagesErrOnMissingHeartbeat(false))
	if err != nil {
		return nil, err
	}
	return single{it, make(chan struct{}, 1)}, nil
}

// single is one consumer. Those of nats.go are for one goroutine at a time.
type single struct {
	it   jetstream.MessagesContext
	turn chan struct{}
}

func (s single) next(ctx context.Context) (jetstream.Msg, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	for {
		msg, err := s.look(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return msg, err
		}
	}
}

// look waits a while only. nats.go (v1.55) can forget to ask for more where a message comes before its own request has
// returned, and then finds that out when a heartbeat is missing, after 30 s; each new look makes it see.
func (s single) look(ctx context.Context) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	return s.it.Next(jetstream.NextContext(ctx))
}

func (s single) stop() { s.it.Stop() }
