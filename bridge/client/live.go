package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// Live yields the updates that no stream keeps, as they come: who types, who is online, calls that ring. All programs that listen
// at that moment get them. The loop ends with an error, which may be that of ctx. A loop that is too slow misses some: it gets
// nats.ErrSlowConsumer, and may go on.
func (c *Client) Live(ctx context.Context, filters ...Filter) iter.Seq2[*Update, error] {
	want, err := newSelection(filters, nil, false)
	if err == nil {
		err = c.err
	}
	subject := ""
	if err == nil {
		subject = c.liveSubject(filters)
	}
	return listen(ctx, c, subject, err, func(msg *nats.Msg) *Update {
		meta := readMeta(msg.Subject, msg.Header)
		if !want.wants(&meta) {
			return nil
		}
		return newUpdate(meta, core{msg})
	})
}

// liveSubject takes in at least what the filters want: one subscription, so that the order stays.
func (c *Client) liveSubject(filters []Filter) string {
	if len(filters) != 1 {
		filters = []Filter{{}}
	}
	return filters[0].subject(c.o.scheme, subjects.TreeLive, c.account)
}

// core is a message that no stream keeps.
type core struct{ *nats.Msg }

func (m core) Subject() string      { return m.Msg.Subject }
func (m core) Data() []byte         { return m.Msg.Data }
func (m core) Headers() nats.Header { return m.Header }

// Event is something in the account's own life: connected, disconnected, owner.gained, flood.wait, auth.lost ...
type Event struct {
	Name    string
	Account string
	At      time.Time
	Data    json.RawMessage // the event as a whole, an object; what is in it beside the above depends on Name
}

// Events yields the account's events as they come. All programs that listen at that moment get them; the stream EVENTS keeps the last
// of each. The loop ends as that of [Client.Live] does.
func (c *Client) Events(ctx context.Context) iter.Seq2[*Event, error] {
	return listen(ctx, c, c.o.scheme.Events(c.account), c.err, func(msg *nats.Msg) *Event {
		var told struct {
			Event, Account string
			At             time.Time
		}
		if json.Unmarshal(msg.Data, &told) != nil {
			return nil // not the daemon's
		}
		return &Event{Name: told.Event, Account: told.Account, At: told.At, Data: msg.Data}
	})
}

// listen hands out what read makes of the messages on a subject, and leaves out where that is nil.
func listen[T any](ctx context.Context, c *Client, subject string, err error, read func(*nats.Msg) *T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var sub *nats.Subscription
		if err == nil {
			sub, err = c.nc.SubscribeSync(subject)
		}
		if err != nil {
			yield(nil, fmt.Errorf("natsgram: %s: %w", c.account, err))
			return
		}
		defer sub.Unsubscribe() //nolint:errcheck // the connection may be closed
		for {
			msg, err := sub.NextMsgWithContext(ctx)
			if err != nil {
				if !yield(nil, err) || !errors.Is(err, nats.ErrSlowConsumer) {
					return
				}
				continue
			}
			if v := read(msg); v != nil && !yield(v, nil) {
				return
			}
		}
	}
}
