package codec

import (
	"bytes"
	"testing"
)

// Fields answers as View does, for every field of everything, and for names that are not there.
func TestFields(t *testing.T) {
	for name, s := range compiled() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGenerator(s, 11)
			var f Fields
			for round, c := range s.combs {
				v, err := s.View(g.boxed(nil, c, round%5))
				if err != nil {
					t.Fatal(err)
				}
				f.Read(v)
				for i := range c.fields {
					sameField(t, &f, v, c.fields[i].name)
				}
				sameField(t, &f, v, "no such field")
			}
			f.Read(View{})
			sameField(t, &f, View{}, "flags")
		})
	}
}

func sameField(t *testing.T, f *Fields, v View, name string) {
	t.Helper()
	if f.View().ID() != v.ID() || f.Has(name) != v.Has(name) || f.Int(name) != v.Int(name) || f.Bool(name) != v.Bool(name) || f.Len(name) != v.Len(name) || !bytes.Equal(f.Bytes(name), v.Bytes(name)) {
		t.Errorf("%s.%s differs", v.Name(), name)
	}
	got, ok := f.Object(name)
	want, wanted := v.Object(name)
	if ok != wanted || got.Name() != want.Name() || !bytes.Equal(got.Raw(), want.Raw()) || got.off != want.off {
		t.Errorf("%s.%s: %v %x, want %v %x", v.Name(), name, ok, got.Raw(), wanted, want.Raw())
	}
	var items [][]byte
	for o := range v.Objects(name) {
		items = append(items, o.Raw())
	}
	n := 0
	for o := range f.Objects(name) {
		if n++; n > len(items) || !bytes.Equal(o.Raw(), items[n-1]) {
			t.Fatalf("%s.%s: another item", v.Name(), name)
		}
	}
	var item Fields
	for o := range f.Each(name, &item) {
		if n--; n < 0 || !bytes.Equal(o.View().Raw(), items[len(items)-n-1]) {
			t.Fatalf("%s.%s: another item", v.Name(), name)
		}
	}
	if n > 0 {
		t.Errorf("%s.%s: %d items less", v.Name(), name, n)
	}
}

func BenchmarkFields(b *testing.B) {
	src, err := api().Encode(nil, M{"_": "updateNewMessage", "message": message(6), "pts": 500, "pts_count": 1})
	if err != nil {
		b.Fatal(err)
	}
	v, _ := api().View(src)
	var u, m Fields
	b.ReportAllocs()
	for b.Loop() {
		u.Read(v)
		inner, _ := u.Object("message")
		m.Read(inner)
		if u.Int("pts")+u.Int("pts_count")+m.Int("id")+m.Int("date") == 0 {
			b.Fatal("nothing was read")
		}
	}
}
