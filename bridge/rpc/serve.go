package rpc

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

// buffers are for calls and answers, reused.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct {
	b     []byte
	found []codec.View // users and chats in an answer, which they alias
}

// maxKept is the largest buffer worth keeping, in bytes.
const maxKept = 256 << 10

func (b *buffer) free() {
	clear(b.found)
	b.found = b.found[:0]
	if cap(b.b) <= maxKept {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}

// serve works on one request from beginning to end.
func (s *Service) serve(j *job) {
	defer j.endpoint.Begin()()
	defer j.Leave()
	defer s.survive(j)
	if fault := s.read(j); fault != nil {
		s.reply(j, nil, fault)
		return
	}
	if j.m == nil {
		s.reply(j, nil, s.c.Methods.unknown(j.method))
		return
	}
	ctx, cancel := s.lifeOf(j)
	defer cancel()
	if ctx.Err() == context.DeadlineExceeded { //nolint:errorlint // a context's own error is never wrapped
		s.reply(j, nil, turns.TooLate())
		return
	}
	ctx = gate.WithCaller(ctx, j.Caller())
	if fault := s.c.Methods.confined(j); fault != nil {
		s.reply(j, nil, fault)
		return
	}
	if s.known(ctx, j, j.m, &j.asked) {
		return
	}
	call := buffers.Get().(*buffer)
	if fault := s.encode(ctx, call, j); fault != nil {
		call.free()
		if !s.passes(j, fault) {
			s.reply(j, nil, fault)
		}
		return
	}
	if j.Unsettled() {
		j.Settle(s.c.Methods.chatOf(j.m, call.b, s.c.Self))
	}
	s.call(ctx, j, call)
}

// lifeOf is the context of a job: it ends with its time, with the service, and with whoever asks inside the daemon.
func (s *Service) lifeOf(j *job) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithDeadline(s.ctx, j.Deadline())
	if j.life != nil {
		stop, end := context.AfterFunc(j.life, cancel), cancel
		cancel = func() { stop(); end() }
	}
	return mtproto.WithWaiter(ctx, j), cancel
}

// survive keeps a fault of ours in one request from ending all others.
func (s *Service) survive(j *job) {
	if what := recover(); what != nil {
		s.c.Log.Error("a request made the program fail", "account", s.c.Account, "method", j.method, "what", what, "stack", string(debug.Stack()))
		s.reply(j, nil, answer.Doubt(500, "natsgram failed on this request; its log tells more")) // unless it has its answer
	}
}

// encode makes the call, and refuses it when it may not be made. Files that it names are at Telegram then.
func (s *Service) encode(ctx context.Context, call *buffer, j *job) *Fault {
	fault := s.encodeAs(ctx, call, j)
	for again := len(j.uses) > 0; again && fault == nil; {
		again, fault = s.encodeWithFiles(ctx, call, j)
	}
	return fault
}

// encodeWithFiles brings the files of a call up, and makes the call with them. Again: Telegram had lost something of them.
func (s *Service) encodeWithFiles(ctx context.Context, call *buffer, j *job) (again bool, fault *Fault) {
	if fault = s.bringUp(ctx, j); fault != nil {
		return false, fault
	}
	if fault = s.encodeAs(ctx, call, j); fault != nil {
		return false, fault
	}
	err := s.album(ctx, call, j)
	if err == nil {
		return false, nil
	}
	if again, fault = s.mended(ctx, j, err); !again && fault == nil {
		f := s.explain(err)
		f.Sent, fault = answer.No, &f // the album was not
	}
	return again, fault
}

// encodeAs makes the call with the files that it names as far as they are known.
func (s *Service) encodeAs(ctx context.Context, call *buffer, j *job) *Fault {
	readOnly, r := j.endpoint == s.readOnly, &j.asked
	if fault := j.m.check(readOnly); fault != nil {
		return fault
	}
	random := randomID{account: s.c.Account, caller: j.Caller(), msgID: r.msgID, hash: j.hash}
	o := codec.Options{MissingLong: random.fill, Resolve: s.resolver(ctx, j), Forms: s.c.Forms}
	if s.c.Files != nil {
		o.MissingValue = s.besides(j)
	}
	s.c.Methods.fillChat(j, &o, s.c.Self)
	if err := s.appendCall(call, j, &o); err != nil {
		return badRequest(err)
	}
	if fault := s.c.Methods.checkChat(j, call.b, s.c.Self); fault != nil {
		return fault
	}
	if fault := s.c.Methods.checkInner(j.m, call.b, readOnly); fault != nil {
		return fault
	}
	return s.guard(j.m, call.b, r, s.repeated(ctx, j, r), &random)
}

// appendCall encodes what a request asks for.
func (s *Service) appendCall(call *buffer, j *job, o *codec.Options) (err error) {
	schema := s.c.Methods.schema
	switch j.asked.in {
	case JSON:
		call.b, err = schema.AppendCallFromJSON(call.b[:0], j.Data(), j.m.fn, o)
	case Msgpack:
		call.b, err = schema.AppendCallFromMsgpack(call.b[:0], j.Data(), j.m.fn, o)
	case TL:
		call.b, err = s.appendTL(call.b[:0], j, o)
	}
	return err
}

// resolver is Config.Resolve for one request, and finds the files that it names.
func (s *Service) resolver(ctx context.Context, j *job) func(class, text string) ([]byte, bool, error) {
	return func(class, text string) ([]byte, bool, error) {
		if s.isFile(class, text) {
			object, fault := s.usedFile(ctx, j, text)
			if fault != nil {
				return nil, true, fault
			}
			return object, true, nil
		}
		if class == encryptedFile && objects.Is(text) {
			return nil, true, answer.Refuse(400, "files of secret chats are encrypted by whoever sends them: "+
				"tg.file put brings the encrypted object up, and its answer's id and parts make an inputEncryptedFileUploaded")
		}
		if s.c.Resolve == nil {
			return nil, false, nil
		}
		object, ok, fault := s.c.Resolve(ctx, class, text)
		if fault != nil {
			return nil, true, fault
		}
		return object, ok, nil
	}
}

// call asks Telegram and answers.
func (s *Service) call(ctx context.Context, j *job, call *buffer) {
	call, result, err := s.invoke(ctx, j, call)
	if err != nil {
		// The buffer is left to the collector: who was asked may still hold it.
		fault := s.explain(err)
		if mtproto.SentOf(err) == mtproto.SentRefused && fault.Telegram == "" {
			fault.Sent = answer.No // it was, and refused, and is not sent again: nothing was executed
		}
		if s.passes(j, &fault) {
			return
		}
		before, refused := s.executed(ctx, j, j.m, call.b, &fault)
		if refused != nil {
			s.reply(j, nil, refused)
			return
		}
		s.done(ctx, j, before)
		s.answer(j, j.m, call.b, before)
		return
	}
	defer call.free()
	s.done(ctx, j, result)
	s.answer(j, j.m, call.b, result)
	if j.m.moves && s.c.Observe != nil {
		s.c.Observe(call.b, result, j.asked.msgID)
	}
}

// invoke makes the call, in its turn. Where Telegram lacks something of a file that it names, it is made again, with that file as it is then.
func (s *Service) invoke(ctx context.Context, j *job, call *buffer) (made *buffer, result []byte, err error) {
	for {
		to := s.c.Invoke
		if turn := j.Turn(); turn != nil {
			to = turn
		}
		if result, err = to.Invoke(ctx, call.b); err == nil {
			return call, result, nil
		}
		again, fault := s.mended(ctx, j, err)
		if again {
			j.Leave() // whoever is behind it goes before it
			call = buffers.Get().(*buffer)
			fault = s.encode(ctx, call, j)
		}
		if fault != nil {
			return call, nil, fault
		}
		if !again {
			return call, nil, err
		}
	}
}

// explain makes a fault of an error of a call.
func (s *Service) explain(err error) Fault {
	var own *Fault
	if errors.As(err, &own) {
		return *own
	}
	return s.c.Explain(err)
}

// answer sends a result, in the encoding asked for.
func (s *Service) answer(j *job, m *method, call, result []byte) {
	clean, out := buffers.Get().(*buffer), buffers.Get().(*buffer)
	defer clean.free()
	defer out.free()
	t, err := s.c.Methods.resultOf(m, call)
	whole := result
	if err == nil {
		result, err = s.c.Methods.redact(clean, j, result, t)
	}
	told := result
	if err == nil {
		told, err = s.transcode(out, j, result, t)
	}
	if err != nil {
		// Telegram has executed the call, only its answer cannot be read with this layer.
		s.reply(j, nil, answer.Done(502, "reading Telegram's answer: "+err.Error()))
		return
	}
	if len(out.found) > 0 {
		s.c.Met(out.found, result) // before the caller can name them
	}
	if told = s.fit(out, j, m, whole, told, t); told != nil {
		s.reply(j, told, nil)
	}
}

func (ms *Methods) resultOf(m *method, call []byte) (codec.Type, error) {
	if m.wraps {
		return ms.schema.ResultOf(call)
	}
	return m.fn.Result(), nil
}

// redact takes login codes out of a result, as out of updates. Raw TL that nobody has read could hold one as well: it is
// handed out only when this layer can read it.
func (ms *Methods) redact(clean *buffer, j *job, result []byte, t codec.Type) ([]byte, error) {
	rule := ms.withheld
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

// transcode is a result in the encoding of the answer. On the way through it the users and chats in it are met, but for those of an
// answer of some time ago: what is known of them may be newer.
func (s *Service) transcode(out *buffer, j *job, result []byte, t codec.Type) (told []byte, err error) {
	schema, meet := s.c.Methods.schema, s.c.Met != nil && j.before.IsZero()
	switch people := s.c.Methods.people; {
	case j.out == TL && meet:
		out.found = people.Append(out.found, result, t)
		return result, nil
	case j.out == TL:
		return result, nil
	case j.out == Msgpack && meet:
		out.b, out.found, err = people.AppendMsgpack(out.b[:0], out.found, result, t)
	case j.out == Msgpack:
		out.b, err = schema.AppendMsgpack(out.b[:0], result, t)
	case meet:
		out.b, out.found, err = people.AppendJSON(out.b[:0], out.found, result, t)
	default:
		out.b, err = schema.AppendJSON(out.b[:0], result, t)
	}
	return out.b, err
}
