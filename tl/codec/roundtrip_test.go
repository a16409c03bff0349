package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// H11: for every constructor and function of all files, TL -> text -> TL gives the same bytes.
func TestRoundTripEverything(t *testing.T) {
	rounds := 6
	if testing.Short() || raceEnabled {
		rounds = 1
	}
	for name, s := range compiled() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGenerator(s, 7)
			for _, c := range s.combs {
				if !g.possible(c) {
					t.Errorf("no value of %s is possible", c.name)
					continue
				}
				for round := range rounds {
					roundTrip(t, s, c, g.boxed(nil, c, round))
					if t.Failed() {
						return
					}
				}
			}
		})
	}
}

func roundTrip(t *testing.T, s *Schema, c *comb, src []byte) {
	t.Helper()
	text, err := s.AppendJSON(nil, src, s.AnyObject())
	if err != nil {
		t.Fatalf("%s: %v\n%x", c.name, err, src)
	}
	pack, err := s.AppendMsgpack(nil, src, s.AnyObject())
	if err != nil {
		t.Fatalf("%s: %v\n%x", c.name, err, src)
	}
	fromJSON, fromPack := outside(t, text, pack)
	if err := same(fromJSON, fromPack); err != nil {
		t.Fatalf("%s: JSON and MessagePack differ: %v\n%s", c.name, err, text)
	}
	backs := map[string]func() ([]byte, error){
		"json":    func() ([]byte, error) { return s.AppendTLFromJSON(nil, text, s.AnyObject(), nil) },
		"msgpack": func() ([]byte, error) { return s.AppendTLFromMsgpack(nil, pack, s.AnyObject(), nil) },
		// what other people's encoders make of it: keys sorted, or in the order of a Go map
		"encoding/json": func() ([]byte, error) {
			sorted, err := json.Marshal(fromJSON)
			if err != nil {
				t.Fatal(err)
			}
			return s.AppendTLFromJSON(nil, sorted, s.AnyObject(), nil)
		},
		"vmihailenco": func() ([]byte, error) {
			mixed, err := msgpack.Marshal(fromPack)
			if err != nil {
				t.Fatal(err)
			}
			return s.AppendTLFromMsgpack(nil, mixed, s.AnyObject(), nil)
		},
	}
	for name, back := range backs {
		if got, err := back(); err != nil || !bytes.Equal(got, src) {
			t.Fatalf("%s by %s: %v\n%s\n%x\n%x", c.name, name, err, text, src, got)
		}
	}
	v, err := s.View(src)
	if err != nil || v.Name() != c.name || !bytes.Equal(v.Raw(), src) {
		t.Fatalf("View of %s: %v %s", c.name, err, v.Name())
	}
	if f, ok := s.FunctionByID(c.id); ok {
		callTrip(t, s, f, src, text, pack)
	}
}

func callTrip(t *testing.T, s *Schema, f *Function, src, text, pack []byte) {
	t.Helper()
	if err := s.CheckCall(src, f); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ResultOf(src); err != nil {
		t.Fatal(err)
	}
	if got, err := s.AppendCallFromJSON([]byte("x"), text, f, nil); err != nil || string(got) != "x"+string(src) {
		t.Fatalf("%s: %v\n%s", f.Name(), err, text)
	}
	if got, err := s.AppendCallFromMsgpack([]byte("x"), pack, f, nil); err != nil || string(got) != "x"+string(src) {
		t.Fatalf("%s: %v\n%s", f.Name(), err, text)
	}
}

// outside reads both texts with software that is not ours.
func outside(t *testing.T, text, pack []byte) (fromJSON, fromPack any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&fromJSON); err != nil || d.More() {
		t.Fatalf("encoding/json: %v\n%s", err, text)
	}
	if !json.Valid(text) {
		t.Fatalf("not JSON: %s", text)
	}
	r := bytes.NewReader(pack)
	if err := msgpack.NewDecoder(r).Decode(&fromPack); err != nil || r.Len() > 0 {
		t.Fatalf("vmihailenco/msgpack: %v, %d bytes left\n%x", err, r.Len(), pack)
	}
	return fromJSON, fromPack
}

// same compares what was read of a value's JSON and of its MessagePack, by the mapping of the package comment.
func same(j, p any) error {
	switch p := p.(type) {
	case map[string]any:
		return sameMap(j, p)
	case []any:
		js, ok := j.([]any)
		if !ok || len(js) != len(p) {
			return fmt.Errorf("%v, %v", j, p)
		}
		for i := range p {
			if err := same(js[i], p[i]); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	case []byte:
		if m, ok := j.(map[string]any); ok && len(m) == 1 {
			j = m["base64"]
		}
		if want := base64.StdEncoding.EncodeToString(p); j != want {
			return fmt.Errorf("%v, %s", j, want)
		}
		return nil
	case float64:
		return sameDouble(j, p)
	case string, bool:
		if !reflect.DeepEqual(j, p) {
			return fmt.Errorf("%v, %v", j, p)
		}
		return nil
	}
	if fmt.Sprint(j) != fmt.Sprint(p) { // numbers
		return fmt.Errorf("%v, %v", j, p)
	}
	if _, quoted := j.(string); quoted != (reflect.TypeOf(p).Kind() == reflect.Int64) {
		return fmt.Errorf("%T, %T", j, p)
	}
	return nil
}

func sameMap(j any, p map[string]any) error {
	js, ok := j.(map[string]any)
	if !ok || len(js) != len(p) {
		return fmt.Errorf("%v, %v", j, p)
	}
	for k := range p {
		if err := same(js[k], p[k]); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return nil
}

func sameDouble(j any, p float64) error {
	text := fmt.Sprint(j)
	if math.IsNaN(p) && strings.HasPrefix(text, "NaN") {
		return nil
	}
	if v, err := strconv.ParseFloat(text, 64); err != nil || v != p {
		return fmt.Errorf("%s, %v", text, p)
	}
	return nil
}
