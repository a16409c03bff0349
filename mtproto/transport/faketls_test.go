package transport

import (
	"bytes"
	"errors"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

// A25: the answer of a real proxy.
func TestServerHelloVector(t *testing.T) {
	v := vectors.Get(t, "faketls_server_hello_alexbers")
	key, records := v.InBytes(t, "secret"), v.InBytes(t, "records")
	random := [32]byte(v.InBytes(t, "client_random"))
	if !bytes.Equal(records[tlsRandomAt:tlsRandomAt+32], v.OutBytes(t, "server_random")) {
		t.Error("the server's random stands elsewhere")
	}
	if err := VerifyServerHello(key, &random, records); err != nil {
		t.Error(err)
	}
	for i := 0; i < len(records); i += 13 {
		bad := bytes.Clone(records)
		bad[i] ^= 1
		if err := VerifyServerHello(key, &random, bad); !errors.Is(err, ErrProtocol) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	random[0] ^= 1
	if err := VerifyServerHello(key, &random, records); !errors.Is(err, ErrProtocol) {
		t.Errorf("another client's random: %v", err)
	}
}

// A25: the order of the records.
func TestServerHelloShape(t *testing.T) {
	hello := append([]byte{0x16, 3, 3, 0, 60}, make([]byte, 60)...)
	data := append([]byte{0x17, 3, 3, 0, 10}, make([]byte, 10)...)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		b  []byte
		ok bool
	}{
		"three records":   {join(hello, tlsChange, data), true},
		"two hellos":      {join(hello, hello, tlsChange, data), true},
		"short hello":     {join([]byte{0x16, 3, 3, 0, 1, 1}, tlsChange, data), false},
		"no change":       {join(hello, data), false},
		"no data":         {join(hello, tlsChange), false},
		"cut":             {join(hello, tlsChange, data[:14]), false},
		"more":            {join(hello, tlsChange, data, data), false},
		"an alert":        {[]byte{0x15, 3, 3, 0, 2, 2, 40}, false},
		"nothing":         {nil, false},
		"hello cut":       {hello[:50], false},
		"wrong order":     {join(tlsChange, hello, data), false},
		"old TLS version": {join(append([]byte{0x16, 3, 1}, hello[3:]...), tlsChange, data), false},
	} {
		if tlsAnswer(c.b) != c.ok {
			t.Errorf("%s: %v", name, !c.ok)
		}
	}
}

func FuzzVerifyServerHello(f *testing.F) {
	f.Add(append([]byte{0x16, 3, 3, 0, 60}, make([]byte, 71)...))
	f.Fuzz(func(t *testing.T, records []byte) {
		if VerifyServerHello(make([]byte, 16), new([32]byte), records) == nil {
			t.Error("a proof from nothing")
		}
	})
}
