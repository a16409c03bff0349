package export

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Object is a JSON object whose keys stand in the order given, so that documents of two layers can be compared line by
// line. Values are strings, bools, ints, string lists, Objects, lists of Objects, and [json.RawMessage].
type Object []Member

// Member is a key of an [Object], a string, and its value.
type Member [2]any

// Key is the member's key.
func (m Member) Key() string {
	key, _ := m[0].(string)
	return key
}

// Append appends the object as JSON, on one line.
func (o Object) Append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, m.Key()), ':')
		dst = appendValue(dst, m[1])
	}
	return append(dst, '}')
}

// Lines appends the object as JSON with each of its members on a line of its own, and so on within the members whose keys
// deep names.
func (o Object) Lines(dst []byte, deep ...string) []byte {
	return append(o.lines(dst, "\n", deep), '\n')
}

func (o Object) lines(dst []byte, newline string, deep []string) []byte {
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, newline...), ' ', ' ')
		dst = append(appendText(dst, m.Key()), ": "...)
		if inner, ok := m[1].(Object); ok && slices.Contains(deep, m.Key()) {
			dst = inner.lines(dst, newline+"  ", deep)
		} else {
			dst = appendValue(dst, m[1])
		}
	}
	return append(append(dst, newline...), '}')
}

func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case Object:
		return v.Append(dst)
	case []Object:
		return appendList(dst, v, func(dst []byte, o Object) []byte { return o.Append(dst) })
	case []string:
		return appendList(dst, v, appendText)
	case string:
		return appendText(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	}
	raw, _ := v.(json.RawMessage)
	return append(dst, raw...)
}

func appendList[T any](dst []byte, list []T, item func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst, v)
	}
	return append(dst, ']')
}

// appendText is for text of schemas and of our own: UTF-8, and nothing that a page could take for markup is escaped.
func appendText(dst []byte, s string) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string cannot fail
	return append(dst, strings.TrimSuffix(b.String(), "\n")...)
}
