package transport

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"
)

// FuzzClientNext: any bytes, cut anywhere, in each framing: no panic, the same frames however they are cut, and no more
// memory than bytes.
func FuzzClientNext(f *testing.F) {
	p := bytes.Repeat([]byte{0xc0, 0xff, 0xee, 0}, 6)
	for kind := range kinds {
		c := newClient(f, ClientOptions{Kind: Kind(kind)})
		b := mustAppend(f, c, p, false)
		b = append(b, mustAppend(f, c, p, true)...)
		f.Add(uint(kind), b[len(announcement(Kind(kind))):], uint(9))
	}
	f.Add(uint(Abridged), []byte{0x80, 1, 2, 3, 1, 0x6c, 0xfe, 0xff, 0xff}, uint(3))
	f.Add(uint(Padded), append([]byte{8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 1, 2, 3, 4), uint(1))
	f.Fuzz(func(t *testing.T, kind uint, b []byte, cut uint) {
		k := kinds[kind%uint(len(kinds))]
		compare(t, newClient(t, ClientOptions{Kind: k}), newClient(t, ClientOptions{Kind: k}), b, cut)
	})
}

// FuzzServerNext is the same for a server, which also has to find out the framing.
func FuzzServerNext(f *testing.F) {
	p := bytes.Repeat([]byte{0xc0, 0xff, 0xee, 0}, 6)
	for _, obfuscated := range []bool{false, true} {
		for _, kind := range kinds {
			if kind != Full || !obfuscated {
				f.Add(mustAppend(f, newClient(f, ClientOptions{Kind: kind, Obfuscated: obfuscated}), p, true), uint(5))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		o := ServerOptions{Rand: rand.Reader}
		compare(t, NewServer(o), NewServer(o), b, cut)
	})
}

// compare feeds the same bytes to two Conns, whole and in two pieces.
func compare(t *testing.T, one, two *Conn, b []byte, cut uint) {
	one.Feed(b)
	want := describe(one)
	n := cut % uint(len(b)+1)
	two.Feed(b[:n])
	got := describe(two)
	two.Feed(b[n:])
	got = joined(got, describe(two))
	if got != want {
		t.Errorf("whole:  %s\npieces: %s", want, got)
	}
	if cap(one.buf) > 2*len(b)+64 {
		t.Errorf("%d bytes of memory for %d", cap(one.buf), len(b))
	}
}

// joined puts descriptions together; an error is only said once.
func joined(a, b string) string {
	switch {
	case a == "" || b == "":
		return a + b
	case len(a) >= 6 && a[len(a)-6:] == "closed":
		return a
	}
	return a + ", " + b
}

func BenchmarkFraming(b *testing.B) {
	for _, kind := range kinds {
		for _, obfuscated := range []bool{false, true} {
			for _, n := range []int{136, 16384} {
				if kind == Full && obfuscated {
					continue
				}
				b.Run(fmt.Sprintf("%v/obfuscated=%v/%d", kind, obfuscated, n), func(b *testing.B) {
					benchmark(b, ClientOptions{Kind: kind, Obfuscated: obfuscated}, n)
				})
			}
		}
	}
}

// benchmark sends a packet from a client to a server and reads it there.
func benchmark(b *testing.B, o ClientOptions, n int) {
	client, server := newClient(b, o), NewServer(ServerOptions{Rand: rand.Reader})
	payload := make([]byte, n)
	var wire []byte
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if wire, err = client.Append(wire[:0], payload, false); err != nil {
			b.Fatal(err)
		}
		server.Feed(wire)
		if _, ok, err := server.Next(); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
