package account

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"
)

// legacy is what an owner leaves to the next one: the requests that came since it began to let go.
type legacy struct {
	t     *tenure
	owner string
	heard *nats.Subscription // of the next owner's first words
}

const (
	// eventGained is the first word of an owner: its subscriptions stand.
	eventGained = "owner.gained"
	// handOver is how long requests are kept for the next owner.
	handOver = 10 * time.Second
	// linger is how long they are kept after it has spoken, so that the news of its subscriptions is everywhere in a cluster
	// of NATS servers before the news of the end of these.
	linger = 100 * time.Millisecond
	// passTime is what is left of a limit for giving requests to the next owner, or back.
	passTime = time.Second
)

// hold answers the requests at work, and keeps all others.
func (t *tenure) hold(ctx context.Context) {
	heard, err := t.Conn.SubscribeSync(t.Settings.Scheme().Event(t.Name, eventGained))
	if err != nil {
		t.Log.Warn("requests are not passed on", "err", err)
		t.service.Stop(ctx)
		return
	}
	t.legacy = &legacy{t: t, owner: t.log.OwnerID(), heard: heard}
	t.service.Hold()
	t.service.Finish(ctx)
}

// PassOn gives the requests that were kept to the next owner. To be called after Run has returned and the account was given
// back; it takes until somebody has it, 10 s at most, and ends in time for the limit of ctx.
func (r *Runner) PassOn(ctx context.Context) {
	l := r.legacy
	if l == nil {
		return
	}
	defer l.heard.Unsubscribe() //nolint:errcheck // the connection may be closed
	begun := time.Now()
	until := begun.Add(handOver)
	if limit, ok := ctx.Deadline(); ok && limit.Add(-passTime-linger).Before(until) {
		until = limit.Add(-passTime - linger)
	}
	ctx, cancel := context.WithDeadline(ctx, until.Add(linger+passTime))
	defer cancel()
	served := l.await(ctx, until)
	if served {
		pause(ctx, linger)
	}
	n := l.t.service.PassOn(ctx, served)
	r.Log.Info("requests passed on to the next owner", "requests", n, "served", served, "took", time.Since(begun))
}

// await waits for another owner's first words.
func (l *legacy) await(ctx context.Context, until time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for {
		msg, err := l.heard.NextMsgWithContext(ctx)
		if err != nil {
			return false
		}
		var event struct {
			Owner string `json:"owner"`
		}
		if json.Unmarshal(msg.Data, &event) == nil && event.Owner != l.owner {
			return true
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
