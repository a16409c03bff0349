package transport

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
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

// A34: a length that is only announced gets no more room than some times what has come, and one buffer that was there already.
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
	for cap(spare(0)) > 0 { // until none is left
	}
	client := newClient(t, ClientOptions{Kind: Intermediate})
	announced := binary.LittleEndian.AppendUint32(nil, 12<<20)
	const step = 1000
	for came := 0; came < 3<<20; came += step {
		client.Feed(append(announced, make([]byte, step-len(announced))...))
		announced = nil
		if _, ok, err := client.Next(); ok || err != nil {
			t.Fatal(ok, err)
		}
		if n := cap(client.buf); n > 13<<20 || n > ahead*(came+step)+step {
			t.Fatalf("room for %d bytes when %d had come", n, came+step)
		}
	}
	if cap(client.buf) < 12<<20 {
		t.Errorf("room for %d bytes", cap(client.buf))
	}
}
