package bridge

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/lease"
)

// healthOfOthers asks the other daemons how they do.
func (c *control) healthOfOthers(ctx context.Context) []Health {
	others := c.others()
	all := make([]Health, len(others))
	var work sync.WaitGroup
	for i, m := range others {
		work.Go(func() { all[i] = c.healthAt(ctx, m) })
	}
	work.Wait()
	return all
}

func (c *control) healthAt(ctx context.Context, m lease.Member) Health {
	ctx, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	var h Health
	reply, err := c.base.nc.RequestWithContext(ctx, c.shift.ear(m.Instance, "health"), nil)
	if err == nil {
		err = json.Unmarshal(reply.Data, &h)
	}
	if err != nil {
		return Health{Daemon: m.Host, ID: m.ID, Problems: []Problem{{
			Kind: kindNATS, Text: "it does not answer: it has died, or cannot reach NATS",
		}}}
	}
	return h
}

// tellHealth answers another daemon how this one does.
func (c *control) tellHealth(context.Context, *answer.Request) (any, error) { return c.health(), nil }
