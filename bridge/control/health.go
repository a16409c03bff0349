package control

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/health"
	"github.com/natsgram/natsgram/bridge/lease"
)

// healthOfOthers asks the other daemons how they do.
func (c *Control) healthOfOthers(ctx context.Context) []health.Health {
	others := c.others()
	all := make([]health.Health, len(others))
	var work sync.WaitGroup
	for i, m := range others {
		work.Go(func() { all[i] = c.healthAt(ctx, m) })
	}
	work.Wait()
	return all
}

func (c *Control) healthAt(ctx context.Context, m lease.Member) health.Health {
	ctx, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	var h health.Health
	reply, err := c.nc.RequestWithContext(ctx, c.scheme.Inside(m.Instance, "health"), nil)
	if err == nil {
		err = json.Unmarshal(reply.Data, &h)
	}
	if err != nil {
		return health.Health{Daemon: m.Host, ID: m.ID, Problems: []health.Problem{{
			Kind: health.NATS, Text: "it does not answer: it has died, or cannot reach NATS",
		}}}
	}
	return h
}

// tellHealth answers another daemon how this one does.
func (c *Control) tellHealth(context.Context, *answer.Request) (any, error) { return c.health(), nil }

func (c *Control) health() health.Health {
	h := health.New(c.Settings.Name, c.Daemon.Problems())
	h.ID = c.Table.Self()
	if h.Daemon == "" {
		h.Daemon = c.Leases.Name()
	}
	return h
}

// AllHealth is the answer of tg.ctl._.health.
type AllHealth struct {
	Ready   bool            `json:"ready"`   // all are
	Healthy bool            `json:"healthy"` // all are
	Daemons []health.Health `json:"daemons"`
}

// healthOfAll tells how this daemon does, and all others that have a lease.
func (c *Control) healthOfAll(ctx context.Context, r *answer.Request) (any, error) {
	if err := answer.ReadJSON(r.Data(), &struct{}{}); err != nil {
		return nil, answer.Refuse(400, "health: "+err.Error())
	}
	out := AllHealth{Ready: true, Healthy: true, Daemons: []health.Health{c.health()}}
	out.Daemons = append(out.Daemons, c.healthOfOthers(ctx)...)
	for _, h := range out.Daemons {
		out.Ready, out.Healthy = out.Ready && h.Ready, out.Healthy && h.Healthy
	}
	return out, nil
}
