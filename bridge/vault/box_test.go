package vault

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestBox(t *testing.T) {
	old, now := keyOf(bytes.Repeat([]byte{1}, 32)), keyOf(bytes.Repeat([]byte{2}, 32))
	box := func(purpose string, keys ...Key) Box {
		b, err := NewBox(purpose, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sealed, err := box("once", old).Seal("main.a", []byte("secret"))
	if err != nil || bytes.Contains(sealed, []byte("secret")) {
		t.Fatal(sealed, err)
	}
	altered := bytes.Clone(sealed)
	altered[len(altered)-1] ^= 1
	for _, c := range []struct {
		about  string
		box    Box
		name   string
		sealed []byte
		want   bool
	}{
		{"as it was", box("once", old), "main.a", sealed, true},
		{"after the key was changed", box("once", now, old), "main.a", sealed, true},
		{"another key", box("once", now), "main.a", sealed, false},
		{"another purpose", box("queue", old), "main.a", sealed, false},
		{"another name", box("once", old), "main.b", sealed, false},
		{"altered", box("once", old), "main.a", altered, false},
		{"cut off", box("once", old), "main.a", sealed[:20], false},
		{"nothing", box("once", old), "main.a", nil, false},
	} {
		plain, err := c.box.Open(c.name, c.sealed)
		if c.want != (err == nil) || c.want && string(plain) != "secret" || !c.want && !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %q %v", c.about, plain, err)
		}
	}
	next, err := box("once", now, old).Reseal("main.a", sealed)
	if plain, is := box("once", now).Open("main.a", next); err != nil || is != nil || string(plain) != "secret" {
		t.Errorf("sealed anew: %q %v %v", plain, err, is)
	}
	if again, err := box("once", now, old).Reseal("main.a", next); again != nil || err != nil {
		t.Errorf("sealed anew twice: %v", err)
	}
	if _, err := box("once", now).Reseal("main.a", sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("sealed anew without its key: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v", box("once", old), box("once", old), box("once", old)); text != "[box] [box] [box]" {
		t.Error(text)
	}
}
