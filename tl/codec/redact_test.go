package codec

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl"
)

// secrets is a small world with all that a rule has to find its way through.
const secrets = `
peerUser user_id:long = Peer;
peerChat chat_id:long = Peer;
header flags:# from:flags.0?Peer name:flags.1?string = Header;
entity flags:# url:flags.0?string offset:int = Entity;
boxed text:string n:int = Inner;
note flags:# pinned:flags.0?true id:int from:flags.1?Peer header:flags.2?Header flags2:# text:string inner:Inner list:Vector<Entity> bare:%Inner
  views:flags.3?int forwards:flags.3?int shares:flags2.0?int label:flags2.0?string raw:flags2.31?bytes seen:Vector<int> = Note;
noteEmpty id:int = Note;
alarm text:string = Alarm;
shelf flags:# owner:flags.0?Peer on:flags.1?Inner left:flags.1?Alarm n:flags.1?int label:flags.2?string = Shelf;
page flags:# notes:Vector<Note> alarm:flags.0?Alarm any:flags.1?Object title:string = Page;
`

func secretRule(c *tl.Combinator) Redaction {
	switch c.Name {
	case "note":
		return Redaction{Why: "note", UserFields: []string{"from", "header"}, Text: true}
	case "alarm":
		return Redaction{Why: "alarm", Always: true, Text: true}
	case "shelf":
		return Redaction{Why: "shelf", UserFields: []string{"owner"}, Fields: []string{"on", "label", "n"}, Keep: true}
	}
	return Redaction{}
}

func redactor(tb testing.TB) (*Schema, *Redactor) {
	tb.Helper()
	s := schema(tb, secrets)
	return s, s.NewRedactor([]int64{777, 1 << 40}, secretRule)
}

func note(from M, header M) M {
	m := M{"_": "note", "pinned": true, "id": 5, "text": "secret", "inner": M{"_": "boxed", "text": "secret", "n": 9}, "bare": M{"text": "secret", "n": 8},
		"list": []M{{"_": "entity", "url": "secret", "offset": 1}}, "views": 3, "forwards": 4, "shares": 7, "label": "secret", "raw": []byte("secret"),
		"seen": []int{1, 2}}
	if from != nil {
		m["from"] = from
	}
	if header != nil {
		m["header"] = header
	}
	return m
}

func TestRedact(t *testing.T) {
	s, r := redactor(t)
	service, other := M{"_": "peerUser", "user_id": 777}, M{"_": "peerUser", "user_id": 778}
	const kept = `"inner":{"_":"boxed","text":"","n":9},"list":[],"bare":{"_":"boxed","text":"","n":8},"views":3,"forwards":4,"seen":[1,2]}`
	for _, c := range []struct {
		about string
		m     M
		want  string // of the note, in JSON; empty: as it was
	}{
		{"from a service user", note(service, nil), `{"_":"note","pinned":true,"id":5,"from":{"_":"peerUser","user_id":"777"},"text":"",` + kept},
		{"the other one", note(M{"_": "peerUser", "user_id": 1 << 40}, nil), `{"_":"note","pinned":true,"id":5,"from":{"_":"peerUser","user_id":"1099511627776"},"text":"",` + kept},
		{"forwarded", note(other, M{"_": "header", "from": service, "name": "secret"}), `{"_":"note","pinned":true,"id":5,"from":{"_":"peerUser","user_id":"778"},"text":"",` + kept},
		{"a chat of the same id", note(M{"_": "peerChat", "chat_id": 777}, nil), ""},
		{"somebody else", note(other, M{"_": "header", "from": other}), ""},
		{"nobody", note(nil, nil), ""},
	} {
		page := func(m M) M { return M{"_": "page", "notes": []M{note(other, nil), m}, "any": m, "title": "title"} }
		src, err := s.Encode(nil, page(c.m))
		if err != nil {
			t.Fatal(err)
		}
		typ, _ := s.Type("Page")
		out, why, err := r.Redact([]byte("before"), src, typ)
		if err != nil || !bytes.HasPrefix(out, []byte("before")) {
			t.Fatalf("%s: %v", c.about, err)
		}
		if out = out[len("before"):]; c.want == "" {
			if why != "" || len(out) != 0 {
				t.Errorf("%s: taken, because of a %s", c.about, why)
			}
			continue
		}
		got, err := s.AppendJSON(nil, out, typ)
		if n := strings.Count(string(got), c.want); err != nil || n != 2 || why != "note" || !r.MayHold(src) || strings.Count(string(got), `"secret"`) != 5 {
			t.Errorf("%s: %v, %d times\n%s", c.about, err, n, got)
		}
		if again, why, err := r.Redact(nil, out, typ); err != nil || why != "" || len(again) != 0 {
			t.Errorf("%s: again: %s %v", c.about, why, err)
		}
	}
}

// What is kept is there without its text, and so are those that share its bit; what is not there stays away.
func TestRedactKeeps(t *testing.T) {
	s, r := redactor(t)
	shelf := func(id int64, more M) M {
		m := M{"_": "shelf", "owner": M{"_": "peerUser", "user_id": id}}
		maps.Copy(m, more)
		return m
	}
	on := M{"on": M{"_": "boxed", "text": "secret", "n": 9}, "left": M{"_": "alarm", "text": ""}, "n": 3}
	for _, c := range []struct {
		m         M
		want, why string
	}{
		{shelf(777, on), `{"_":"shelf","owner":{"_":"peerUser","user_id":"777"},"on":{"_":"boxed","text":"","n":9},"left":{"_":"alarm","text":""},"n":3}`, "shelf"},
		{shelf(777, M{"label": "secret"}), `{"_":"shelf","owner":{"_":"peerUser","user_id":"777"},"label":""}`, "shelf"},
		{shelf(777, nil), "", ""},
		{shelf(778, on), "", ""},
	} {
		src, err := s.Encode(nil, c.m)
		if err != nil {
			t.Fatal(err)
		}
		out, why, err := r.Redact(nil, src, s.AnyObject())
		if err != nil || why != c.why {
			t.Fatalf("%v: %q %v", c.m, why, err)
		}
		if why == "" {
			continue
		}
		if got, err := s.AppendJSON(nil, out, s.AnyObject()); err != nil || string(got) != c.want {
			t.Errorf("%v\n%s\n%s", err, got, c.want)
		}
		if _, again, err := r.Redact(nil, out, s.AnyObject()); err != nil || again != "" {
			t.Errorf("redacted twice: %q %v", again, err)
		}
	}
}

// Always needs no user; and what already is empty is not said to be taken.
func TestRedactAlways(t *testing.T) {
	s, r := redactor(t)
	for text, want := range map[string]string{"secret": "alarm", "": "", "abc": "alarm", strings.Repeat("x", 300): "alarm", "\x00\x00\x00": "alarm"} {
		src, _ := s.Encode(nil, M{"_": "alarm", "text": text})
		out, why, err := r.Redact(nil, src, s.AnyObject())
		if err != nil || why != want || want != "" && !bytes.Equal(out[4:], make([]byte, 4)) || !r.MayHold(src) {
			t.Errorf("%q: %q %v %x", text, why, err, out)
		}
	}
	for name, want := range map[string]bool{"Page": true, "Vector<Note>": true, "Alarm": true, "Inner": false, "Vector<int>": false, "note": true} {
		typ, ok := s.Type(name)
		if !ok || r.Holds(typ) != want {
			t.Errorf("%s: %v, want %v", name, !want, want)
		}
	}
}

// Nothing is missed wherever an id stands, and no bytes are read that are not there.
func TestSuspect(t *testing.T) {
	s, r := redactor(t)
	alarm, _ := s.Encode(nil, M{"_": "alarm", "text": ""})
	id, _ := s.Encode(nil, M{"_": "peerUser", "user_id": 777})
	for _, needle := range [][]byte{id[4:], alarm[:8]} {
		for size := 8; size < 100; size += 4 {
			for at := 0; at+8 <= size; at += 4 {
				src := bytes.Repeat([]byte{0x11}, size)
				if r.MayHold(src) {
					t.Fatalf("%x", src)
				}
				copy(src[at:], needle)
				if !r.MayHold(src[:size:size]) {
					t.Fatalf("not found at %d of %d", at, size)
				}
			}
		}
	}
	if none := s.NewRedactor(nil, func(*tl.Combinator) Redaction { return Redaction{} }); none.MayHold(make([]byte, 64)) || none.Holds(s.AnyObject()) != true {
		t.Error("no rules find something")
	}
}

func TestRedactAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s := api()
	r := s.NewRedactor([]int64{777000}, func(c *tl.Combinator) Redaction {
		return Redaction{Why: "x", UserFields: []string{"peer_id"}, Text: c.Result.Name == "Message"}
	})
	src := history(t, 20)
	typ, _ := s.Type("messages.Messages")
	if n := testing.AllocsPerRun(100, func() {
		if _, why, err := r.Redact(nil, src, typ); why != "" || err != nil {
			t.Error(why, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever comes: no panic, and what is left is a value of the type with nothing more to take.
func FuzzRedact(f *testing.F) {
	s, r := redactor(f)
	for _, m := range []M{note(M{"_": "peerUser", "user_id": 777}, M{"_": "header"}), {"_": "alarm", "text": "secret"}, {"_": "page", "notes": []M{}, "title": ""}} {
		src, err := s.Encode(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		out, why, err := r.Redact(nil, src, s.AnyObject())
		if bad := s.Check(src, s.AnyObject()); bad != nil && r.MayHold(src) != (err != nil) || bad == nil && err != nil {
			t.Fatalf("checking says %v, redacting %v", bad, err)
		}
		if why == "" {
			return
		}
		if !r.MayHold(src) || len(out) > len(src) || s.Check(out, s.AnyObject()) != nil {
			t.Fatalf("%x from %x: %v", out, src, s.Check(out, s.AnyObject()))
		}
		if _, again, err := r.Redact(nil, out, s.AnyObject()); again != "" || err != nil {
			t.Fatalf("%x: %s left, %v", out, again, err)
		}
	})
}

func BenchmarkRedactNothing(b *testing.B) {
	r := api().NewRedactor([]int64{42777, 333000, 489000, 777000}, func(c *tl.Combinator) Redaction {
		return Redaction{Why: "x", UserFields: []string{"peer_id"}, Always: c.Name == "updateServiceNotification" || c.Name == "config", Text: true}
	})
	typ, _ := api().Type("messages.Messages")
	benchHistory(b, func(b *testing.B, src []byte) {
		for b.Loop() {
			if _, why, err := r.Redact(nil, src, typ); why != "" || err != nil {
				b.Fatal(why, err)
			}
		}
	})
}
