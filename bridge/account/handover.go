package account

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/retry"
)

// legacy is what an owner leaves to the next one: the requests that came since it began to let go.
type legacy struct {
	t     *tenure
	owner string
	heard *nats.Subscription // of the next owner's first words
	asked *nats.Subscription // by which it asks whether there are requests for it
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
	asked, err := t.Answers.Subscribe(t.Settings.Scheme().Inside(t.Name, keptAsked), "", func(r answer.Request) {
		r.JSON(keptAnswer{t.service.ID()}, nil)
	})
	if err != nil {
		t.Log.Warn("requests are passed on in any order", "err", err)
	}
	t.legacy = &legacy{t: t, owner: t.log.OwnerID(), heard: heard, asked: asked}
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
	defer l.close()
	begun := time.Now()
	until := begun.Add(handOver)
	if limit, ok := ctx.Deadline(); ok && limit.Add(-passTime-linger).Before(until) {
		until = limit.Add(-passTime - linger)
	}
	ctx, cancel := context.WithDeadline(ctx, until.Add(linger+passTime))
	defer cancel()
	served := l.await(ctx, until)
	if served {
		_ = retry.Pause(ctx, linger)
	}
	n := l.t.service.PassOn(ctx, served)
	r.Log.Info("requests passed on to the next owner", "requests", n, "served", served, "took", time.Since(begun))
}

func (l *legacy) close() {
	_ = l.heard.Unsubscribe() // the connection may be closed
	if l.asked != nil {
		_ = l.asked.Unsubscribe()
	}
}

const (
	// keptAsked is where an owner asks whether a former one keeps requests for it.
	keptAsked = "kept"
	// askedMost is how long it waits for the answer. Where there is none, NATS says so at once.
	askedMost = time.Second
)

type keptAnswer struct {
	Service string `json:"service"`
}

// former is the service of a former owner that keeps requests for this one; empty: there is none.
func (r *Runner) former() string {
	m, err := r.Conn.Request(r.Settings.Scheme().Inside(r.Name, keptAsked), []byte("{}"), askedMost)
	var a keptAnswer
	if err != nil || json.Unmarshal(m.Data, &a) != nil {
		return ""
	}
	return a.Service
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
