// Package tgtest lists all that package tg has, by TL name, for tests of that package and of Invokers. A program that
// imports it links every type there is.
package tgtest

import (
	"context"
	"fmt"
	"reflect"

	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/tg"
)

//go:generate go run ../../gen/tlgen tgtest .

// Constructor is a constructor's type.
type Constructor struct {
	Name string
	zero tg.Object
}

// New is an empty value.
func (c Constructor) New() tg.Object {
	return reflect.New(reflect.TypeOf(c.zero).Elem()).Interface().(tg.Object)
}

// Class is a class with several constructors.
type Class struct {
	Name   string
	decode any
}

// Decode calls the class's Decode function.
func (c Class) Decode(src []byte) (tg.Object, error) {
	out := reflect.ValueOf(c.decode).Call([]reflect.Value{reflect.ValueOf(src)})
	x, _ := out[0].Interface().(tg.Object)
	err, _ := out[1].Interface().(error)
	return x, err
}

// Function is a method.
type Function struct {
	Name   string
	call   any
	method func(tg.Invoker) any // of its namespace; nil without one
}

// NewRequest is an empty request.
func (f Function) NewRequest() tg.Object {
	return reflect.New(reflect.TypeOf(f.call).In(2).Elem()).Interface().(tg.Object)
}

// Call calls the function. Its result is nil for those that have none.
func (f Function) Call(ctx context.Context, inv tg.Invoker, req tg.Object) (result any, err error) {
	return call(f.call, reflect.ValueOf(ctx), reflect.ValueOf(&inv).Elem(), reflect.ValueOf(req))
}

// HasMethod reports whether the function's namespace has it as a method.
func (f Function) HasMethod() bool { return f.method != nil }

// CallMethod is Call by that method.
func (f Function) CallMethod(ctx context.Context, inv tg.Invoker, req tg.Object) (result any, err error) {
	return call(f.method(inv), reflect.ValueOf(ctx), reflect.ValueOf(req))
}

func call(f any, in ...reflect.Value) (result any, err error) {
	out := reflect.ValueOf(f).Call(in)
	err, _ = out[len(out)-1].Interface().(error)
	if len(out) > 1 && err == nil {
		result = out[0].Interface()
	}
	return result, err
}

// AppendResult encodes what a Function's Call returned.
func AppendResult(dst []byte, result any) ([]byte, error) {
	switch x := result.(type) {
	case tg.Object:
		return tg.Append(dst, x)
	case []byte:
		return append(dst, x...), nil
	}
	w := bin.Writer{Buf: dst}
	v := reflect.ValueOf(result)
	switch v.Kind() {
	case reflect.Invalid:
		w.Uint32(bin.IDTrue)
	case reflect.Bool:
		w.Bool(v.Bool())
	case reflect.Int:
		w.Int32(int32(v.Int()))
	case reflect.Int64:
		w.Int64(v.Int())
	case reflect.String:
		w.Str(v.String())
	case reflect.Slice:
		return appendSlice(dst, v)
	default:
		return dst, fmt.Errorf("tgtest: a result of type %T", result)
	}
	return w.Buf, nil
}

func appendSlice(dst []byte, v reflect.Value) (_ []byte, err error) {
	w := bin.Writer{Buf: dst}
	w.Vector(v.Len())
	for i := range v.Len() {
		if w.Buf, err = AppendResult(w.Buf, v.Index(i).Interface()); err != nil {
			return w.Buf, err
		}
	}
	return w.Buf, nil
}
