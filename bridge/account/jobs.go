package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/rpc"
)

// takeJobs prepares to run the account's jobs, and has the service answer for them.
func (t *tenure) takeJobs(c *rpc.Config, user int64) {
	if t.Queue == nil {
		return
	}
	t.jobs = queue.New(queue.Config{
		Account: t.Name, User: user, Store: t.Queue, Caller: jobCaller{t}, Work: t.Settings.JobsAtWork, Sure: t.Sure, Log: t.Log,
		Lost: func(job map[string]any) { t.event("queue.unknown", job) },
	})
	for _, verb := range queue.Verbs() {
		c.Extra["queue_"+verb] = rpc.Extra{
			Subject: t.Settings.Scheme().Ctl(t.Name, "queue."+verb), Slow: true,
			Answer: func(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
				return t.jobs.Answer(ctx, verb, request)
			},
		}
	}
}

func (t *tenure) runJobs() {
	if t.jobs != nil {
		t.work.Go(func() { t.jobs.Run(t.hard) })
	}
}

func (t *tenure) finishJobs(ctx context.Context) {
	if t.jobs != nil {
		t.jobs.Finish(ctx)
	}
}

// jobCaller makes the calls of jobs as all others are made.
type jobCaller struct{ t *tenure }

// jobRoom is with whom jobs share their room: with each other.
const jobRoom = "queue"

// Do makes one.
func (c jobCaller) Do(ctx context.Context, call queue.Call) (queue.Answer, *answer.Fault) {
	r := c.t.service.Do(ctx, rpc.Call{Method: call.Method, Header: call.Header, Body: call.Body, Caller: jobRoom, Chat: &call.Chat})
	return queue.Answer{Header: r.Header, Body: r.Body}, r.Fault
}

// Method tells of one.
func (c jobCaller) Method(name string) (reads, once bool) { return c.t.Methods.Of(name) }
