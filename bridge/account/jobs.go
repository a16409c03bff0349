package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/rpc"
)

// takeJobs prepares to run the account's jobs, and has the service answer for them.
func (o *ownership) takeJobs(c *rpc.Config, user int64) {
	if o.c.Queue == nil {
		return
	}
	o.calls.jobs = queue.New(queue.Config{
		Account: o.c.Name, User: user, Store: o.c.Queue, Caller: jobCaller{o}, Work: o.c.Settings.JobsAtWork, Sure: o.c.Sure, Log: o.tell.log,
		Told: func(end queue.End) { o.tell.metrics.Job(o.c.Name, string(end)) },
		Lost: func(job map[string]any) { o.tell.event("queue.unknown", job) },
	})
	for _, verb := range queue.Verbs() {
		c.Extra["queue_"+verb] = rpc.Extra{
			Subject: o.c.Settings.Scheme().Ctl(o.c.Name, "queue."+verb), Slow: true,
			Answer: func(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
				return o.calls.jobs.Answer(ctx, verb, request)
			},
		}
	}
}

func (o *ownership) runJobs() {
	if o.calls.jobs != nil {
		o.work.Go(func() { o.calls.jobs.Run(o.hard) })
	}
}

// jobs are the figures of the account's queue.
func (o *ownership) jobs() (f queue.Figures) {
	if o.calls.jobs != nil {
		f = o.calls.jobs.Figures()
	}
	return f
}

func (o *ownership) finishJobs(ctx context.Context) {
	if o.calls.jobs != nil {
		o.calls.jobs.Finish(ctx)
	}
}

// jobCaller makes the calls of jobs as all others are made.
type jobCaller struct{ o *ownership }

// jobRoom is with whom jobs share their room: with each other.
const jobRoom = "queue"

// Do makes one.
func (c jobCaller) Do(ctx context.Context, call queue.Call) (queue.Answer, *answer.Fault) {
	r := c.o.service.Do(ctx, rpc.Call{Method: call.Method, Header: call.Header, Body: call.Body, Caller: jobRoom, Chat: &call.Chat})
	return queue.Answer{Header: r.Header, Body: r.Body}, r.Fault
}

// Method tells of one.
func (c jobCaller) Method(name string) (reads, once bool) { return c.o.c.Methods.Of(name) }
