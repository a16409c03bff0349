package rpc

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// memory is what is known of requests that were made before, by their ids, and is kept for those that will be made again.
type memory struct {
	c     *Config
	files *attach.Reader
	ctx   context.Context //nolint:containedctx // the service's life
}

const (
	tooLarge = "too large"
	inChat   = "found in the chat"
)

// known looks whether a request with an id was made before, and waits while it is: before is what it was answered then, to the call that
// form is then. Neither that nor a fault: it is to be made.
func (x *memory) known(ctx context.Context, j *job, form *buffer) (before *once.Answer, fault *Fault) {
	if fault := j.m.Check(j.readOnly); fault != nil {
		return nil, fault
	}
	if fault := x.form(form, j); fault != nil {
		return nil, fault
	}
	j.hash = sha256.Sum256(form.b)
	if x.c.Once == nil {
		return nil, nil
	}
	j.asksOnce = true
	run, before, fault := x.c.Once.Begin(ctx, once.Request{Caller: j.Caller(), ID: j.asked.msgID, Hash: j.hash, Writes: !j.m.ReadOnly})
	j.asksOnce = false
	if before == nil && fault == nil {
		j.run = run
	}
	return before, fault
}

// form makes of a request what tells it from others: its call with texts in the place of what they stand for, and without what
// is filled in.
func (x *memory) form(form *buffer, j *job) *Fault {
	o := codec.Options{
		MissingLong:  func(_, param string) (int64, bool) { return 0, param == methods.RandomField },
		MissingValue: x.files.Anything, Forms: x.c.Forms, AsText: true,
	}
	x.c.confined(j).fill(&o)
	var err error
	if j.asked.in == TL {
		err = x.c.Methods.Schema().CheckCall(j.Data(), j.m.Fn)
		form.b = append(form.b[:0], j.Data()...)
	} else {
		err = form.encode(x.c.Methods.Schema(), x.files, j, &o)
	}
	if err != nil {
		return methods.BadRequest(err)
	}
	return nil
}

// done stores what Telegram answered to a request with an id, before its caller is told.
func (x *memory) done(ctx context.Context, j *job, result []byte) {
	if j.run == nil {
		return
	}
	var left []byte
	if len(result) > once.MaxResult {
		left = once.Left(x.c.Methods.Schema(), result)
	}
	j.run.Done(ctx, result, left)
}

// keep stores the result of a request without an id under a new one; empty: it could not be stored.
func (x *memory) keep(j *job, result []byte) string {
	form := buffers.Get().(*buffer)
	defer form.free()
	if x.c.Once == nil || x.form(form, j) != nil {
		return ""
	}
	id, err := x.c.Once.Keep(x.ctx, j.Caller(), sha256.Sum256(form.b), result)
	if err != nil {
		x.c.Log.Warn("an answer that no message holds could not be kept", "account", x.c.Account, "method", j.m.Name, "bytes", len(result), "err", err)
		return ""
	}
	return id
}

// executed is the answer to a call that Telegram refuses because it has executed it before: the message that came of it, or a
// fault that says so.
func (x *memory) executed(ctx context.Context, j *job, call []byte, fault *Fault) ([]byte, *Fault) {
	const duplicate = "RANDOM_ID_DUPLICATE"
	if fault.Telegram != duplicate || j.run == nil {
		return nil, fault
	}
	since := j.run.First()
	if !j.run.Unknown() {
		since = since.Add(-24 * time.Hour) // the caller chose the random_id, and used it before
	}
	if _, view, err := x.c.Methods.Innermost(j.m, call); err == nil {
		if result, ok := once.Find(ctx, x.c.Methods.Schema(), x.c.Invoke.Invoke, view, since); ok {
			j.before, j.lacks = j.run.First(), inChat
			return result, nil
		}
	}
	return nil, &Fault{Code: 409, Telegram: duplicate, Sent: answer.Yes, Text: j.m.Name +
		" was executed before, by a request with the same " + subjects.HeaderMsgID + " or random_id; Telegram does not say what came of it, and in the chat's last messages it cannot be told"}
}

// repeated reports whether a request may have been executed before: its caller says so, or the journal. Of an id that the
// journal knows well not to have been used, it knows better than its caller.
func (j *job) repeated(ctx context.Context) bool {
	if j.run == nil {
		return j.asked.again
	}
	return j.run.Unknown() || j.asked.again && !j.run.New(ctx)
}
