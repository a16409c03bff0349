package transport

import (
	"crypto/rand"
	"errors"
	"testing"
)

func FuzzVerifyServerHello(f *testing.F) {
	f.Add(append([]byte{0x16, 3, 3, 0, 60}, make([]byte, 71)...))
	f.Fuzz(func(t *testing.T, records []byte) {
		if VerifyServerHello(make([]byte, 16), new([32]byte), records) == nil {
			t.Error("a proof from nothing")
		}
	})
}

// FuzzRecords: any bytes, cut anywhere: no panic, the same data.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x17\x03\x03\x00\x02hi\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x01!\x15\x03\x03\x00\x02\x02\x28"), uint(7))
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		whole, pieces := &records{}, &records{}
		whole.in.add(b)
		want := drained(whole)
		n := cut % uint(len(b)+1)
		pieces.in.add(b[:n])
		got := drained(pieces)
		if pieces.err == nil {
			pieces.in.add(b[n:])
			got += drained(pieces)
		}
		if got != want {
			t.Errorf("%q, in pieces %q", want, got)
		}
	})
}

// FuzzClientHello: nobody gets past a proxy's end without the secret, and nobody breaks it.
func FuzzClientHello(f *testing.F) {
	c := newTLSClient(f, tlsNow)
	f.Add(c.Hello(), uint(100))
	f.Add([]byte("\x16\x03\x01\x00\x00"), uint(0))
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		n := cut % uint(len(b)+1)
		s := NewTLSServer(TLSServerOptions{Key: make([]byte, 16), Rand: rand.Reader, Replays: &Replays{}})
		for _, piece := range [][]byte{b[:n], b[n:]} {
			s.Feed(piece)
			if answer, err := s.Accept(tlsNow); answer != nil || err != nil && !errors.Is(err, ErrProtocol) {
				t.Errorf("%d bytes, %v", len(answer), err)
			}
			if data, _ := s.Next(); data != nil {
				t.Errorf("data %x", data)
			}
		}
	})
}

func BenchmarkFakeTLSHandshake(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		connected(b)
	}
}

func BenchmarkFakeTLSRecords(b *testing.B) {
	c, s := connected(b)
	data := make([]byte, 16384)
	var wire []byte
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		wire, _ = c.Append(wire[:0], data)
		s.Feed(wire)
		for n := 0; n < len(data); {
			d, err := s.Next()
			if err != nil || d == nil {
				b.Fatal(err)
			}
			n += len(d)
		}
	}
}
