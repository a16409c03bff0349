package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// part is what one stream has of an account.
type part struct {
	stream, subject string
	optional        bool // the stream is there only where it is wanted
}

// parts are those of the streams that nobody but this room purges for an account.
func (c *Control) parts(name string) []part {
	stream := c.scheme.StreamName
	return []part{
		{stream: stream(storage.Updates), subject: c.scheme.Updates(name)},
		{stream: stream(storage.Updates), subject: c.scheme.Own(name)},
		{stream: stream(storage.Events), subject: c.scheme.Events(name)},
		{stream: "KV_" + stream(storage.Peers), subject: "$KV." + stream(storage.Peers) + "." + name + ".>"},
		{stream: stream(storage.State), subject: subjects.Records(c.scheme).Of(name), optional: true},
	}
}

// purge deletes what an account has left in streams and buckets. Updates that are on their way do not come behind it: its owner is gone.
func (c *Control) purge(ctx context.Context, name string) error {
	for _, p := range c.parts(name) {
		st, err := c.Services.JS.Stream(ctx, p.stream)
		if p.optional && errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err == nil {
			err = st.Purge(ctx, jetstream.WithPurgeSubject(p.subject))
		}
		if err != nil {
			return fmt.Errorf("deleting %s: %w", p.subject, err)
		}
	}
	return errors.Join(history.NewStore(c.Services.Storage).Purge(ctx, name), c.Queue.Purge(ctx, name), c.Files.Purge(ctx, name), gate.Forget(ctx, c.Limits, name))
}

// left reports whether something is kept of an account that there is no more. What cannot be looked at may hold something.
func (c *Control) left(ctx context.Context, name string) bool {
	if subjects.CheckAccount(name) != nil {
		return false
	}
	stream := c.scheme.StreamName
	for _, p := range append(c.parts(name),
		part{stream: stream(storage.History), subject: subjects.Histories(c.scheme).Of(name), optional: true},
		part{stream: stream(storage.Queue), subject: subjects.Jobs(c.scheme).Of(name)},
		part{stream: stream(storage.Done), subject: subjects.Results(c.scheme).Of(name)}) {
		var info *jetstream.StreamInfo
		st, err := c.Services.JS.Stream(ctx, p.stream)
		if err == nil {
			info, err = st.Info(ctx, jetstream.WithSubjectFilter(p.subject))
		}
		switch {
		case p.optional && errors.Is(err, jetstream.ErrStreamNotFound):
		case err != nil || len(info.State.Subjects) > 0:
			return true
		}
	}
	return false
}
