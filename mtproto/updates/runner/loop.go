package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// loop is the goroutine around the machine: it hands in what arrived and the time, and does what the machine asks for.
type loop struct {
	r       *Runner
	machine *updates.Machine
	fetches sync.WaitGroup

	state   updates.State // of what was handled
	unsaved bool

	done  map[uint64]func() // what may be acknowledged to Telegram, by the machine's token
	token uint64
}

// fetchTime bounds one call for the machine, which repeats it.
const fetchTime = time.Minute

// run goes on until ctx ends or something fails.
func (l *loop) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.machine.Start(time.Now())
	for {
		if err := l.pump(ctx); err != nil {
			return err
		}
		if at := l.machine.Wake(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(time.Until(at), 0))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			l.machine.Tick(time.Now())
		case <-l.r.inbox.wake:
			if err := l.takeInputs(ctx); err != nil {
				return err
			}
		}
	}
}

// takeInputs hands the machine what there is.
func (l *loop) takeInputs(ctx context.Context) error {
	all, declined := l.r.inbox.take()
	for _, in := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx) // the rest was not acknowledged: Telegram repeats it
		}
		l.input(in)
		if err := l.pump(ctx); err != nil {
			return err
		}
	}
	if declined {
		l.r.client.Reinit()
	}
	return nil
}

// input hands the machine one thing.
func (l *loop) input(in input) {
	now := time.Now()
	switch in.kind {
	case inConnected:
		if in.dc == l.r.client.Home() {
			l.machine.Start(now)
		}
	case inStart:
		l.machine.Start(now)
	case inPush:
		l.token++
		l.done[l.token] = in.done
		l.machine.Push(now, in.body, updates.Meta{Token: l.token})
	case inResult:
		l.machine.PushResult(now, in.call, in.body, updates.Meta{})
	case inFetched:
		l.machine.Result(now, in.fetch.ID, in.body, in.err)
	}
}

// pump does what the machine asks for.
func (l *loop) pump(ctx context.Context) error {
	for out, ok := l.machine.Next(); ok; out, ok = l.machine.Next() {
		switch out := out.(type) {
		case *updates.Batch:
			if err := l.handle(ctx, out); err != nil {
				return err
			}
		case *updates.Fetch:
			l.fetch(ctx, out)
		case *updates.Release:
			l.release(out.Tokens)
		case *updates.Unreadable:
			l.r.client.Reinit()
		}
	}
	return nil
}

// handle hands out the items of a batch, then saves where the account stands, then acknowledges.
func (l *loop) handle(ctx context.Context, b *updates.Batch) error {
	for i := range b.Items {
		err := context.Cause(ctx)
		if err == nil {
			err = handleError(&b.Items[i], l.r.c.Handle(b.Items[i]))
		}
		if err != nil {
			return errors.Join(err, l.handledPart(b, i))
		}
	}
	if err := l.apply(b.State); err != nil {
		return err
	}
	if len(b.Items) > 0 {
		if err := l.saveUnsaved(); err != nil {
			return err
		}
	}
	l.release(b.Release)
	return nil
}

func handleError(it *updates.Item, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("runner: handling %s (box %s, pts %d): %w", it.Name, it.Box, it.Pts, err)
}

// handledPart notes that the first n items of a batch were handled, where each of them carries its own change of the state.
func (l *loop) handledPart(b *updates.Batch, n int) error {
	if b.Whole {
		return nil
	}
	for i := range b.Items[:n] {
		if err := l.apply(b.Items[i].State); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) apply(change string) error {
	if change == "" {
		return nil
	}
	l.unsaved = true
	return l.state.Apply(change)
}

// saveUnsaved saves the state if it has changed.
func (l *loop) saveUnsaved() error {
	if !l.unsaved {
		return nil
	}
	l.unsaved = false // where it fails the run ends
	if err := l.r.c.Store.Save(l.state); err != nil {
		return fmt.Errorf("runner: saving the state: %w", err)
	}
	return nil
}

func (l *loop) release(tokens []uint64) {
	for _, t := range tokens {
		if done := l.done[t]; done != nil {
			done()
			delete(l.done, t)
		}
	}
}

// fetch makes a call for the machine, which judges FLOOD_WAIT and repeats by itself.
func (l *loop) fetch(ctx context.Context, f *updates.Fetch) {
	l.fetches.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		body, err := l.r.client.Invoke(mtproto.WithRetries(mtproto.WithFloodWait(ctx, 0), 0), f.Query)
		if e := new(mtproto.Error); errors.As(err, &e) && e.Code != 0 {
			err = &updates.Error{Code: e.Code, Type: e.Type}
		}
		l.r.inbox.post(input{kind: inFetched, fetch: f, body: body, err: err})
	})
}
