package rpc

import (
	"context"
	"crypto/sha256"
	"maps"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// named is what a request with a Nats-Msg-Id has beside others.
type named struct {
	run      *once.Run // nil: the request has no id
	hash     once.Hash
	asksOnce bool      // the journal is being asked
	before   time.Time // when the call was made whose answer this is; zero: for this request
	lacks    string    // why the answer is not all that Telegram gave then
}

const (
	tooLarge = "too large"
	inChat   = "found in the chat"
)

// known looks whether a request with an id was made before, and waits while it is. True: it has its answer.
func (s *Service) known(ctx context.Context, j *job, m *method, r *request) bool {
	if r.msgID == "" {
		return false
	}
	form := buffers.Get().(*buffer)
	defer form.free()
	fault := m.check(j.endpoint == s.readOnly)
	if fault == nil {
		fault = s.form(form, j, m, r)
	}
	if fault != nil {
		s.reply(j, nil, fault)
		return true
	}
	j.hash = sha256.Sum256(form.b)
	if s.c.Once == nil {
		return false
	}
	j.asksOnce = true
	run, before, fault := s.c.Once.Begin(ctx, once.Request{Caller: j.Caller(), ID: r.msgID, Hash: j.hash, Writes: !m.readOnly})
	j.asksOnce = false
	switch {
	case fault != nil:
		if !s.passes(j, fault) {
			s.reply(j, nil, fault)
		}
	case before != nil:
		s.again(j, m, form.b, before)
	default:
		j.run = run
		return false
	}
	return true
}

// form makes of a request what tells it from others: its call with texts in the place of what they stand for, and without what
// is filled in.
func (s *Service) form(form *buffer, j *job, m *method, r *request) *Fault {
	schema := s.c.Methods.schema
	o := codec.Options{MissingLong: func(_, param string) (int64, bool) { return 0, param == randomField }, MissingValue: s.anything, Forms: s.c.Forms, AsText: true}
	s.c.Methods.fillChat(j, &o, s.c.Self)
	var err error
	switch r.in {
	case JSON:
		form.b, err = schema.AppendCallFromJSON(form.b[:0], j.Data(), m.fn, &o)
	case Msgpack:
		form.b, err = schema.AppendCallFromMsgpack(form.b[:0], j.Data(), m.fn, &o)
	case TL:
		err = schema.CheckCall(j.Data(), m.fn)
		form.b = append(form.b[:0], j.Data()...)
	}
	if err != nil {
		return badRequest(err)
	}
	return nil
}

// again answers with what the first request was answered.
func (s *Service) again(j *job, m *method, call []byte, a *once.Answer) {
	j.before = a.At
	switch {
	case a.Left && len(a.Result) == 0:
		s.reply(j, nil, answer.Done(413, m.name+" was executed at "+a.At.Format(time.RFC3339)+
			"; its answer had "+strconv.Itoa(a.Size)+" bytes, and is not kept"))
		return
	case a.Left:
		j.lacks = tooLarge
	}
	s.answer(j, m, call, a.Result)
}

// done stores what Telegram answered to a request with an id, before its caller is told.
func (s *Service) done(ctx context.Context, j *job, result []byte) {
	if j.run == nil {
		return
	}
	var left []byte
	if len(result) > once.MaxResult {
		left = once.Left(s.c.Methods.schema, result)
	}
	j.run.Done(ctx, result, left)
}

// fit keeps a result that no message holds, of a call that changed something and had no id: it cannot be made again to see it. The
// caller is told how to ask for it. Where it cannot be kept, what is left of it is the answer. It gives what is to be told yet; nil: nothing.
func (s *Service) fit(out *buffer, j *job, m *method, result, told []byte, t codec.Type) []byte {
	fault := j.TooLarge(len(told))
	if fault == nil || m.readOnly || j.asked.msgID != "" {
		return told
	}
	if fault.Kept = s.keep(j, m, result); fault.Kept != "" {
		fault.Text += ". It is kept for a day: make the same request with " + subjects.HeaderMsgID + ": " + fault.Kept + ", in parts, which executes nothing"
		s.reply(j, nil, fault)
		return nil
	}
	schema := s.c.Methods.schema
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

// keep stores the result of a request without an id under a new one; empty: it could not be stored.
func (s *Service) keep(j *job, m *method, result []byte) string {
	form := buffers.Get().(*buffer)
	defer form.free()
	if s.c.Once == nil || s.form(form, j, m, &j.asked) != nil {
		return ""
	}
	id, err := s.c.Once.Keep(s.ctx, j.Caller(), sha256.Sum256(form.b), result)
	if err != nil {
		s.c.Log.Warn("an answer that no message holds could not be kept", "account", s.c.Account, "method", m.name, "bytes", len(result), "err", err)
		return ""
	}
	return id
}

// executed is the answer to a call that Telegram refuses because it has executed it before: the message that came of it, or a
// fault that says so.
func (s *Service) executed(ctx context.Context, j *job, m *method, call []byte, fault *Fault) ([]byte, *Fault) {
	const duplicate = "RANDOM_ID_DUPLICATE"
	if fault.Telegram != duplicate || j.run == nil {
		return nil, fault
	}
	since := j.run.First()
	if !j.run.Unknown() {
		since = since.Add(-24 * time.Hour) // the caller chose the random_id, and used it before
	}
	if _, view, err := s.c.Methods.innermost(m, call); err == nil {
		if result, ok := once.Find(ctx, s.c.Methods.schema, s.c.Invoke.Invoke, view, since); ok {
			j.before, j.lacks = j.run.First(), inChat
			return result, nil
		}
	}
	return nil, &Fault{Code: 409, Telegram: duplicate, Sent: answer.Yes, Text: m.name +
		" was executed before, by a request with the same " + subjects.HeaderMsgID + " or random_id; Telegram does not say what came of it, and in the chat's last messages it cannot be told"}
}

// headersAgain adds what is said of an answer that was given before.
func (j *job) headersAgain(h nats.Header) nats.Header {
	if j.before.IsZero() {
		return h
	}
	h = maps.Clone(h)
	h[subjects.HeaderReplayed] = []string{j.before.UTC().Format(time.RFC3339)}
	if j.lacks != "" {
		h[subjects.HeaderRedacted] = []string{j.lacks}
	}
	return h
}
