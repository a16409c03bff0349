package storage

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// NextTime is how long a message of a stream that is read may take behind another one, before it is looked whether there is any: what was counted may
// have been taken out meanwhile.
const NextTime = time.Second

// Next is the next message of a stream that is read. It is waited for until ctx ends, and no longer than that; context.DeadlineExceeded: none came in time.
func Next(ctx context.Context, all jetstream.MessagesContext, wait time.Duration) (jetstream.Msg, error) {
	brief, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return all.Next(jetstream.NextContext(brief))
}
