package tg

import (
	"errors"
	"fmt"
	"reflect"
)

// FieldError says which field keeps a value from being encoded.
type FieldError struct {
	Path string // as Go writes it: MessagesSendMediaRequest.Media.Attributes[2].W
	What string
	Err  error // what package bin said, if it did
}

func (e *FieldError) Error() string { return fmt.Sprintf("tg: %s: %s", e.Path, e.What) }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// ResultError says that a method's answer is not what the schema promises. The call was executed.
type ResultError struct {
	Method string // as in the schema
	Err    error
}

func (e *ResultError) Error() string { return fmt.Sprintf("tg: result of %s: %v", e.Method, e.Err) }

// Unwrap returns Err.
func (e *ResultError) Unwrap() error { return e.Err }

// explain completes a failure of writing x by the path to the field at which it happened.
func (c *coder) explain(x Object, err error) error {
	field := &FieldError{}
	if !errors.As(err, &field) {
		field.What, field.Err = err.Error(), err
	}
	v := reflect.ValueOf(x)
	field.Path = v.Type().String()
	if v.Kind() == reflect.Pointer {
		field.Path = v.Type().Elem().Name()
		if path, ok := find(v.Elem(), c.at, maxDepth); ok {
			field.Path += path
		}
	}
	return field
}

// find looks in v for the variable that at points to. It runs only when something has failed.
func find(v reflect.Value, at any, depth int) (path string, ok bool) {
	if v.CanAddr() && v.Addr().CanInterface() && v.Addr().Interface() == at {
		return "", true
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() && depth > 0 {
			return find(v.Elem(), at, depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if path, ok = find(v.Field(i), at, depth); ok {
				return "." + v.Type().Field(i).Name + path, true
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return "", false
		}
		for i := range v.Len() {
			if path, ok = find(v.Index(i), at, depth); ok {
				return fmt.Sprintf("[%d]%s", i, path), true
			}
		}
	}
	return "", false
}
