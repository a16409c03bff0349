package methods

import (
	"errors"
	"iter"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/tl/codec"
)

// inner is the call within a call of a method.
func (m *Method) inner(call codec.View) (codec.View, bool) {
	for _, p := range m.Fn.Decl().Params {
		if p.Type.Bang {
			return call.Object(p.Name)
		}
	}
	return codec.View{}, false
}

// Within goes through the calls that a call carries, one within the other. The method is nil for what is none; it is the last then.
func (ms *Methods) Within(m *Method, call codec.View) iter.Seq2[*Method, codec.View] {
	return func(yield func(*Method, codec.View) bool) {
		for in, ok := m.inner(call); ok; in, ok = m.inner(in) {
			if m = ms.byName[in.Name()]; !yield(m, in) || m == nil {
				return
			}
		}
	}
}

// Innermost is the call that is carried in the end, and what is known of it. CheckCall has to have seen it.
func (ms *Methods) Innermost(m *Method, call []byte) (*Method, codec.View, error) {
	view, err := ms.schema.View(call)
	if err == nil {
		for within, in := range ms.Within(m, view) {
			m, view = within, in
		}
	}
	return m, view, err
}

// ResultOf is the type of a call's result.
func (ms *Methods) ResultOf(m *Method, call []byte) (codec.Type, error) {
	if m.Wraps {
		return ms.schema.ResultOf(call)
	}
	return m.Fn.Result(), nil
}

// CheckCall says why a call may not be made that its method alone does not rule out: because of what it carries, whatever the encoding
// it came in.
func (ms *Methods) CheckCall(m *Method, call []byte, readOnly bool) *answer.Fault {
	if !m.Wraps {
		return ms.checkCarried(m, call)
	}
	view, err := ms.schema.View(call)
	if err != nil {
		return BadRequest(err)
	}
	for within, in := range ms.Within(m, view) {
		if m, view = within, in; m == nil {
			return answer.Refuse(400, "what is wrapped is not a method")
		}
		if f := m.Check(readOnly); f != nil {
			return f
		}
	}
	return ms.checkCarried(m, view.Raw())
}

// checkCarried refuses to carry what Telegram itself told the account, and to tell of it by what is found.
func (ms *Methods) checkCarried(m *Method, call []byte) *answer.Fault {
	const allowed = " is not served for messages of Telegram's own users, which may hold login codes (NATSGRAM_ALLOW_SERVICE_MESSAGES=true serves it)"
	switch {
	case m.carries && ms.messages.takesAway(call):
		return answer.Refuse(403, m.Name+allowed)
	case m.searches && ms.messages.guesses(call):
		return answer.Refuse(403, m.Name+": q: a search for digits in all chats at once, or for any text in those of Telegram's own users,"+allowed)
	}
	return nil
}

// BadRequest tells what is wrong with a request, and where; and why, where Telegram was asked for a part of it.
func BadRequest(err error) *answer.Fault {
	f := &answer.Fault{Code: 400}
	var asked *answer.Fault
	if errors.As(err, &asked) {
		*f = *asked
	}
	f.Text, f.Sent = err.Error(), answer.No
	var e *codec.Error
	if errors.As(err, &e) {
		f.Path = e.Path
	}
	return f
}
