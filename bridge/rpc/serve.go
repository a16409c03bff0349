package rpc

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// buffers are for calls and answers, reused.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct{ b []byte }

// maxKept is the largest buffer worth keeping, in bytes.
const maxKept = 256 << 10

func (b *buffer) free() {
	if cap(b.b) <= maxKept {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}

// serve works on one request from beginning to end.
func (s *Service) serve(j *job) {
	defer j.endpoint.Begin()()
	defer s.survive(j)
	r, fault := readHeaders(j.Header(), s.c.Methods.schema.Layer())
	j.out = r.out
	if fault != nil {
		s.reply(j, nil, fault)
		return
	}
	m := s.c.Methods.byName[j.method]
	if m == nil {
		s.reply(j, nil, s.c.Methods.unknown(j.method))
		return
	}
	ctx, cancel := context.WithDeadline(s.ctx, s.deadline(j, &r))
	defer cancel()
	if ctx.Err() == context.DeadlineExceeded { //nolint:errorlint // a context's own error is never wrapped
		s.reply(j, nil, late())
		return
	}
	ctx = gate.WithCaller(ctx, j.Caller())
	if s.known(ctx, j, m, &r) {
		return
	}
	call := buffers.Get().(*buffer)
	if fault := s.encode(ctx, call, j, m, &r); fault != nil {
		call.free()
		if !s.passes(j, fault) {
			s.reply(j, nil, fault)
		}
		return
	}
	s.call(ctx, j, m, call, &r)
}

// deadline is when a request's time is over.
func (s *Service) deadline(j *job, r *request) time.Time {
	timeout := r.timeout
	if timeout == 0 {
		timeout = s.c.Timeout
	}
	return j.at.Add(min(timeout, s.c.MaxTimeout))
}

// late is the fault of a request whose time was over before anything was done for it.
func late() *Fault {
	return &Fault{Code: 504, Text: "it waited here for longer than it may take (" + subjects.HeaderTimeout + "), and was not sent", Sent: answer.No}
}

// survive keeps a fault of ours in one request from ending all others.
func (s *Service) survive(j *job) {
	if what := recover(); what != nil {
		s.c.Log.Error("a request made the program fail", "account", s.c.Account, "method", j.method, "what", what, "stack", string(debug.Stack()))
		s.reply(j, nil, &Fault{Code: 500, Text: "natsgram failed on this request; its log tells more", Sent: "unknown"}) // unless it has its answer
	}
}

// encode makes the call, and refuses it when it may not be made.
func (s *Service) encode(ctx context.Context, call *buffer, j *job, m *method, r *request) *Fault {
	readOnly := j.endpoint == s.readOnly
	if fault := m.check(readOnly); fault != nil {
		return fault
	}
	schema := s.c.Methods.schema
	random := randomID{account: s.c.Account, caller: j.Caller(), msgID: r.msgID, hash: j.hash}
	o := codec.Options{MissingLong: random.fill, Resolve: s.resolver(ctx)}
	var err error
	switch r.in {
	case JSON:
		call.b, err = schema.AppendCallFromJSON(call.b[:0], j.Data(), m.fn, &o)
	case Msgpack:
		call.b, err = schema.AppendCallFromMsgpack(call.b[:0], j.Data(), m.fn, &o)
	case TL:
		if err = schema.CheckCall(j.Data(), m.fn); err == nil {
			call.b = append(call.b[:0], j.Data()...)
		}
	}
	if err != nil {
		return badRequest(err)
	}
	if fault := s.c.Methods.checkInner(m, call.b, readOnly); fault != nil {
		return fault
	}
	return s.guard(m, call.b, r, s.repeated(ctx, j, r), &random)
}

// resolver is Config.Resolve for one request.
func (s *Service) resolver(ctx context.Context) func(class, text string) ([]byte, bool, error) {
	if s.c.Resolve == nil {
		return nil
	}
	return func(class, text string) ([]byte, bool, error) {
		object, ok, fault := s.c.Resolve(ctx, class, text)
		if fault != nil {
			return nil, true, fault
		}
		return object, ok, nil
	}
}

// call asks Telegram and answers.
func (s *Service) call(ctx context.Context, j *job, m *method, call *buffer, r *request) {
	result, err := s.c.Invoke.Invoke(ctx, call.b)
	if err != nil {
		// The buffer is left to the collector: who was asked may still hold it.
		fault := s.c.Explain(err)
		if s.passes(j, &fault) {
			return
		}
		before, refused := s.executed(ctx, j, m, call.b, &fault)
		if refused != nil {
			s.reply(j, nil, refused)
			return
		}
		s.done(ctx, j, before)
		s.answer(j, m, call.b, before)
		return
	}
	defer call.free()
	s.done(ctx, j, result)
	s.answer(j, m, call.b, result)
	if m.moves && s.c.Observe != nil {
		s.c.Observe(call.b, result, r.msgID)
	}
}

// answer sends a result, in the encoding asked for.
func (s *Service) answer(j *job, m *method, call, result []byte) {
	clean, out := buffers.Get().(*buffer), buffers.Get().(*buffer)
	defer clean.free()
	defer out.free()
	t, err := s.resultOf(m, call)
	if err == nil {
		result, err = s.redact(clean, j, result, t)
	}
	if err == nil && j.out != TL {
		out.b, err = s.transcode(out.b[:0], j.out, result, t)
		result = out.b
	}
	if err != nil {
		// Telegram has executed the call, only its answer cannot be read with this layer.
		s.reply(j, nil, &Fault{Code: 502, Text: "reading Telegram's answer: " + err.Error(), Sent: "yes"})
		return
	}
	s.reply(j, result, nil)
}

func (s *Service) resultOf(m *method, call []byte) (codec.Type, error) {
	if m.wraps {
		return s.c.Methods.schema.ResultOf(call)
	}
	return m.fn.Result(), nil
}

// redact takes login codes out of a result, as out of updates. Raw TL that nobody has read could hold one as well: it is
// handed out only when this layer can read it.
func (s *Service) redact(clean *buffer, j *job, result []byte, t codec.Type) ([]byte, error) {
	rule := s.c.Methods.withheld
	if j.out == TL {
		if err := rule.Check(result, t); err != nil {
			return nil, err
		}
	}
	result, why, err := rule.Redact(clean.b[:0], result, t)
	if j.redacted = why; why != "" {
		clean.b = result
	}
	return result, err
}

func (s *Service) transcode(dst []byte, e Encoding, result []byte, t codec.Type) ([]byte, error) {
	schema := s.c.Methods.schema
	if e == Msgpack {
		return schema.AppendMsgpack(dst, result, t)
	}
	return schema.AppendJSON(dst, result, t)
}
