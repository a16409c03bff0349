package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/tg"
)

// ChatState is a dialog of the account as it is now.
type ChatState struct {
	Kind Kind
	ID   int64 // bare

	// Dialog is what messages.getDialogs would give, without the pts of a channel's box; nil where it was not asked for yet, or Err
	// says why it cannot be read. What is no record at all somebody else has put there: the daemon writes the record again.
	Dialog *tg.Dialog
	Err    error

	Name  string    // of the user or chat, when Telegram was asked last
	Date  time.Time // of the newest message
	Pin   int       // its place among the pinned ones of its folder, from 1; 0: it is not pinned
	Stale bool      // more has changed than is known: Telegram is being asked, and another record will come
	Gone  bool      // there is no such dialog any more

	// Through is the sequence of the stream of updates up to which it has what they say: who reads that too goes on behind it.
	Through uint64
	// Left is how many more there are to come of those that were there when reading began; what comes after is what changes. Of a durable
	// that hands out more than dialogs (tg.state.main.>) the other records count too, and one of them is always the last.
	Left int
}

// ChatsOption is one of a call of Chats.
type ChatsOption func(*chatsOptions)

type chatsOptions struct{ durable string }

// ChatsBy has dialogs read by a durable consumer of the stream TG_STATE, called ACCOUNT=durable there: it is made, or used as it is where this
// user of NATS may not make any, as one with the role consumer. The first loop begins with all dialogs; a later one goes on with what
// has changed since, the dialog of the last turn included where the loop was left in it.
func ChatsBy(durable string) ChatsOption { return func(o *chatsOptions) { o.durable = durable } }

// Chats are the dialogs of the account as they are now, and then each as it changes, until ctx ends, with whose error the loop
// ends. The daemon keeps them in the stream TG_STATE for accounts that NATSGRAM_STATE names. A loop that is left, or breaks off, begins
// anew with all of them, but for one with [ChatsBy].
func (c *Client) Chats(ctx context.Context, opts ...ChatsOption) iter.Seq2[*ChatState, error] {
	var o chatsOptions
	for _, set := range opts {
		set(&o)
	}
	return func(yield func(*ChatState, error) bool) {
		messages, err := c.states(ctx, o.durable)
		if err != nil {
			yield(nil, err)
			return
		}
		defer messages.Stop()
		for {
			msg, err := messages.Next(jetstream.NextContext(ctx))
			if err != nil {
				if ctx.Err() != nil {
					err = ctx.Err()
				}
				yield(nil, err)
				return
			}
			if s := c.readState(msg); s != nil && !yield(s, nil) {
				return
			}
			if o.durable != "" {
				_ = msg.Ack() // if that is lost it comes again
			}
		}
	}
}

// states reads the last record of each dialog, and what comes then.
func (c *Client) states(ctx context.Context, durable string) (jetstream.MessagesContext, error) {
	if c.err != nil {
		return nil, c.err
	}
	js, err := c.jetStream()
	if err != nil {
		return nil, err
	}
	filter := subjects.Records(c.o.scheme).About(c.account, subjects.StateDialog)
	if durable != "" {
		return c.statesBy(ctx, js, durable, filter)
	}
	consumer, err := js.OrderedConsumer(ctx, c.o.scheme.StreamName("STATE"), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	})
	if err != nil {
		return nil, fmt.Errorf("natsgram: the dialogs of %s: %w", c.account, err)
	}
	return consumer.Messages()
}

func (c *Client) statesBy(ctx context.Context, js jetstream.JetStream, durable, filter string) (jetstream.MessagesContext, error) {
	if !validName(durable) {
		return nil, fmt.Errorf("natsgram: the durable %q: want letters, digits, _ and -", durable)
	}
	cfg := jetstream.ConsumerConfig{
		Durable: c.durableName(durable), Description: "natsgram: " + durable + ", dialogs of " + c.account, FilterSubject: filter,
		AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	}
	consumer, err := bound(ctx, js, c.o.scheme.StreamName("STATE"), cfg)
	if err != nil {
		return nil, fmt.Errorf("natsgram: the dialogs of %s: %w", c.account, err)
	}
	return consumer.Messages(jetstream.PullMaxMessages(1)) // what was fetched and not looked at would come again after a while
}

// readState reads a record; nil for what is none.
func (c *Client) readState(msg jetstream.Msg) *ChatState {
	account, what, kind, id, ok := subjects.Records(c.o.scheme).Parse(msg.Subject())
	meta, err := msg.Metadata()
	if !ok || account != c.account || what != subjects.StateDialog || err != nil {
		return nil
	}
	var body struct {
		Dialog      json.RawMessage
		Name        string
		Date        int64
		Pin         int
		Stale, Gone bool
	}
	s := &ChatState{Kind: kind, ID: id, Left: int(meta.NumPending)} //nolint:gosec // messages of a stream
	s.Through, _ = strconv.ParseUint(msg.Headers().Get(subjects.HeaderThrough), 10, 64)
	if s.Err = json.Unmarshal(msg.Data(), &body); s.Err != nil {
		return s
	}
	s.Name, s.Pin, s.Stale, s.Gone = body.Name, body.Pin, body.Stale, body.Gone
	if body.Date > 0 {
		s.Date = time.Unix(body.Date, 0)
	}
	if body.Dialog != nil {
		s.Dialog, s.Err = decodeDialog(body.Dialog)
	}
	return s
}

func decodeDialog(data []byte) (*tg.Dialog, error) {
	d, err := decoding()
	if err != nil {
		return nil, err
	}
	raw, err := d.schema.AppendTLFromJSON(nil, data, d.schema.AnyObject(), nil)
	if err != nil {
		return nil, err
	}
	one, err := tg.DecodeDialog(raw)
	if err != nil {
		return nil, err
	}
	dialog, ok := one.(*tg.Dialog)
	if !ok {
		return nil, fmt.Errorf("natsgram: a %T, want a dialog", one)
	}
	return dialog, nil
}
