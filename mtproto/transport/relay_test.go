package transport

import (
	"bytes"
	"crypto/rand"
	"testing"
)

// A18: a proxy passes on what it does not understand: from a client with a secret to a server that knows none.
func TestRelay(t *testing.T) {
	secret := bytes.Repeat([]byte{9}, 16)
	for _, kind := range []Kind{Abridged, Intermediate, Padded} {
		client := newClient(t, ClientOptions{Kind: kind, Secret: secret, DC: 4})
		down := NewServer(ServerOptions{Rand: rand.Reader, Secret: secret})
		server := NewServer(ServerOptions{Rand: rand.Reader})
		if _, err := down.AppendRaw(nil, []byte("x")); err == nil {
			t.Error("a server spoke first")
		}
		var up *Conn
		for _, b := range mustAppend(t, client, make([]byte, 128), true) {
			down.Feed([]byte{b})
			data, err := down.Drain()
			if err != nil {
				t.Fatal(err)
			}
			if k, known := down.Kind(); known && up == nil {
				up = newClient(t, ClientOptions{Kind: k, Obfuscated: true})
			}
			if len(data) > 0 {
				wire, err := up.AppendRaw(nil, data)
				if err != nil {
					t.Fatal(err)
				}
				server.Feed(wire)
			}
		}
		f, ok, err := server.Next()
		if !ok || err != nil || len(f.Payload)&^15 != 128 || !f.AckWanted || down.DC() != 4 {
			t.Errorf("%v: %v %v, %d bytes, data centre %d", kind, ok, err, len(f.Payload), down.DC())
		}
		up.Feed(mustAppend(t, server, make([]byte, 64), false))
		data, err := up.Drain()
		if err != nil {
			t.Fatal(err)
		}
		wire, err := down.AppendRaw(nil, data)
		if err != nil {
			t.Fatal(err)
		}
		client.Feed(wire)
		if f, ok, err := client.Next(); !ok || err != nil || len(f.Payload)&^15 != 64 {
			t.Errorf("%v: back: %v %v", kind, ok, err)
		}
	}
}
