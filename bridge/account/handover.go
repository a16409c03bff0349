package account

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/rpc"
)

// kept is what an owner passes on to the next one: the requests that came since it began to let go.
type kept struct {
	service *rpc.Service
	owner   string
	gained  *nats.Subscription // to what the next owner tells first
	asked   *nats.Subscription // by which it asks whether there are requests for it; nil: it cannot
}

const (
	// eventGained is what an owner tells first: its subscriptions stand.
	eventGained = "owner.gained"
	// handOver is how long requests are kept for the next owner.
	handOver = 10 * time.Second
	// linger is how long they are kept after it has told that, so that the news of its subscriptions is everywhere in a cluster
	// of NATS servers before the news of the end of these.
	linger = 100 * time.Millisecond
	// passTime is what is left of a limit for giving requests to the next owner, or back.
	passTime = time.Second
)

// keep answers the requests at work, and keeps all others; nil: it cannot, and the service has ended.
func keep(ctx context.Context, c *Config, tell *teller, service *rpc.Service, owner string) *kept {
	gained, err := c.Conn.SubscribeSync(c.Settings.Scheme().Event(c.Name, eventGained))
	if err != nil {
		tell.log.Warn("requests are not passed on", "err", err)
		service.Stop(ctx)
		return nil
	}
	asked, err := c.Answers.Subscribe(c.Settings.Scheme().Inside(c.Name, keptAsked), "", func(r answer.Request) {
		r.JSON(keptAnswer{service.ID()}, nil)
	})
	if err != nil {
		tell.log.Warn("requests are passed on in any order", "err", err)
	}
	service.Hold()
	service.Finish(ctx)
	return &kept{service: service, owner: owner, gained: gained, asked: asked}
}

// passOn gives the requests to the next owner. It takes until somebody has the account, 10 s at most, and ends in time for the limit
// of ctx.
func (k *kept) passOn(ctx context.Context) (requests int, served bool) {
	defer k.close()
	until := time.Now().Add(handOver)
	if limit, ok := ctx.Deadline(); ok && limit.Add(-passTime-linger).Before(until) {
		until = limit.Add(-passTime - linger)
	}
	ctx, cancel := context.WithDeadline(ctx, until.Add(linger+passTime))
	defer cancel()
	if served = k.await(ctx, until); served {
		_ = retry.Pause(ctx, linger)
	}
	return k.service.PassOn(ctx, served), served
}

func (k *kept) close() {
	_ = k.gained.Unsubscribe() // the connection may be closed
	if k.asked != nil {
		_ = k.asked.Unsubscribe()
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
func former(c *Config) string {
	m, err := c.Conn.Request(c.Settings.Scheme().Inside(c.Name, keptAsked), []byte("{}"), askedMost)
	var a keptAnswer
	if err != nil || json.Unmarshal(m.Data, &a) != nil {
		return ""
	}
	return a.Service
}

// await waits until another owner has gained the account.
func (k *kept) await(ctx context.Context, until time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for {
		msg, err := k.gained.NextMsgWithContext(ctx)
		if err != nil {
			return false
		}
		var event struct {
			Owner string `json:"owner"`
		}
		if json.Unmarshal(msg.Data, &event) == nil && event.Owner != k.owner {
			return true
		}
	}
}
