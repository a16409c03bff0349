package account

import (
	"cmp"
	"context"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/rpc"
)

// jobs runs the account's jobs, beside the calls that are asked for now.
type jobs struct{ runner *queue.Runner } // nil: none are run

// newJobs prepares to run them. service makes their calls; it is not there yet.
func newJobs(c *Config, user int64, tell *teller, service func() *rpc.Service) jobs {
	if c.Queue == nil {
		return jobs{}
	}
	return jobs{queue.New(queue.Config{
		Account: c.Name, User: user, Store: c.Queue, Caller: jobCaller{service, c.Methods.Of}, Work: c.Settings.JobsAtWork, Sure: c.Sure, Log: tell.log,
		Told: func(end queue.End) { tell.metrics.Job(c.Name, string(end)) },
		Lost: func(job map[string]any) { tell.event("queue.unknown", job) },
	})}
}

// answers has the service answer for the jobs.
func (x jobs) answers(c *rpc.Config) {
	if x.runner == nil {
		return
	}
	within := cmp.Or(c.MaxTimeout, 5*time.Minute)
	for _, verb := range queue.Verbs() {
		c.Extra["queue_"+verb] = rpc.Extra{
			Subject: c.Scheme.Ctl(c.Account, "queue."+verb), Slow: true,
			Answer: func(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
				ctx, cancel := context.WithTimeout(ctx, within) // nobody waits any longer, and it goes through all jobs
				defer cancel()
				return x.runner.Answer(ctx, verb, request)
			},
		}
	}
}

// figures are those of the account's queue.
func (x jobs) figures() (f queue.Figures) {
	if x.runner != nil {
		f = x.runner.Figures()
	}
	return f
}

func (x jobs) run(ctx context.Context) {
	if x.runner != nil {
		x.runner.Run(ctx)
	}
}

func (x jobs) finish(ctx context.Context) {
	if x.runner != nil {
		x.runner.Finish(ctx)
	}
}

// jobCaller makes the calls of jobs as all others are made.
type jobCaller struct {
	service func() *rpc.Service
	of      func(method string) (reads, once bool)
}

// jobRoom is with whom jobs share their room: with each other.
const jobRoom = "queue"

// Do makes one.
func (c jobCaller) Do(ctx context.Context, call queue.Call) (queue.Answer, *answer.Fault) {
	r := c.service().Do(ctx, rpc.Call{Method: call.Method, Header: call.Header, Body: call.Body, Caller: jobRoom, Chat: &call.Chat})
	return queue.Answer{Header: r.Header, Body: r.Body}, r.Fault
}

// Method tells of one.
func (c jobCaller) Method(name string) (reads, once bool) { return c.of(name) }
