package rpc

import (
	"context"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/tl/codec"
)

// encoder makes the call of a request, and refuses it when it may not be made.
type encoder struct {
	c     *Config
	files *attach.Reader
}

// encode makes the call. Files that it names are at Telegram then.
func (e *encoder) encode(ctx context.Context, call *buffer, j *job) *Fault {
	fault := e.once(ctx, call, j)
	for again := j.files.Any(); again && fault == nil; {
		again, fault = e.withFiles(ctx, call, j)
	}
	return fault
}

// withFiles brings the files of a call up, and makes the call with them. Again: Telegram had lost something of them.
func (e *encoder) withFiles(ctx context.Context, call *buffer, j *job) (again bool, fault *Fault) {
	if fault = e.bringUp(ctx, j); fault != nil {
		return false, fault
	}
	if fault = e.once(ctx, call, j); fault != nil {
		return false, fault
	}
	made, err := e.files.Album(ctx, e.c.Invoke.Invoke, &j.files, j.m.Name, call.b)
	if err == nil {
		call.b = made
		return false, nil
	}
	if again, fault = e.mended(ctx, j, err); !again && fault == nil {
		f := e.c.explain(err)
		f.Sent, fault = answer.No, &f // the album was not
	}
	return again, fault
}

// bringUp brings the files of a call to Telegram, which takes no place at work.
func (e *encoder) bringUp(ctx context.Context, j *job) *Fault {
	defer j.Park(turns.ForUpload, nil)()
	if err := e.files.Up(ctx, &j.files); err != nil {
		return methods.BadRequest(err)
	}
	return nil
}

// mended reports whether a call that failed is to be made again: what Telegram lacked of a file is there now.
func (e *encoder) mended(ctx context.Context, j *job, err error) (bool, *Fault) {
	if !j.files.Any() {
		return false, nil
	}
	defer j.Park(turns.ForUpload, nil)()
	return j.files.Mend(ctx, err)
}

// once makes the call with the files that it names as far as they are known.
func (e *encoder) once(ctx context.Context, call *buffer, j *job) *Fault {
	if fault := j.m.Check(j.readOnly); fault != nil {
		return fault
	}
	ms, r, about := e.c.Methods, &j.asked, e.c.confined(j)
	f := filler{e: e, ctx: ctx, j: j, random: randomID{account: e.c.Account, caller: j.Caller(), msgID: r.msgID, hash: j.hash}}
	o := codec.Options{MissingLong: f.random.fill, Resolve: f.resolve, Forms: e.c.Forms, MissingValue: e.files.Besides(&j.files)}
	about.fill(&o)
	err := call.encode(ms.Schema(), e.files, j, &o)
	if err == nil && f.asks { // Telegram allows few questions, and none is for a call that would be refused for something else
		if fault := ms.CheckCall(j.m, call.b, j.readOnly); fault != nil {
			return fault
		}
		f.mayAsk, f.random.asked = true, 0 // the same ids whether a name is known or not
		err = call.encode(ms.Schema(), e.files, j, &o)
	}
	if err != nil {
		return methods.BadRequest(err)
	}
	if fault := about.refuses(call.b); fault != nil {
		return fault
	}
	if fault := ms.CheckCall(j.m, call.b, j.readOnly); fault != nil {
		return fault
	}
	return f.random.guard(ms, j.m, call.b, r.in, j.repeated(ctx))
}

// filler finds whom and which files a request names, and its random_id.
type filler struct {
	e      *encoder
	ctx    context.Context //nolint:containedctx // the request's life
	j      *job
	random randomID
	mayAsk bool
	asks   bool // somebody stands for whom it takes a question, which was not asked
}

// resolve is Config.Resolve, and knows files.
func (f *filler) resolve(class, text string) ([]byte, bool, error) {
	c := f.e.c
	if f.e.files.Is(class, text) {
		object, fault := f.e.files.Object(f.ctx, &f.j.files, text)
		if fault != nil {
			return nil, true, fault
		}
		return object, true, nil
	}
	if fault := attach.Encrypted(class, text); fault != nil {
		return nil, true, fault
	}
	if c.Resolve == nil {
		return nil, false, nil
	}
	if !f.mayAsk && c.Locate != nil {
		if object, name, ok := c.Locate(class, text, -1); ok && name != "" {
			f.asks = true
			return object, true, nil
		}
	}
	ctx := f.ctx
	if f.j.readOnly {
		ctx = answer.Reading(ctx)
	}
	object, ok, fault := c.Resolve(ctx, class, text)
	if fault != nil {
		return nil, true, fault
	}
	return object, ok, nil
}
