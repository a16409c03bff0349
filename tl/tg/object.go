package tg

import (
	"fmt"
	"reflect"

	"github.com/natsgram/natsgram/tl/bin"
)

// Object is a pointer to any of the generated structs, or [Raw].
type Object interface {
	tl(*coder)
}

// Raw is an object that is already encoded, with its constructor id. Requests that wrap a call hold one after they were
// decoded, because what it is depends on who reads it.
type Raw []byte

func (x Raw) tl(c *coder) { c.w.Raw(x) }

// Append appends x with its constructor id. After an error, which is a [*FieldError], what was appended is worthless.
func Append(dst []byte, x Object) ([]byte, error) {
	if empty(x) {
		return dst, &FieldError{Path: fmt.Sprintf("%T", x), What: "nil"}
	}
	c := coder{w: bin.Writer{Buf: dst}}
	x.tl(&c)
	if err := c.w.Err(); err != nil {
		return c.w.Buf, c.explain(x, err)
	}
	return c.w.Buf, nil
}

// empty reports whether x is nil and has something to tell.
func empty(x Object) bool {
	if x == nil {
		return true
	}
	v := reflect.ValueOf(x)
	return v.Kind() == reflect.Pointer && v.IsNil() && v.Type().Elem().NumField() > 0
}

// Decode reads x, a pointer to a generated struct, from exactly src, with its constructor id. A class with several
// constructors has a Decode function of its own, which tells which it was: [DecodeUpdates].
func Decode(src []byte, x Object) error {
	v := reflect.ValueOf(x)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return &FieldError{Path: fmt.Sprintf("%T", x), What: "no pointer to decode into"}
	}
	v.Elem().SetZero()
	c := reading(src)
	x.tl(c)
	return c.r.Close()
}

// decode reads what f reads from exactly src.
func decode[T any](src []byte, f func(*coder, *T)) (T, error) {
	var x, none T
	c := reading(src)
	if f(c, &x); c.r.Close() != nil {
		return none, c.r.Err()
	}
	return x, nil
}
