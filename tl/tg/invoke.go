package tg

import "context"

// Invoker makes calls. Query is an encoded call, which the Invoker may keep; the result is encoded too, and the caller's to
// keep. Errors are the Invoker's own.
type Invoker interface {
	Invoke(ctx context.Context, query []byte) ([]byte, error)
}

// invoke is all generated functions. Little of it is generic, because that little is compiled for every type of result.
func invoke[R any](ctx context.Context, inv Invoker, name string, req Object, result func(*coder, *R)) (R, error) {
	var r, none R
	c, err := call(ctx, inv, req)
	if err != nil {
		return none, err
	}
	result(c, &r)
	if c.r.Close() != nil {
		return none, &ResultError{Method: name, Err: c.r.Err()}
	}
	return r, nil
}

// call makes a call, and returns what will read its result.
func call(ctx context.Context, inv Invoker, req Object) (*coder, error) {
	query, err := Append(nil, req)
	if err != nil {
		return nil, err
	}
	answer, err := inv.Invoke(ctx, query)
	if err != nil {
		return nil, err
	}
	return reading(answer), nil
}

// answer is the result of a call that wraps another: what it is depends on the other.
func answer(c *coder, p *[]byte) { *p = c.r.Rest() }

// Wrapper is a request with a call inside, its field Query: [InvokeWithTakeoutRequest] is one.
type Wrapper interface {
	Object
	around(Object) Object
}

// With is an Invoker that makes each call inside w, whose own Query is not looked at:
//
//	takeout := tg.With(inv, &tg.InvokeWithTakeoutRequest{TakeoutID: id})
//	contacts, err := tg.ContactsGetSaved(ctx, takeout, nil)
func With(inv Invoker, w Wrapper) Invoker { return wrapped{inv, w} }

type wrapped struct {
	inv Invoker
	w   Wrapper
}

func (i wrapped) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	query, err := Append(nil, i.w.around(Raw(query)))
	if err != nil {
		return nil, err
	}
	return i.inv.Invoke(ctx, query)
}
