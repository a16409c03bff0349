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

// handler works on requests that have their turn.
type handler struct {
	c       *Config
	ctx     context.Context //nolint:containedctx // the service's life
	order   *order
	pool    *turns.Pool
	encoder encoder
	memory  memory
	results results
	replier replier
}

func newHandler(life context.Context, c *Config, files *attach.Reader, o *order, pool *turns.Pool) *handler {
	s := &handler{
		c: c, ctx: life, order: o, pool: pool,
		encoder: encoder{c, files}, memory: memory{c, files, life}, replier: replier{c, life},
	}
	s.results = results{c, &s.memory, &s.replier}
	return s
}

// newJob makes a job of a request.
func (h *handler) newJob(r answer.Request) *job {
	j := &job{Request: r, handler: h}
	j.Work, j.At = j, time.Now()
	return j
}

// Do works on a request from beginning to end.
func (j *job) Do() { j.handler.serve(j) }

// Refuse answers it with a fault.
func (j *job) Refuse(fault *Fault) { j.handler.replier.reply(j, nil, fault) }

// Deadline is when its time is over.
func (j *job) Deadline() time.Time {
	c := j.handler.c
	_ = j.read(c.Methods.Schema().Layer()) // what is wrong with the headers is told when it is worked on
	timeout := j.asked.timeout
	if timeout == 0 {
		timeout = c.Timeout
	}
	return j.At.Add(min(timeout, c.MaxTimeout))
}

// BeginWait is what a call tells of its waits while it is on its way to Telegram.
func (j *job) BeginWait(w mtproto.Wait) (end func()) {
	switch w.For {
	case mtproto.WaitTurn:
		return j.Park(turns.ForOrder, nil)
	case mtproto.WaitElse:
		if j.asksOnce {
			j.Leave() // the other request may be behind this one
			return j.Park(turns.ForRepeat, nil)
		}
		return j.Park(turns.ForLookup, nil)
	case mtproto.WaitStore:
		return j.Lend()
	case mtproto.WaitFlood:
	}
	return j.Park(turns.ForFlood, &turns.Flood{Until: w.Until, Fault: j.handler.c.Explain(w.Refusal)})
}

// serve reads the request, and answers it with what its call gives.
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
		h.refuse(j, fault)
		return
	}
	if j.Unsettled() {
		j.Settle(h.order.chatOf(j.m, call.b))
	}
	h.call(ctx, j, call)
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

// survive keeps a fault of ours in one request from ending all others.
func (h *handler) survive(j *job) {
	if what := recover(); what != nil {
		h.c.Log.Error("a request made the program fail", "account", h.c.Account, "method", j.method, "what", what, "stack", string(debug.Stack()))
		j.Refuse(answer.Doubt(500, "natsgram failed on this request; its log tells more")) // unless it has its answer
	}
}

// known answers a request that was made before. False: it is to be made.
func (h *handler) known(ctx context.Context, j *job) bool {
	form := buffers.Get().(*buffer)
	defer form.free()
	before, fault := h.memory.known(ctx, j, form)
	switch {
	case fault != nil:
		h.refuse(j, fault)
	case before != nil:
		h.results.again(j, form.b, before)
	default:
		return false
	}
	return true
}

// call asks Telegram and answers.
func (h *handler) call(ctx context.Context, j *job, call *buffer) {
	call, result, err := h.invoke(ctx, j, call)
	if err != nil {
		h.failed(ctx, j, call.b, err) // the buffer is left to the collector: who was asked may still hold it
		return
	}
	defer call.free()
	h.memory.done(ctx, j, result)
	h.results.answer(j, call.b, result)
	if j.m.Moves && h.c.Observe != nil {
		h.c.Observe(call.b, result, j.asked.msgID)
	}
}

// failed tells of a call that failed; or, where it was executed before, what came of that.
func (h *handler) failed(ctx context.Context, j *job, call []byte, err error) {
	fault := h.c.explain(err)
	if mtproto.SentOf(err) == mtproto.SentRefused && fault.Telegram == "" {
		fault.Sent = answer.No // it was, and refused, and is not sent again: nothing was executed
	}
	if h.passes(j, &fault) {
		return
	}
	before, refused := h.memory.executed(ctx, j, call, &fault)
	if refused != nil {
		j.Refuse(refused)
		return
	}
	h.memory.done(ctx, j, before)
	h.results.answer(j, call, before)
}

// invoke makes the call, in its turn. Where Telegram lacks something of a file that it names, it is made again, with that file as it is then.
func (h *handler) invoke(ctx context.Context, j *job, call *buffer) (made *buffer, result []byte, err error) {
	for {
		to := h.c.Invoke
		if turn := j.Turn(); turn != nil {
			to = turn
		}
		if result, err = to.Invoke(ctx, call.b); err == nil {
			return call, result, nil
		}
		again, fault := h.encoder.mended(ctx, j, err)
		if again {
			j.Leave() // whoever is behind it goes before it
			call = buffers.Get().(*buffer)
			fault = h.encoder.encode(ctx, call, j)
		}
		if fault != nil {
			return call, nil, fault
		}
		if !again {
			return call, nil, err
		}
	}
}

// refuse answers with a fault, unless the next owner answers the request.
func (h *handler) refuse(j *job, fault *Fault) {
	if !h.passes(j, fault) {
		j.Refuse(fault)
	}
}

// passes keeps a request that was cancelled before it was sent, so that the next owner may answer it.
func (h *handler) passes(j *job, fault *Fault) bool {
	if h.ctx.Err() == nil || j.IsInside() || fault.Code != 503 || fault.Sent != answer.No {
		return false
	}
	run := j.run
	j.named = named{}
	if !h.pool.Keep(&j.Job) {
		j.run = run
		return false
	}
	if run != nil {
		run.Leave(h.ctx) // before the next owner can see it
	}
	return true
}
