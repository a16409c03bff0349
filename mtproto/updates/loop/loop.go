// Package loop is the goroutine around a machine of updates. It hands in what arrived and the time, one thing after another, and
// has done what the machine asks for: by its [Owner] where programs differ, by itself where they do not.
package loop

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// Owner is the program that a loop runs for. The loop's goroutine calls its methods, one at a time; an error ends the loop.
type Owner interface {
	// Admit reports whether the machine is to have an update, a result or an answer. The owner deals with what it does not admit.
	Admit(now time.Time, in Input) bool
	// Store puts a batch where updates go. What the batch releases is the owner's to acknowledge.
	Store(b *updates.Batch) error
	// Fetch makes a call by Loop.Call, at once or later.
	Fetch(f *updates.Fetch)
	// Unreadable is told of an update that cannot be read.
	Unreadable(u *updates.Unreadable)
	// Turned is called when the inbox has been emptied.
	Turned(now time.Time) error
	// Due is how long the loop may sleep at most, as far as the owner is concerned.
	Due(now time.Time) time.Duration
}

// Invoker makes calls.
type Invoker interface {
	Invoke(ctx context.Context, query []byte) ([]byte, error)
}

// Memory is told how many bytes the loop holds. It is called from any goroutine.
type Memory interface {
	Take(n int64)    // n bytes came into the inbox
	Handled(n int64) // n bytes went through the machine, which may hold some of them back; called by the loop's goroutine
}

// Pulse is told when the loop is at work.
type Pulse interface {
	Begin()
	End()
}

// Loop drives one machine. What is said to be called by the loop's goroutine an [Owner] may call; everything else is safe for
// concurrent use, also before Run.
type Loop struct {
	inbox inbox
	pulse Pulse
	calls sync.WaitGroup

	ctx     context.Context //nolint:containedctx // of Run, for what goes on beside it
	machine *updates.Machine
	client  Invoker
	owner   Owner
	at      time.Time // when what is handled at present came
	acks    map[uint64]func()
	token   uint64
	taken   time.Time // when what had arrived was taken out of the inbox last
}

// callTime bounds one call for the machine, which repeats it. The client would repeat some refusals for ever (500), and nobody
// would be told of them.
const callTime = time.Minute

// New makes a loop. Either of its watchers may be nil.
func New(m Memory, p Pulse) *Loop {
	l := &Loop{pulse: p, acks: make(map[uint64]func())}
	l.inbox.memory, l.inbox.wake = m, make(chan struct{}, 1)
	if m == nil {
		l.inbox.memory = nothing{}
	}
	if p == nil {
		l.pulse = nothing{}
	}
	return l
}

// nothing watches nothing.
type nothing struct{}

func (nothing) Take(int64)    {}
func (nothing) Handled(int64) {}
func (nothing) Begin()        {}
func (nothing) End()          {}

// Run drives the machine until ctx ends, which it returns the cause of, or the owner returns an error. Calls and what else runs
// beside the loop have ended when it returns. It runs once.
func (l *Loop) Run(ctx context.Context, m *updates.Machine, client Invoker, owner Owner) error {
	l.machine, l.client, l.owner = m, client, owner
	var stop context.CancelFunc
	l.ctx, stop = context.WithCancel(ctx)
	defer l.calls.Wait()
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	err := l.pump() // of what the owner told the machine before
	for l.Poke(); err == nil; {
		timer.Reset(l.due())
		l.pulse.End()
		select {
		case <-l.ctx.Done():
			return context.Cause(l.ctx)
		case <-timer.C:
		case <-l.inbox.wake:
		}
		if err = l.turn(); err == nil {
			err = l.tick()
		}
	}
	return err
}

// due is how long to sleep.
func (l *Loop) due() time.Duration {
	now := time.Now()
	wait := l.owner.Due(now)
	if at := l.machine.Wake(); !at.IsZero() {
		wait = min(wait, at.Sub(now))
	}
	return max(wait, 0)
}

// tick tells the machine the time, if it waits for that. What has arrived by then goes before, with the time as well: it may be what the machine
// has waited for.
func (l *Loop) tick() error {
	now := time.Now()
	if at := l.machine.Wake(); at.IsZero() || at.After(now) || !at.Before(l.taken) && l.Waiting() > 0 {
		return nil
	}
	l.at = now
	l.machine.Tick(now)
	return l.pump()
}

// turn deals with what there is.
func (l *Loop) turn() error {
	l.taken = time.Now()
	for _, in := range l.inbox.take() {
		if l.ctx.Err() != nil {
			return context.Cause(l.ctx) // the rest was not acknowledged, and comes again
		}
		l.pulse.Begin()
		if err := l.handle(in); err != nil {
			return err
		}
	}
	l.pulse.Begin()
	if err := l.owner.Turned(time.Now()); err != nil {
		return err
	}
	return l.pump()
}

func (l *Loop) handle(in Input) error {
	now := time.Now()
	if l.at = in.At; in.At.IsZero() {
		l.at = now
	}
	switch in.Kind {
	case release:
		l.Acknowledge(in.tokens)
	case do:
		in.do(now, l.machine)
	default:
		if l.owner.Admit(now, in) {
			l.give(now, in)
		}
	}
	err := l.pump()
	l.inbox.memory.Handled(in.Size())
	if in.done != nil {
		close(in.done)
	}
	return err
}

// Give hands what was not admitted to the machine after all, and has done what the machine asks for then. The loop's goroutine calls it.
func (l *Loop) Give(now time.Time, in Input) error {
	l.give(now, in)
	return l.pump()
}

// give hands an update, a result or an answer to the machine.
func (l *Loop) give(now time.Time, in Input) {
	if l.at = in.At; in.At.IsZero() {
		l.at = now
	}
	switch in.Kind {
	case Update:
		l.token++
		l.acks[l.token] = in.Ack
		l.machine.Push(now, in.Body, updates.Meta{Token: l.token})
	case Result:
		l.machine.PushResult(now, in.Call, in.Body, in.Meta)
	case Answer:
		l.machine.Result(now, in.Fetch.ID, in.Body, in.Err)
	}
}

// At is when what goes through the machine at present came. The loop's goroutine calls it.
func (l *Loop) At() time.Time { return l.at }

// pump has done what the machine asks for.
func (l *Loop) pump() error {
	for out, ok := l.machine.Next(); ok; out, ok = l.machine.Next() {
		switch out := out.(type) {
		case *updates.Batch:
			if err := l.owner.Store(out); err != nil {
				return err
			}
		case *updates.Fetch:
			l.owner.Fetch(out)
		case *updates.Release:
			l.Acknowledge(out.Tokens)
		case *updates.Unreadable:
			l.owner.Unreadable(out)
		}
	}
	return nil
}

// Acknowledge tells Telegram that updates need not come again (C17), by the tokens that the machine has of them. The loop's
// goroutine calls it.
func (l *Loop) Acknowledge(tokens []uint64) {
	for _, t := range tokens {
		if done := l.acks[t]; done != nil {
			done()
			delete(l.acks, t)
		}
	}
}

// Call makes a call for the machine beside the loop; the answer comes in as an Input. after, if it is not nil, is called when
// that is there, or will not be. The machine judges FLOOD_WAIT and repeats calls by itself. The loop's goroutine calls it.
func (l *Loop) Call(f *updates.Fetch, after func()) {
	l.Go(func(ctx context.Context) {
		if after != nil {
			defer after()
		}
		limited, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		body, err := l.client.Invoke(mtproto.WithRetries(mtproto.WithFloodWait(limited, 0), 0), f.Query)
		if ctx.Err() != nil {
			return
		}
		if e := new(mtproto.Error); errors.As(err, &e) && e.Code != 0 {
			err = &updates.Error{Code: e.Code, Type: e.Type}
		}
		l.inbox.post(Input{Kind: Answer, Fetch: f, Body: body, Err: err})
	})
}

// Go does something beside the loop, which ends no sooner. The loop's goroutine calls it.
func (l *Loop) Go(something func(context.Context)) {
	l.calls.Go(func() { something(l.ctx) })
}
