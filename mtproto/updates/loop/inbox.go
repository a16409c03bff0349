package loop

import (
	"context"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// Input is one thing for the machine.
type Input struct {
	Kind    Kind
	At      time.Time      // when it came; zero: just now
	Body    []byte         // of the update, the result or the answer
	Call    []byte         // Result: whose it is
	Meta    updates.Meta   // Result
	Ack     func()         // Update: acknowledges it
	Decline func()         // Update, in place of Ack: has Telegram send it again on the next connection
	Fetch   *updates.Fetch // Answer: to it
	Err     error          // Answer

	tokens []uint64
	do     func(now time.Time, m *updates.Machine)
	done   chan struct{} // closed when this and everything before it was handled
}

// Kind tells inputs apart.
type Kind uint8

// The kinds of which an [Owner] is told.
const (
	Update Kind = iota + 1 // came from Telegram unasked
	Result                 // of a call that the program made
	Answer                 // to a call that the machine wanted

	release
	do
)

// weight is what an input weighs beside its bytes, about.
const weight = 256

// Size is what an input weighs in the inbox, in bytes.
func (in *Input) Size() int64 { return weight + int64(len(in.Body)+len(in.Call)) }

// inbox is where everybody leaves things for the loop. Leaving them never blocks.
type inbox struct {
	memory Memory
	wake   chan struct{}

	mu    sync.Mutex
	all   []Input
	bytes int64
}

func (b *inbox) post(in Input) {
	b.mu.Lock()
	b.all = append(b.all, in)
	b.bytes += in.Size()
	b.mu.Unlock()
	b.memory.Take(in.Size())
	b.poke()
}

func (b *inbox) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []Input {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.all
	b.all, b.bytes = nil, 0
	return all
}

func (b *inbox) waiting() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}

// Push leaves an update of the client's.
func (l *Loop) Push(u mtproto.Update) { l.inbox.post(FromTelegram(u)) }

// FromTelegram is an update of the client's as an input.
func FromTelegram(u mtproto.Update) Input {
	return Input{Kind: Update, At: u.Received, Body: u.Body, Ack: u.Ack, Decline: u.Decline}
}

// Result leaves the result of a call that the program made.
func (l *Loop) Result(call, body []byte, meta updates.Meta) {
	l.inbox.post(Input{Kind: Result, Call: call, Body: body, Meta: meta})
}

// Post has the loop's goroutine do something with the machine, after everything that was left before.
func (l *Loop) Post(what func(now time.Time, m *updates.Machine)) {
	l.inbox.post(Input{Kind: do, do: what})
}

// Wait does the same, and waits until it and what the machine wanted then have been done.
func (l *Loop) Wait(ctx context.Context, what func(now time.Time, m *updates.Machine)) error {
	done := make(chan struct{})
	l.inbox.post(Input{Kind: do, do: what, done: done})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Release is Acknowledge for every goroutine.
func (l *Loop) Release(tokens []uint64) { l.inbox.post(Input{Kind: release, tokens: tokens}) }

// Poke has the loop look at what there is to do.
func (l *Loop) Poke() { l.inbox.poke() }

// Waiting is how many bytes are in the inbox.
func (l *Loop) Waiting() int64 { return l.inbox.waiting() }
