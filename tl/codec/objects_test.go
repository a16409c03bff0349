package codec

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/natsgram/natsgram/tl"
)

func people(c *tl.Combinator) bool { return c.Result.Name == "User" || c.Result.Name == "Chat" }

// The finder finds the users and chats of every constructor that JSON shows too, in whatever encoding the value is written, and
// changes nothing of what is written.
func TestObjectFinder(t *testing.T) {
	s := api()
	f, g := s.NewObjectFinder(people), newGenerator(s, 7)
	total := 0
	for _, c := range s.combs {
		if !g.possible(c) {
			continue
		}
		src := g.boxed(nil, c, 6)
		plain, err := s.AppendJSON(nil, src, Type{objectType})
		if err != nil {
			continue // too large
		}
		text, found, err := f.AppendJSON(nil, nil, src, Type{objectType})
		if err != nil || !bytes.Equal(text, plain) {
			t.Fatalf("%s: %v", c.name, err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		if want := peopleIn(s, value); len(found) != want {
			t.Fatalf("%s: %d found, want %d", text, len(found), want)
		}
		_, packed, err := f.AppendMsgpack(nil, nil, src, Type{objectType})
		if err != nil || !equalObjects(packed, found) || !equalObjects(f.Append(nil, src, Type{objectType}), found) {
			t.Fatalf("%s: not the same are found in other encodings", c.name)
		}
		for _, o := range found {
			if v, err := s.View(o.Raw()); err != nil || len(v.Raw()) != len(o.Raw()) || v.Name() != o.Name() || o.Class() != "User" && o.Class() != "Chat" {
				t.Fatalf("%s: found %x, %v", c.name, o.Raw(), err)
			}
		}
		total += len(found)
	}
	if total < 200 {
		t.Errorf("only %d objects were found", total)
	}
}

// peopleIn counts the users and chats of a value in JSON.
func peopleIn(s *Schema, value any) (n int) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			n += peopleIn(s, item)
		}
	case map[string]any:
		name, _ := value["_"].(string)
		if c := s.ctors[name]; c != nil && people(c.decl) {
			n++
		}
		for _, item := range value {
			n += peopleIn(s, item)
		}
	}
	return n
}

func resultOf(t testing.TB, s *Schema, method string) Type {
	t.Helper()
	f, ok := s.Function(method)
	if !ok {
		t.Fatal(method)
	}
	return f.Result()
}

func equalObjects(a, b []View) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].Raw(), b[i].Raw()) {
			return false
		}
	}
	return true
}

// What cannot be read holds nothing, and what holds nothing is not looked through.
func TestObjectFinderNothing(t *testing.T) {
	s := api()
	f := s.NewObjectFinder(people)
	src := history(t, 4)
	result := resultOf(t, s, "messages.getHistory")
	if _, found, err := f.AppendJSON(nil, nil, src[:len(src)-4], result); err == nil || found != nil {
		t.Errorf("%d found, %v", len(found), err)
	}
	if found := f.Append(nil, src[:len(src)-4], result); found != nil {
		t.Errorf("%d found", len(found))
	}
	if f.looks(resultOf(t, s, "messages.readHistory")) != nil || f.looks(Type{}) != nil {
		t.Error("an answer without users is looked through")
	}
	if _, found, err := f.AppendJSON(nil, nil, src, result); err != nil || len(found) != 4 {
		t.Errorf("%d found, %v", len(found), err)
	}
}

// BenchmarkJSONFound is BenchmarkAppendJSON with a finder: by it users and chats are learned.
func BenchmarkJSONFound(b *testing.B) {
	s := api()
	f := s.NewObjectFinder(people)
	src := history(b, 20)
	t := resultOf(b, s, "messages.getHistory")
	var dst []byte
	var found []View
	for _, way := range []string{"without", "with"} {
		b.Run(way, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if way == "with" {
					dst, found, _ = f.AppendJSON(dst[:0], found[:0], src, t)
				} else {
					dst, _ = s.AppendJSON(dst[:0], src, t)
				}
			}
		})
	}
}
