package rpc

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/mtproto"
)

// handler makes a call of each request that has its turn, or of what is known of it an answer.
type handler struct {
	c       *Config
	ctx     context.Context //nolint:containedctx // the service's life
	order   *order
	encoder encoder
	memory  memory
	invoker invoker
	results results
	replier replier
	refuser refuser
}

func newHandler(life context.Context, c *Config, files *attach.Reader, o *order, pool *turns.Pool) *handler {
	h := &handler{c: c, ctx: life, order: o, encoder: encoder{c, files}, memory: memory{c, files, life}, replier: replier{c, life}}
	h.refuser = refuser{life, pool, &h.replier}
	h.results = results{c, &h.memory, &h.replier}
	h.invoker = invoker{c, &h.encoder, &h.memory, &h.results, &h.refuser}
	return h
}

// newJob makes a job of a request.
func (h *handler) newJob(r answer.Request) *job {
	j := &job{Request: r, by: h}
	j.Work, j.At = j, time.Now()
	return j
}

// config is what it works by.
func (h *handler) config() *Config { return h.c }

// refuse answers a request with a fault.
func (h *handler) refuse(j *job, fault *Fault) { h.replier.reply(j, nil, fault) }

// serve reads the request, and has its call made and answered.
func (h *handler) serve(j *job) {
	defer j.endpoint.Begin()()
	defer j.Leave()
	defer h.survive(j)
	ctx, cancel, fault := h.begin(j)
	if fault != nil {
		j.Refuse(fault)
		return
	}
	defer cancel()
	if j.asked.msgID != "" && h.known(ctx, j) {
		return
	}
	call := buffers.Get().(*buffer)
	if fault := h.encoder.encode(ctx, call, j); fault != nil {
		call.free()
		h.refuser.refuse(j, fault)
		return
	}
	if j.Unsettled() {
		j.Settle(h.order.chatOf(j.m, call.b))
	}
	h.invoker.call(ctx, j, call)
}

// begin looks whether a request can be worked on, and gives it its life: that ends with its time, with the service, and with whoever
// asks inside the daemon.
func (h *handler) begin(j *job) (ctx context.Context, cancel context.CancelFunc, fault *Fault) {
	if fault := j.read(h.c.Methods.Schema().Layer()); fault != nil {
		return nil, nil, fault
	}
	if j.m == nil {
		return nil, nil, h.c.Methods.Unknown(j.method)
	}
	ctx, cancel = context.WithDeadline(h.ctx, j.Deadline())
	if ctx.Err() == context.DeadlineExceeded { //nolint:errorlint // a context's own error is never wrapped
		cancel()
		return nil, nil, turns.TooLate()
	}
	if fault := h.c.confined(j).serves(); fault != nil {
		cancel()
		return nil, nil, fault
	}
	if j.life != nil {
		stop, end := context.AfterFunc(j.life, cancel), cancel
		cancel = func() { stop(); end() }
	}
	return gate.WithCaller(mtproto.WithWaiter(ctx, j), j.Caller()), cancel, nil
}

// oursText is what is told of a fault of ours.
const oursText = "natsgram failed on this request; its log tells more"

// survive keeps a fault of ours in one request from ending all others.
func (h *handler) survive(j *job) {
	if what := recover(); what != nil {
		h.c.Log.Error("a request made the program fail", "account", h.c.Account, "method", j.method, "what", what, "stack", string(debug.Stack()))
		j.Refuse(answer.Doubt(500, oursText)) // unless it has its answer
	}
}

// known answers a request that was made before. False: it is to be made.
func (h *handler) known(ctx context.Context, j *job) bool {
	form := buffers.Get().(*buffer)
	defer form.free()
	before, fault := h.memory.known(ctx, j, form)
	switch {
	case fault != nil:
		h.refuser.refuse(j, fault)
	case before != nil:
		h.results.again(j, form.b, before)
	default:
		return false
	}
	return true
}
