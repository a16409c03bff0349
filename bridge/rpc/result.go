package rpc

import (
	"strconv"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/withhold"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// results makes answers of what Telegram says.
type results struct {
	c      *Config
	memory *memory
	*replier
}

// answer sends a result, in the encoding asked for.
func (r *results) answer(j *job, call, result []byte) {
	clean, out := buffers.Get().(*buffer), buffers.Get().(*buffer)
	defer clean.free()
	defer out.free()
	t, err := r.c.Methods.ResultOf(j.m, call)
	whole := result
	if err == nil {
		result, err = redact(r.c.Methods.Withheld(), clean, j, result, t)
	}
	told := result
	if err == nil {
		told, err = r.transcode(out, j, result, t)
	}
	if err != nil {
		// Telegram has executed the call, only its answer cannot be read with this layer.
		r.reply(j, nil, answer.Done(502, "reading Telegram's answer: "+err.Error()))
		return
	}
	if len(out.found) > 0 {
		r.c.Met(out.found, result) // before the caller can name them
	}
	if told = r.fit(out, j, whole, told, t); told != nil {
		r.reply(j, told, nil)
	}
}

// again answers with what the first request was answered.
func (r *results) again(j *job, call []byte, a *once.Answer) {
	j.before = a.At
	switch {
	case a.Left && len(a.Result) == 0:
		r.reply(j, nil, answer.Done(413, j.m.Name+" was executed at "+a.At.Format(time.RFC3339)+
			"; its answer had "+strconv.Itoa(a.Size)+" bytes, and is not kept"))
		return
	case a.Left:
		j.lacks = tooLarge
	}
	r.answer(j, call, a.Result)
}

// redact takes login codes out of a result, as out of updates. Raw TL that nobody has read could hold one as well: it is
// handed out only when this layer can read it.
func redact(rule *withhold.Rule, clean *buffer, j *job, result []byte, t codec.Type) ([]byte, error) {
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
func (r *results) transcode(out *buffer, j *job, result []byte, t codec.Type) (told []byte, err error) {
	schema, meet := r.c.Methods.Schema(), r.c.Met != nil && j.before.IsZero()
	switch people := r.c.Methods.People(); {
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

// fit keeps a result that no message holds, of a call that changed something and had no id: it cannot be made again to see it. The
// caller is told how to ask for it. Where it cannot be kept, what is left of it is the answer. It gives what is to be told yet; nil: nothing.
func (r *results) fit(out *buffer, j *job, result, told []byte, t codec.Type) []byte {
	fault := j.TooLarge(len(told))
	if fault == nil || j.m.ReadOnly || j.asked.msgID != "" {
		return told
	}
	if fault.Kept = r.memory.keep(j, result); fault.Kept != "" {
		fault.Text += ". It is kept for a day: make the same request with " + subjects.HeaderMsgID + ": " + fault.Kept + ", in parts, which executes nothing"
		r.reply(j, nil, fault)
		return nil
	}
	schema := r.c.Methods.Schema()
	left, err := once.Left(schema, result), error(nil)
	switch {
	case left == nil:
		return told
	case j.out == JSON:
		left, err = schema.AppendJSON(out.b[:0], left, t)
	case j.out == Msgpack:
		left, err = schema.AppendMsgpack(out.b[:0], left, t)
	}
	if err != nil {
		return told
	}
	j.redacted = tooLarge
	return left
}
