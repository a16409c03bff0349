package answer

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/tl/codec"
)

// FieldError is a field that a request has and may not have. It holds the field's name and nothing of what stands in it.
type FieldError struct {
	Path string // message.id
	What string
}

// Error says which it is.
func (e *FieldError) Error() string { return e.Path + ": " + e.What }

// checkFields finds the first field that in does not read, or that is given twice. encoding/json would take upper and lower case for
// the same, pass over what it does not know, and take the last of two in silence. The object is JSON that can be read.
func checkFields(object []byte, in any, only []string) error {
	c := fieldCheck{json.NewDecoder(bytes.NewReader(object))}
	if e := c.value(reflect.TypeOf(in), only); e != nil {
		e.Path = strings.TrimPrefix(e.Path, ".")
		return e
	}
	return nil
}

// fieldCheck goes through the tokens of a value, beside the Go type that it is for.
type fieldCheck struct{ d *json.Decoder }

// value checks the value that comes next. t is nil where somebody else reads it.
func (c fieldCheck) value(t reflect.Type, only []string) *FieldError {
	token, _ := c.d.Token()
	open, isOpen := token.(json.Delim)
	if !isOpen {
		return nil
	}
	t = read(t)
	var names []string
	of := map[string]reflect.Type{}
	if open == '{' {
		names, of = fieldsOf(t, only)
	}
	seen := map[string]bool{}
	for i := 0; c.d.More(); i++ {
		at, inner := "["+strconv.Itoa(i)+"]", element(t)
		if open == '{' {
			token, _ := c.d.Token()
			name, _ := token.(string)
			at = "." + cut(name)
			if names != nil {
				known, ok := of[name]
				if !ok {
					return &FieldError{at, "no such field" + instead(name, names)}
				}
				inner = known
			}
			if name = strings.ToLower(name); seen[name] {
				return &FieldError{at, "given twice"}
			}
			seen[name] = true
		}
		if e := c.value(inner, nil); e != nil {
			e.Path = at + e.Path
			return e
		}
	}
	_, _ = c.d.Token() // its end
	return nil
}

// instead says which field may have been meant.
func instead(name string, names []string) string {
	switch near := codec.Nearest(name, names); {
	case len(names) == 0:
		return ", it takes none"
	case len(near) == 0:
		return ", there are " + strings.Join(names, ", ")
	default:
		return ", did you mean " + strings.Join(near, " or ") + "?"
	}
}

var (
	readsJSON = reflect.TypeFor[json.Unmarshaler]()
	readsText = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// read is the type that encoding/json fills in for t; nil: the type reads for itself.
func read(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || reflect.PointerTo(t).Implements(readsJSON) || reflect.PointerTo(t).Implements(readsText) {
		return nil
	}
	return t
}

// element is the type of what an array or map holds.
func element(t reflect.Type) reflect.Type {
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map) {
		return t.Elem()
	}
	return nil
}

// fieldsOf are the fields of a struct, by their names in JSON; names is nil where t is none.
func fieldsOf(t reflect.Type, only []string) (names []string, of map[string]reflect.Type) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil, nil
	}
	names, of = []string{}, map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if only == nil || slices.Contains(only, name) {
			names, of[name] = append(names, name), f.Type
		}
	}
	return names, of
}
