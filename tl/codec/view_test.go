package codec

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl/bin"
)

func TestView(t *testing.T) {
	s := schema(t, everything)
	v, err := s.View(append(slices.Clone(allTL), "behind"...))
	if err != nil {
		t.Fatal(err)
	}
	if v.Name() != "all" || v.ID() != 2 || v.Class() != "All" || !v.Valid() || !bytes.Equal(v.Raw(), allTL) || cap(v.Raw()) != len(allTL) {
		t.Errorf("%s %x %s %x", v.Name(), v.ID(), v.Class(), v.Raw())
	}
	if v.Int("i") != -1 || v.Int("l") != math.MinInt64 || v.Int("flags2") != 15 || v.Double("d") != 0.1 || v.Str("s") != "\"é\"\n" {
		t.Error("numbers and strings")
	}
	if !bytes.Equal(v.Bytes("b"), []byte{0, 255}) || len(v.Bytes("h")) != 16 || len(v.Bytes("w")) != 32 {
		t.Error("bytes")
	}
	if !v.Bool("on") || !v.Bool("yes") || v.Bool("i") || !v.Has("o") || v.Has("nope") {
		t.Error("bools")
	}
	if at := v.Offset("b"); at < 0 || !bytes.HasPrefix(v.Raw()[at:], []byte{2, 0, 255}) || v.Offset("nope") != -1 {
		t.Errorf("b at %d", at)
	}
	if p, ok := v.Object("p"); !ok || p.Name() != "point" || p.Int("y") != 2 || len(p.Raw()) != 8 {
		t.Errorf("bare object: %v %v", p, ok)
	}
	if o, ok := v.Object("o"); !ok || o.Name() != "boolFalse" {
		t.Errorf("any object: %v", o.Name())
	}
	if got := v.Longs("v"); !slices.Equal(got, []int64{1, -2}) || v.Len("v") != 2 || v.Len("n") != 2 {
		t.Errorf("%v", got)
	}
	var ys []int64
	for p := range v.Objects("u") {
		ys = append(ys, p.Int("y"))
	}
	if !slices.Equal(ys, []int64{4}) {
		t.Errorf("%v", ys)
	}
}

// Names of another layer must not hurt: what is not there is zero.
func TestViewOfNothing(t *testing.T) {
	s := schema(t, everything)
	all, err := s.View(allTL)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []View{{}, all} {
		if v.Int("x") != 0 || v.Int("s") != 0 || v.Double("i") != 0 || v.Str("i") != "" || v.Bytes("x") != nil || v.Bool("s") || v.Has("x") {
			t.Error("a value out of nothing")
		}
		if _, ok := v.Object("i"); ok || v.Longs("s") != nil || v.Longs("u") != nil || v.Len("i") != 0 {
			t.Error("an object out of nothing")
		}
		for range v.Objects("v") {
			t.Error("objects of longs")
		}
		for range v.Strs("v") {
			t.Error("strings of longs")
		}
	}
	if v := (View{}); v.Valid() || v.Name() != "" || v.Class() != "" || v.ID() != 0 || v.Raw() != nil {
		t.Error("the zero View is something")
	}
	for cut := range allTL {
		if _, err := s.View(allTL[:cut]); err == nil {
			t.Errorf("cut at %d: no error", cut)
		}
	}
	_, err = s.View([]byte("\xff\xff\xff\xff"))
	if !errors.As(err, new(*bin.UnexpectedIDError)) || err.Error() != "at byte 0: want Object, got the unknown constructor ffffffff" {
		t.Error(err)
	}
}

func TestViewOfUpdates(t *testing.T) {
	src, err := api().Encode(nil, M{
		"_": "updates", "date": 5, "seq": 0, "users": []M{}, "chats": []any{M{"_": "chatEmpty", "id": 7}},
		"updates": []M{
			{"_": "updateNewMessage", "message": message(0), "pts": 10, "pts_count": 1},
			{"_": "updateDeleteMessages", "messages": []int{4, 5}, "pts": 12, "pts_count": 2},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := api().View(src)
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	var names []string
	for u := range v.Objects("updates") {
		names = append(names, u.Name())
		raw = append(raw, u.Raw()...)
		if m, ok := u.Object("message"); ok {
			from, _ := m.Object("from_id")
			if from.Int("user_id") != 700000000 || m.Int("id") != 100000 || !strings.HasPrefix(m.Str("message"), "The quick") {
				t.Errorf("message %d", m.Int("id"))
			}
			if header, _ := m.Object("reply_to"); !header.Bool("quote") || header.Has("reply_to_peer_id") {
				t.Error("reply header")
			}
		}
		if u.Name() == "updateDeleteMessages" && !slices.Equal(u.Longs("messages"), []int64{4, 5}) {
			t.Error("ids")
		}
	}
	if want := []string{"updateNewMessage", "updateDeleteMessages"}; !slices.Equal(names, want) || !bytes.Contains(src, raw) {
		t.Errorf("%v", names)
	}
	for range v.Objects("updates") {
		break // may stop early
	}
}

// H5: results that are vectors have no constructor to take a View of.
func TestVectorOfObjects(t *testing.T) {
	users, _ := api().Type("Vector<User>")
	src, err := api().AppendValue(nil, users, []M{{"_": "userEmpty", "id": 1}, {"_": "userEmpty", "id": 2}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for u := range api().Objects(src, users) {
		ids = append(ids, u.Int("id"))
	}
	if !slices.Equal(ids, []int64{1, 2}) {
		t.Errorf("%v", ids)
	}
	for range api().Objects(src[:len(src)-1], users) {
		t.Error("objects of a broken vector")
	}
	class, _ := api().Type("User")
	for range api().Objects(src, class) {
		t.Error("objects of no vector")
	}
}

func TestEncode(t *testing.T) {
	s := schema(t, everything)
	sixteen := [16]byte(unhex("000102030405060708090a0b0c0d0e0f"))
	point, err := s.Encode(nil, M{"_": "point", "x": 1, "y": int64(2)})
	if err != nil {
		t.Fatal(err)
	}
	view, _ := s.View(point)
	m := M{
		"_": "all", "on": true, "i": int32(-1), "l": int64(math.MinInt64), "d": 0.1, "s": []byte("\"é\"\n"), "b": "\x00\xff",
		"h": sixteen, "w": append(sixteen[:], sixteen[:]...), "yes": true, "p": Raw(point[4:]), "v": []int{1, -2},
		"u": []map[string]any{}, "n": []any{[]int32{}, []int64{5}}, "o": Raw(unhex("379779bc")), "t": M{}, "z": map[string]any{},
	}
	if _, err = s.Encode(nil, m); err == nil || err.Error() != "all: u: want vector<%Point>, got a Go []map[string]interface {}" {
		t.Error(err)
	}
	m["u"] = []M{{"x": 3, "y": 4}}
	got, err := s.Encode([]byte("before"), m)
	if err != nil || string(got) != "before"+string(allTL) {
		t.Errorf("%v\n got %x\nwant %x", err, got, allTL)
	}
	for _, c := range []struct {
		m    M
		want string
	}{
		{M{"_": "point", "x": 1}, "point: y: missing, want int"},
		{M{"_": "point", "x": 1, "y": nil}, "point: y: want int, got a Go <nil>"},
		{M{"_": "point", "x": 1 << 40, "y": 0}, "point: x: want int, got 1099511627776"},
		{M{"_": "point", "x": "1", "y": 0}, "point: x: want int, got a Go string"},
		{M{"_": "point", "x": 1, "y": 0, "zz": 0, "q": 0}, "point: q: no such field in point"},
		{M{"_": "pont"}, `pont: want an object, there is no constructor "pont", did you mean point?`},
		{M{"x": 1}, `want an object with its constructor in "_"`},
		{M{"_": "to", "side": M{}, "more": nil}, `to: side: want Side with its constructor in "_": left, right`},
		{M{"_": "to", "side": Raw(point), "more": nil}, "to: side: at byte 0: want Side, got point"},
		{M{"_": "to", "side": view, "more": nil}, "to: side: at byte 0: want Side, got point"},
		{M{"_": "to", "side": M{"_": "left"}, "more": []M{{"_": "left"}, {}}}, `to: more[1]: want Side with its constructor in "_": left, right`},
		{M{"_": "shared", "a": 1}, "shared: b: missing, it must come together with a, c"},
		{M{"_": "shared", "flags": 1}, "shared: flags: flags follow from the fields that are present, leave it out"},
		{M{"_": "wrap", "side": M{"_": "left"}, "query": M{"_": "left"}, "after": 1}, "wrap: query: want a method, got left"},
	} {
		if dst, err := s.Encode(point, c.m); err == nil || err.Error() != c.want || len(dst) != len(point) {
			t.Errorf("%v\n got %v\nwant %s", c.m, err, c.want)
		}
	}
	loop := M{"_": "wrap", "side": M{"_": "left"}, "after": 1}
	loop["query"] = loop
	if _, err := s.Encode(nil, loop); err == nil || !strings.HasSuffix(err.Error(), "nested deeper than 128") {
		t.Errorf("a map within itself: %v", err)
	}
	if got, err := s.Encode(nil, M{"_": "ping#00000017"}); err != nil || got[0] != 0x17 {
		t.Errorf("by id: %v, %x", err, got)
	}
}
