package client

import (
	"context"
	"time"
)

// acker is a jetstream.Msg that wants to be acknowledged.
type acker interface {
	Ack() error
	DoubleAck(ctx context.Context) error
	Nak() error
	NakWithDelay(d time.Duration) error
	InProgress() error
	Term() error
	TermWithReason(reason string) error
}

// nobody takes the acknowledgements of updates that want none.
type nobody struct{}

func (nobody) Ack() error                       { return nil }
func (nobody) DoubleAck(context.Context) error  { return nil }
func (nobody) Nak() error                       { return nil }
func (nobody) NakWithDelay(time.Duration) error { return nil }
func (nobody) InProgress() error                { return nil }
func (nobody) Term() error                      { return nil }
func (nobody) TermWithReason(string) error      { return nil }

func (u *Update) acker() acker {
	if u.acks == nil {
		return nobody{}
	}
	return u.acks
}

// Ack says that the work on the update is done. Where the subscription has no Durable it does nothing, like the others here.
func (u *Update) Ack() error { return u.acker().Ack() }

// DoubleAck is Ack, and waits until the server has confirmed it: after that the update does not come again.
func (u *Update) DoubleAck(ctx context.Context) error { return u.acker().DoubleAck(ctx) }

// Nak gives the update back, to be handed out again at once.
func (u *Update) Nak() error { return u.acker().Nak() }

// NakWithDelay gives the update back, to be handed out again after d.
func (u *Update) NakWithDelay(d time.Duration) error { return u.acker().NakWithDelay(d) }

// InProgress says that the work goes on: AckWait begins anew.
func (u *Update) InProgress() error { return u.acker().InProgress() }

// Term says that the update shall not come again, although it was not worked on.
func (u *Update) Term() error { return u.acker().Term() }

// TermWithReason is Term; the reason goes into the server's advisory.
func (u *Update) TermWithReason(reason string) error { return u.acker().TermWithReason(reason) }
