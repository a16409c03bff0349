package crypto

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// A key never shows itself, alone or inside something that is printed, logged or stored by reflection.
func TestKeyIsNeverPrinted(t *testing.T) {
	k := *mustKey(t, bytes.Repeat([]byte{0xab}, KeySize))
	type holder struct {
		K Key
		k Key
		p *Key
	}
	h := holder{k, k, &k}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "holder", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k, "holder", h)
	text := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%X"} {
		for _, v := range []any{k, &k, h, &h, []Key{k}, map[string]Key{"a": k}} {
			text += fmt.Sprintf(verb, v) + "\n"
		}
	}
	text += k.String() + k.GoString() + fmt.Sprint(k)
	for _, secret := range []string{"abab", "ABAB", "171 171", "171,171", "0xab", "\xab\xab", `\xab`, "q6ur"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in what was printed", secret)
		}
	}
	if !strings.Contains(text, fmt.Sprintf("key %016x", k.ID())) {
		t.Error("not even the id was printed")
	}
}

func TestKeyIsNeverMarshalled(t *testing.T) {
	k := *mustKey(t, seq(KeySize))
	if b, err := json.Marshal(k); err == nil {
		t.Errorf("json: %s", b)
	}
	if b, err := json.Marshal(map[string]any{"a": struct{ K Key }{k}}); err == nil {
		t.Errorf("json: %s", b)
	}
	var out bytes.Buffer
	if err := gob.NewEncoder(&out).Encode(k); err == nil {
		t.Error("gob took it")
	}
	if b, err := k.MarshalText(); err == nil {
		t.Errorf("text: %s", b)
	}
}

// B14
func TestKeyBasics(t *testing.T) {
	for _, n := range []int{0, 255, 257} {
		if _, err := NewKey(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes", n)
		}
	}
	raw := seq(KeySize)
	k := mustKey(t, raw)
	raw[0] = 99
	if got := k.AppendBytes([]byte("x")); !bytes.Equal(got[1:], seq(KeySize)) || got[0] != 'x' {
		t.Error("bytes are not what went in")
	}
	var zero Key
	if !zero.Zero() || k.Zero() || zero.ID() != 0 || zero.Aux() != 0 || len(zero.AppendBytes(nil)) != 0 {
		t.Error("zero key")
	}
	if zero.String() != "key none" {
		t.Error(zero.String())
	}
	if same := mustKey(t, seq(KeySize)); !k.Equal(*same) || k.Equal(*mustKey(t, raw)) || k.Equal(zero) || !zero.Equal(Key{}) {
		t.Error("Equal")
	}
	if id, ok := PacketKeyID([]byte{1, 0, 0, 0, 0, 0, 0, 0x80}); !ok || id != 0x8000000000000001 {
		t.Errorf("%x", id)
	}
	if _, ok := PacketKeyID(make([]byte, 7)); ok {
		t.Error("7 bytes have a key id")
	}
}
