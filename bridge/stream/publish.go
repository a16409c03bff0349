package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
)

const (
	// maxBatchBytes bounds what goes out in one atomic batch.
	maxBatchBytes = 4 << 20
	// renewEvery is how often a log looks whether its record grows old. Other accounts' updates push it out of a stream with
	// limits as well as its own do.
	renewEvery = time.Minute
	// renewAfter is how far the stream has to have grown since, so that streams with next to nothing in them are left alone.
	renewAfter = 100
)

// Run publishes what is added, one publish or one batch in flight, until ctx ends (its error) or the account has another
// owner (*FencedError). A server that is away, slow or out of space is waited for, and Options.Troubled told.
func (l *Log) Run(ctx context.Context) error {
	l.err = l.run(ctx)
	close(l.ended)
	return l.err
}

func (l *Log) run(ctx context.Context) error {
	others := make(chan *nats.Msg, 16)
	sub, err := l.server.store.js.Conn().ChanSubscribe(l.fence.subject, others)
	if err != nil {
		return fmt.Errorf("%s: %w", l.opts.Account, err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may be closed
	var head []*Group
	wait := time.Duration(0)
	for l.renewed = time.Now(); ; {
		if time.Since(l.renewed) >= l.opts.renewEvery {
			l.renewed = time.Now()
			if err := l.renew(ctx); err != nil {
				return err
			}
		}
		head = l.queue.peek(head[:0])
		if len(head) == 0 {
			if err := l.await(ctx, others); err != nil {
				return err
			}
			continue
		}
		n, err := l.publish(ctx, head)
		if err != nil {
			return err
		}
		if n == 0 {
			wait = backoff.After(wait)
			if err := retry.Pause(ctx, wait); err != nil {
				return err
			}
			continue
		}
		wait = 0
	}
}

// renew writes the owner record again when it stands in the older half of the stream, long before limits could reach it.
func (l *Log) renew(ctx context.Context) error {
	old, err := l.fence.old(ctx)
	if err != nil {
		l.opts.Log.Warn("looking at the stream", "err", err)
		return ctx.Err()
	}
	if !old {
		return nil
	}
	return retry.Do(ctx, backoff, func(ctx context.Context) (again bool, err error) {
		err = l.fence.claim(ctx, false)
		var fenced *FencedError
		if err == nil {
			if l.trouble.over() && l.opts.Drained != nil {
				l.opts.Drained() // where nothing waits, nothing is stored that would tell of it
			}
			return false, nil
		}
		if errors.As(err, &fenced) || ctx.Err() != nil {
			return false, err
		}
		l.trouble.note(err)
		l.troubled()
		return true, err
	})
}

// await waits for something to publish. An owner with nothing to publish learns here that another has come: its record
// passes by, as everything on the subject does, whether the stream took it or not.
func (l *Log) await(ctx context.Context, others <-chan *nats.Msg) error {
	look := time.NewTimer(time.Until(l.renewed.Add(l.opts.renewEvery)))
	defer look.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.queue.more:
		return nil
	case <-look.C:
		return nil
	case msg := <-others:
		if l.fence.writes(msg.Data) {
			return nil
		}
		return l.fence.suspect(ctx, l.queue.more)
	}
}

// publish tries once to store the first groups of head, at least one, and gives how many of them, and of their messages, are
// stored: 0 where the server did not take the first. err is for what another try cannot mend.
func (l *Log) publish(ctx context.Context, head []*Group) (int, error) {
	groups := choose(head, l.pace.From())
	l.fit(ctx, groups)
	groups = most(groups)
	messages := flatten(groups)
	if len(messages) < l.pace.From() && !anyWhole(groups) {
		return l.oneByOne(ctx, groups)
	}
	return l.together(ctx, groups, messages)
}

// most leaves out groups that would make a batch too large, if messages were split.
func most(groups []*Group) []*Group {
	n := 0
	for i, g := range groups {
		if n += len(g.rest()); n > MaxGroup && i > 0 {
			return groups[:i]
		}
	}
	return groups
}

func anyWhole(groups []*Group) bool {
	return slices.ContainsFunc(groups, func(g *Group) bool { return g.Whole && len(g.rest()) > 1 })
}

// together stores messages all or nothing.
func (l *Log) together(ctx context.Context, groups []*Group, messages []Message) (int, error) {
	there, seq, err := l.attempt(ctx, messages)
	switch {
	case there:
		l.stored(groups, seq)
		return len(groups) + len(messages), nil
	case codeOf(err) == codeDuplicate:
		// It should never come to this: the state would have had to fall behind the stream. One by one, the server
		// drops those it knows.
		l.opts.Log.Error("updates were already in the stream", "messages", len(messages))
		return l.oneByOne(ctx, groups)
	case err != nil || !l.trouble.hopeless():
		return 0, err
	}
	for _, g := range groups {
		if n := len(g.rest()); n > 0 && err == nil {
			err = l.lessen(ctx, g, n)
		}
	}
	return 0, err
}

// oneByOne stores the messages of groups one after the other, as far as the server takes them.
func (l *Log) oneByOne(ctx context.Context, groups []*Group) (n int, err error) {
	for _, g := range groups {
		var last uint64
		for len(g.rest()) > 0 {
			there, seq, err := l.attempt(ctx, g.rest()[:1])
			if err != nil || !there {
				if err == nil && l.trouble.hopeless() {
					err = l.lessen(ctx, g, 1)
				}
				return n, err
			}
			last, g.done = seq, g.done+1
			l.last.Store(max(seq, l.last.Load()))
			n++
		}
		l.stored([]*Group{g}, last)
		n++
	}
	return n, nil
}

// attempt sends once. It reports whether the messages are in the stream now; err is for what another attempt cannot mend.
func (l *Log) attempt(ctx context.Context, messages []Message) (there bool, seq uint64, err error) {
	begun := time.Now()
	seq, err = l.send(ctx, messages)
	l.tried(ctx, time.Since(begun), err)
	if err == nil {
		switch took := time.Since(begun); len(messages) {
		case 0:
		case 1:
			l.pace.Plain(1, took)
		default:
			l.pace.Batch(len(messages), took)
		}
		return true, seq, nil
	}
	if ctx.Err() != nil {
		return false, 0, ctx.Err()
	}
	l.troubled()
	l.opts.Log.Warn("publishing updates", "messages", len(messages), "err", err)
	switch {
	case codeOf(err) == codeDuplicate:
		if there, seq, resolved := l.resolve(ctx, messages); there || resolved != nil {
			return there, seq, resolved
		}
		return false, 0, err
	case refused(err):
		l.sizes.doubt(ctx, &l.server, err)
		return false, 0, nil
	}
	return l.resolve(ctx, messages)
}

// choose takes what goes out next: groups without messages on the way, then a plain message where few wait, else a batch.
func choose(head []*Group, batchFrom int) []*Group {
	waiting := 0
	for _, g := range head {
		waiting += len(g.rest())
	}
	if waiting >= batchFrom {
		return head
	}
	for i, g := range head {
		if len(g.rest()) > 0 {
			return head[:i+1]
		}
	}
	return head
}

// flatten are the messages of groups that are still to be stored.
func flatten(groups []*Group) (all []Message) {
	if len(groups) == 1 {
		return groups[0].rest()
	}
	for _, g := range groups {
		all = append(all, g.rest()...)
	}
	return all
}

// stored tells everybody and takes the groups off the queue. Groups share the sequence of their batch's end, counted back.
func (l *Log) stored(groups []*Group, seq uint64) {
	if seq > 0 {
		l.last.Store(seq)
	}
	l.trouble.over() // before Stored, which may ask
	behind := 0
	for _, g := range groups {
		behind += len(g.rest())
	}
	for _, g := range groups {
		behind -= len(g.rest())
		at := uint64(0)
		if len(g.Messages) > 0 && seq > 0 {
			at = seq - uint64(behind)
		}
		if l.opts.Stored != nil {
			l.opts.Stored(g, at)
		}
		if g.Done != nil {
			g.Done()
		}
	}
	l.queue.drop(len(groups))
}

// send publishes messages as one, and gives the sequence of the last.
func (l *Log) send(ctx context.Context, messages []Message) (uint64, error) {
	switch len(messages) {
	case 0:
		return 0, nil
	case 1:
		ack, err := l.server.publish(ctx, l.plain(messages[0]))
		if err == nil && ack.Duplicate {
			l.opts.Log.Error("an update was already in the stream", "id", messages[0].Header.Get(jetstream.MsgIDHeader))
		}
		return ack.Sequence, err
	}
	return l.batch(ctx, messages)
}

func (l *Log) plain(m Message) *nats.Msg {
	l.fence.stamp(m.Header)
	return &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}
}

// batch publishes all or nothing. Only the last message is answered; the server judges the batch then, so that a fence on
// the first message alone holds for all.
func (l *Log) batch(ctx context.Context, messages []Message) (uint64, error) {
	all := make([]*nats.Msg, len(messages))
	for i, m := range messages {
		delete(m.Header, jetstream.ExpectedLastSubjSeqHeader)
		delete(m.Header, jetstream.ExpectedLastSubjSeqSubjHeader)
		if i == 0 {
			l.fence.stamp(m.Header)
		}
		all[i] = &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}
	}
	ack, err := l.server.publish(ctx, all...)
	return ack.Sequence, err
}

// resolve finds out what became of a publish that was not confirmed: a new epoch keeps what may still be in flight from
// ever being stored, then the stream between the last known message and that epoch tells. It tries until it knows.
func (l *Log) resolve(ctx context.Context, messages []Message) (there bool, seq uint64, err error) {
	from := l.last.Load()
	err = retry.Do(ctx, backoff, func(ctx context.Context) (again bool, err error) {
		if err = l.fence.claim(ctx, false); err == nil {
			if l.Epoch() <= from {
				from = 0 // another stream, that begins anew
			}
			if there, seq, err = l.reader.find(ctx, from, messages); err == nil {
				return false, nil
			}
		}
		var fenced *FencedError
		if errors.As(err, &fenced) || ctx.Err() != nil {
			return false, err
		}
		l.trouble.note(err)
		l.troubled()
		l.server.store.storage.Suspect(err)
		l.opts.Log.Warn("finding out what was stored", "err", err)
		return true, err
	})
	if err != nil {
		return false, 0, err
	}
	return there, seq, nil
}
