package codec

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl"
)

// tagLongs tells lists, users and all others apart, and leaves one name out.
func tagLongs(field string, vector bool) uint8 {
	switch {
	case field == "access_hash":
		return 0
	case vector:
		return 3
	case strings.HasSuffix(field, "user_id"):
		return 2
	default:
		return 1
	}
}

// The finder finds the longs of every constructor that JSON shows too, in their order.
func TestLongFinder(t *testing.T) {
	s := api()
	f, g := s.NewLongFinder(tagLongs), newGenerator(s, 5)
	found := 0
	for _, c := range s.combs {
		if !g.possible(c) {
			continue
		}
		src := g.boxed(nil, c, 6)
		text, err := s.AppendJSON(nil, src, Type{objectType})
		if err != nil {
			continue // too large
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		got, want := f.Append(nil, src), longsOf(t, g.decls, nil, value)
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v", text, got, want)
		}
		found += len(got)
	}
	if found < 2000 {
		t.Errorf("only %d longs were found", found)
	}
}

// longsOf reads the longs off an object in JSON.
func longsOf(t *testing.T, s *tl.Schema, longs []Long, value any) []Long {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			longs = longsOf(t, s, longs, item)
		}
	case map[string]any:
		full, ok := value["_"].(string)
		if !ok {
			return longs // a string that is not UTF-8
		}
		name, _, _ := strings.Cut(full, "#")
		c := s.Constructor(name)
		if c == nil || full != name {
			c = s.Function(name)
		}
		for _, p := range c.Params {
			longs = longsOfField(t, s, longs, p, value[p.Name])
		}
	}
	return longs
}

func longsOfField(t *testing.T, s *tl.Schema, longs []Long, p tl.Param, value any) []Long {
	items, list := value.([]any)
	switch {
	case value == nil || p.Type.Name == "string" || p.Type.Name == "bytes":
		return longs
	case p.Type.Name == "long":
		items = []any{value}
	case !list || p.Type.Args[0].Name != "long":
		return longsOf(t, s, longs, value)
	}
	for _, item := range items {
		n, err := strconv.ParseInt(item.(string), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if tag := tagLongs(p.Name, list); tag != 0 {
			longs = append(longs, Long{tag, n})
		}
	}
	return longs
}

// Of what cannot be read it finds what comes before.
func TestLongFinderOfBadBytes(t *testing.T) {
	s := api()
	f := s.NewLongFinder(tagLongs)
	src, err := s.Encode(nil, M{"_": "updateChatParticipantAdd", "chat_id": 5, "user_id": 6, "inviter_id": 7, "date": 1, "version": 2})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(src) {
		if got := f.Append(nil, src[:n]); len(got) != max(0, n-4)/8 {
			t.Errorf("of %d bytes: %v", n, got)
		}
	}
	if got := f.Append([]Long{{9, 9}}, []byte("what is this?")); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
