package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// paramsOf turns words into a method's parameters.
//
//	key=value       a value in the type that the schema gives key: message=hello limit=10 silent=true id=1,2,3
//	a.b=value       a field of an object: peer._=inputPeerSelf
//	key:=json       JSON as it is: reply_to:='{"_":"inputReplyToMessage","reply_to_msg_id":5}'
//	key=@file       the content of a file, for parameters of type bytes
//
// Values are not checked here: the daemon does that, and names the place.
func paramsOf(words []string, f *tl.Combinator) (map[string]any, error) {
	params := map[string]any{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%q: want key=value or key:=json", word)
		}
		v, err := wordValue(&key, value, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if err := place(params, key, v); err != nil {
			return nil, err
		}
	}
	return params, nil
}

func wordValue(key *string, value string, f *tl.Combinator) (any, error) {
	if raw, ok := strings.CutSuffix(*key, ":"); ok {
		*key = raw
		if !json.Valid([]byte(value)) {
			return nil, fmt.Errorf("%q is not JSON", value)
		}
		return json.RawMessage(value), nil
	}
	return typedValue(typeOf(f, *key), value)
}

// typeOf is the type of a parameter; the zero Type where the schema does not tell, as inside of objects.
func typeOf(f *tl.Combinator, key string) tl.Type {
	if f == nil {
		return tl.Type{}
	}
	i := slices.IndexFunc(f.Params, func(p tl.Param) bool { return p.Name == key })
	if i < 0 {
		return tl.Type{}
	}
	return f.Params[i].Type
}

func typedValue(t tl.Type, value string) (any, error) {
	switch t.Name {
	case "string", "long", "int128", "int256":
		return value, nil
	case "bytes":
		if name, ok := strings.CutPrefix(value, "@"); ok {
			content, err := os.ReadFile(name)
			return base64.StdEncoding.EncodeToString(content), err
		}
		return value, nil
	case "Vector", "vector":
		return listValue(t.Args[0], value)
	}
	return plainValue(value), nil
}

func listValue(item tl.Type, value string) (any, error) {
	if strings.HasPrefix(value, "[") && json.Valid([]byte(value)) {
		return json.RawMessage(value), nil
	}
	list := []any{}
	for part := range strings.SplitSeq(value, ",") {
		if part == "" {
			continue
		}
		v, err := typedValue(item, part)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// plainValue reads what looks like JSON as JSON, all else as a string.
func plainValue(value string) any {
	if _, err := strconv.ParseFloat(value, 64); err != nil && !strings.ContainsAny(value[:min(1, len(value))], `{["tfn`) {
		return value
	}
	if json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	return value
}

// place puts v where a dotted key says, making the objects on the way.
func place(params map[string]any, key string, v any) error {
	names := strings.Split(key, ".")
	for i, name := range names[:len(names)-1] {
		next, ok := params[name].(map[string]any)
		if params[name] != nil && !ok {
			return fmt.Errorf("%s: %s has a value already", key, strings.Join(names[:i+1], "."))
		}
		if next == nil {
			next = map[string]any{}
			params[name] = next
		}
		params = next
	}
	last := names[len(names)-1]
	if params[last] != nil {
		return fmt.Errorf("%s: given twice", key)
	}
	params[last] = v
	return nil
}
