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
// on is kept from the other instances, and with partitions so are all chats of its partition.
type onDemand struct {
	demand  chan struct{} // somebody waits
	out     chan taken
	quit    chan struct{}
	once    sync.Once
	workers sync.WaitGroup
	ackWait time.Duration
}

type taken struct {
	msg jetstream.Msg
	err error
}

func newOnDemand(consumers []jetstream.Consumer, ackWait time.Duration) *onDemand {
	p := &onDemand{demand: make(chan struct{}), out: make(chan taken), quit: make(chan struct{}), ackWait: ackWait}
	for _, c := range consumers {
		p.workers.Go(func() { p.work(c) })
	}
	return p
}

func (p *onDemand) next(ctx context.Context) (jetstream.Msg, error) {
	select { // what is taken goes before taking more
	case t := <-p.out:
		return t.msg, t.err
	default:
	}
	for {
		select {
		case t := <-p.out:
			return t.msg, t.err
		case p.demand <- struct{}{}:
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
			p.hand(taken{msg: msg})
		case errors.Is(err, nats.ErrTimeout):
		case p.over(c, err):
			p.hand(taken{err: err})
			return
		}
	}
}

// over says whether an error will not pass. It waits a moment where it may.
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

// hand gives what was taken to whoever asks, or back to the server when nobody ever will.
func (p *onDemand) hand(t taken) {
	for {
		alive := time.NewTimer(p.ackWait / 2)
		select {
		case p.out <- t:
			alive.Stop()
			return
		case <-p.quit:
			alive.Stop()
			if t.msg != nil {
				_ = t.msg.Nak() // if that is lost it comes again after AckWait
			}
			return
		case <-alive.C:
			if t.msg != nil {
				_ = t.msg.InProgress() // the same
			}
		}
	}
}
