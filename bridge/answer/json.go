package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// ReadJSON reads the one JSON object that a request of tg.ctl is; of nothing, it leaves all fields as they are. A field that
// nobody reads is refused: it is misspelt, and what it was to say would be passed over in silence. only are the fields that this
// request may have of those that in has; none: all of them.
func ReadJSON(body []byte, in any, only ...string) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	var object json.RawMessage
	if err := d.Decode(&object); err != nil {
		return errors.New(BadJSON(err))
	}
	if d.More() {
		return errors.New("want one object, got more behind it")
	}
	if err := checkFields(object, in, only); err != nil {
		return err
	}
	if err := json.Unmarshal(object, in); err != nil {
		return errors.New(BadJSON(err))
	}
	return nil
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
