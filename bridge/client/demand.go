package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// onDemand takes from consumers one message at a time, and from each only while somebody waits: what is taken and not worked
// on is kept from the other instances, and with partitions so are all chats of its partition. So consumers are asked one
// after the other, since the first may well have something; and what comes although nobody waits any more goes back.
type onDemand struct {
	demand  chan struct{} // somebody waits
	out     chan delivery
	quit    chan struct{}
	once    sync.Once
	workers sync.WaitGroup
	ackWait time.Duration
	deliver int // how often a message is handed out at most, 0 for ever
}

type delivery struct {
	msg jetstream.Msg
	err error
}

func newOnDemand(consumers []jetstream.Consumer, cfg *UpdatesConfig) *onDemand {
	p := &onDemand{demand: make(chan struct{}), out: make(chan delivery), quit: make(chan struct{}), ackWait: cfg.AckWait, deliver: cfg.MaxDeliver}
	for _, c := range consumers {
		p.workers.Go(func() { p.work(c) })
	}
	return p
}

// patience is how long next waits for one consumer before it asks the second as well; then half as long before the third, so
// that 64 are asked within 10 ms.
const patience = 5 * time.Millisecond

func (p *onDemand) next(ctx context.Context) (jetstream.Msg, error) {
	select { // what is taken goes before taking more
	case t := <-p.out:
		return t.msg, t.err
	default:
	}
	wait, due, demand := patience, time.NewTimer(0), (chan struct{})(nil)
	defer due.Stop()
	for {
		select {
		case t := <-p.out:
			return t.msg, t.err
		case <-due.C:
			demand = p.demand
		case demand <- struct{}{}:
			demand = nil
			due.Reset(wait)
			wait /= 2
		case <-p.quit:
			return nil, jetstream.ErrMsgIteratorClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *onDemand) stop() {
	p.once.Do(func() { close(p.quit) })
	p.workers.Wait()
}

// pullWait is how long one look at a consumer takes. So long stop may take, too.
const pullWait = time.Second

// work looks after one consumer.
func (p *onDemand) work(c jetstream.Consumer) {
	for {
		select {
		case <-p.demand:
		case <-p.quit:
			return
		}
		msg, err := c.Next(jetstream.FetchMaxWait(pullWait))
		switch {
		case err == nil:
			p.hand(delivery{msg: msg})
		case errors.Is(err, nats.ErrTimeout):
		case p.over(c, err):
			p.hand(delivery{err: err})
			return
		}
	}
}

// over reports whether an error will not pass. It waits a moment where it may.
func (p *onDemand) over(c jetstream.Consumer, err error) bool {
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, jetstream.ErrConsumerDeleted) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), pullWait)
	defer cancel()
	if _, err := c.Info(ctx); errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return true
	}
	select {
	case <-p.quit:
	case <-ctx.Done():
	}
	return false
}

// moment is how long a message waits for somebody to ask for it. Who works quickly asks again within it.
const moment = 100 * time.Millisecond

// hand gives what was taken to whoever asks; a message goes back to the server when for a moment nobody does, or nobody ever
// will. One that the server would not hand out again is kept.
func (p *onDemand) hand(t delivery) {
	for {
		patient := time.NewTimer(min(moment, p.ackWait/2))
		select {
		case p.out <- t:
			patient.Stop()
			return
		case <-p.quit:
			patient.Stop()
			p.back(t)
			return
		case <-patient.C:
		}
		if p.comesAgain(t) {
			p.back(t)
			return
		}
		if t.msg != nil {
			_ = t.msg.InProgress() // if that is lost it comes again after AckWait
		}
	}
}

func (p *onDemand) back(t delivery) {
	if t.msg != nil {
		_ = t.msg.Nak() // the same
	}
}

// comesAgain reports whether the server would hand a message out once more.
func (p *onDemand) comesAgain(t delivery) bool {
	if t.msg == nil {
		return false
	}
	meta, err := t.msg.Metadata()
	return err == nil && (p.deliver <= 0 || meta.NumDelivered < uint64(p.deliver)) //nolint:gosec // positive
}
