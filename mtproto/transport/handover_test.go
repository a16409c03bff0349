package transport

import (
	"bytes"
	"crypto/rand"
	"testing"
)

// What was handed over stays as it is while more comes, and what follows it in the buffer is not lost. A buffer that came back carries
// another frame, and nothing of the one before is seen.
func TestHandOver(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			client := newClient(t, ClientOptions{Kind: kind})
			server := NewServer(ServerOptions{Rand: rand.Reader})
			server.Feed(mustAppend(t, client, make([]byte, 24), false))
			if _, ok, err := server.Next(); !ok || err != nil {
				t.Fatal(ok, err)
			}
			const n = 100 << 10
			packet := func(i int) []byte { return bytes.Repeat([]byte{byte(i), 1, 2, 3}, n/4) }
			var wire []byte
			for i := range 20 {
				wire = append(wire, mustAppend(t, server, packet(i), false)...)
				wire = append(wire, mustAppend(t, server, make([]byte, 32), false)...)
			}
			var held []Frame
			var bufs [][]byte
			seen := 0
			for len(wire) > 0 {
				step := copy(client.Room(min(len(wire), 7001)), wire)
				client.Fed(step)
				wire = wire[step:]
				for {
					f, ok, err := client.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					if len(f.Payload) < n {
						continue
					}
					if !bytes.Equal(f.Payload[:n], packet(seen)) {
						t.Fatalf("frame %d has other bytes", seen)
					}
					if seen++; seen%3 == 0 {
						continue // this one stays where it is
					}
					held, bufs = append(held, f), append(bufs, client.HandOver())
					if len(held) < 4 {
						continue
					}
					for i := range bufs[0] {
						bufs[0][i] = 0xdb
					}
					Recycle(bufs[0])
					held, bufs = held[1:], bufs[1:]
					for i, h := range held {
						if p := h.Payload[:n]; !bytes.Equal(p, packet(int(p[0]))) || p[0] == 0xdb {
							t.Fatalf("frame %d: what was handed over has changed", i)
						}
					}
				}
			}
			if seen != 20 {
				t.Errorf("%d frames", seen)
			}
		})
	}
}

// A34: a length that is only announced gets no more memory than one buffer that was there already.
func TestSparesAreBounded(t *testing.T) {
	for _, size := range []int{spareLeast - 1, spareMost + 1} {
		Recycle(make([]byte, size))
		if b := spare(size); b != nil && cap(b) == size {
			t.Errorf("a buffer of %d bytes is kept", size)
		}
	}
	if b := spare(spareMost + 1); b != nil {
		t.Errorf("a buffer of %d bytes", cap(b))
	}
}
