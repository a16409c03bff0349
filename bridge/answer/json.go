package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// ReadJSON reads the one JSON object that a request of tg.ctl is; of nothing, it leaves all fields as they are. A field that
// nobody reads is refused: it is misspelt, and what it was to say would be passed over in silence.
func ReadJSON(body []byte, in any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return errors.New(BadJSON(err))
	}
	if d.More() {
		return errors.New("want one object, got more behind it")
	}
	if twice := givenTwice(json.NewDecoder(bytes.NewReader(body))); twice != "" {
		return errors.New(strings.TrimPrefix(twice, ".") + ": given twice")
	}
	return nil
}

// givenTwice finds the path of a field that an object within a value has more than once; encoding/json would take the last in silence.
// Upper and lower case are the same, as for encoding/json. d stands before a value that it can read.
func givenTwice(d *json.Decoder) (path string) {
	t, _ := d.Token()
	open, isOpen := t.(json.Delim)
	if !isOpen {
		return ""
	}
	seen := make(map[string]bool)
	for i := 0; d.More(); i++ {
		at := "[" + strconv.Itoa(i) + "]"
		if open == '{' {
			t, _ := d.Token()
			name, _ := t.(string)
			at = "." + cut(name)
			if name = strings.ToLower(name); seen[name] {
				return at
			}
			seen[name] = true
		}
		if within := givenTwice(d); within != "" {
			return at + within
		}
	}
	_, _ = d.Token() // its end
	return ""
}

// BadJSON tells what is wrong with a request that encoding/json cannot read, in words of JSON and not of Go.
func BadJSON(err error) string {
	var e *json.UnmarshalTypeError
	if !errors.As(err, &e) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	want := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Slice: "an array", reflect.Struct: "an object", reflect.Map: "an object",
		reflect.Float32: "a number", reflect.Float64: "a number",
	}[e.Type.Kind()]
	if want == "" {
		want = "a whole number" // of whatever size
	}
	where := ""
	if e.Field != "" {
		where = e.Field + ": "
	}
	return where + "want " + want + ", got " + strings.Replace(e.Value, "bool", "true or false", 1)
}
