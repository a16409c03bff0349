package transport

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// A7: a server's quick acknowledgements and errors among packets, in each framing, as its client reads them.
func TestServerAnswers(t *testing.T) {
	for _, kind := range kinds {
		for _, obfuscated := range []bool{false, true} {
			if kind == Full && obfuscated {
				continue
			}
			client := newClient(t, ClientOptions{Kind: kind, Obfuscated: obfuscated})
			server := NewServer(ServerOptions{Rand: rand.Reader})
			server.Feed(mustAppend(t, client, make([]byte, 24), true))
			if f, ok, err := server.Next(); !ok || err != nil || f.AckWanted != (kind != Full) {
				t.Fatalf("%v: %+v %v %v", kind, f, ok, err)
			}
			var b []byte
			var want []string
			for i := range uint32(4) {
				var err error
				if kind != Full {
					if b, err = server.AppendQuickAck(b, i+0x01020304); err != nil {
						t.Fatal(err)
					}
					want = append(want, fmt.Sprintf("ack %08x", i+0x81020304))
				}
				packet := bytes.Repeat([]byte{byte(i)}, 32)
				if b, err = server.Append(b, packet, false); err != nil {
					t.Fatal(err)
				}
				want = append(want, fmt.Sprintf("packet %x", packet))
			}
			b, err := server.AppendError(b, CodeUnknownKey)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, "error -404")
			if got := cutPadding(drip(client, b), kind, 32); got != strings.Join(want, ", ") {
				t.Errorf("%v, obfuscated %v:\n     %s\nwant %s", kind, obfuscated, got, strings.Join(want, ", "))
			}
		}
	}
}

// cutPadding removes what follows n bytes of each packet.
func cutPadding(s string, kind Kind, n int) string {
	if kind != Padded {
		return s
	}
	parts := strings.Split(s, ", ")
	for i, p := range parts {
		if hexa, ok := strings.CutPrefix(p, "packet "); ok && len(hexa) > 2*n {
			parts[i] = "packet " + hexa[:2*n]
		}
	}
	return strings.Join(parts, ", ")
}

// Everything, both ways, in pieces of all sizes, with and without obfuscation (A19).
func TestRoundTrip(t *testing.T) {
	for _, o := range []ClientOptions{
		{Kind: Abridged}, {Kind: Intermediate}, {Kind: Padded}, {Kind: Full},
		{Kind: Abridged, Obfuscated: true}, {Kind: Intermediate, Obfuscated: true}, {Kind: Padded, Obfuscated: true},
	} {
		client := newClient(t, o)
		server := NewServer(ServerOptions{Rand: rand.Reader})
		carry(t, client, server)
		if kind, known := server.Kind(); kind != o.Kind || !known {
			t.Errorf("the server takes %v for %v", o.Kind, kind)
		}
		carry(t, server, client)
	}
}

// carry sends packets of many sizes one way. Whoever takes one spends its bytes, as who decrypts it in place does; every other piece
// is read into more room than it fills.
func carry(t *testing.T, from, to *Conn) {
	t.Helper()
	var stream []byte
	var sent [][]byte
	for n := 24; n < 60000; n += n/3&^3 + 4 {
		p := make([]byte, n)
		_, _ = io.ReadFull(rand.Reader, p)
		sent = append(sent, p)
		var err error
		if stream, err = from.Append(stream, p, false); err != nil {
			t.Fatal(err)
		}
	}
	chunk := 1
	for len(stream) > 0 {
		n := min(chunk, len(stream))
		if chunk%2 == 0 {
			to.Feed(stream[:n])
		} else {
			to.Fed(copy(to.Room(n+chunk%512), stream[:n]))
		}
		stream = stream[n:]
		chunk = chunk%4099 + 7
		for {
			f, ok, err := to.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if len(sent) == 0 || f.Kind != Packet || !bytes.HasPrefix(f.Payload, sent[0]) || len(f.Payload) > len(sent[0])+15 {
				t.Fatalf("frame %v of %d bytes", f.Kind, len(f.Payload))
			}
			sent = sent[1:]
			for i := range f.Payload {
				f.Payload[i] = 0xcc
			}
		}
	}
	if len(sent) > 0 {
		t.Errorf("%d packets lost", len(sent))
	}
}

// A34: a length alone costs nothing, and what was taken is given back.
func TestMemoryFollowsReceivedBytes(t *testing.T) {
	c := newClient(t, ClientOptions{Kind: Intermediate})
	c.Feed(wire(t, "00000001")) // 16 MiB to come
	if _, ok, err := c.Next(); ok || err != nil || cap(c.buf) > 64 {
		t.Errorf("%d bytes allocated, %v", cap(c.buf), err)
	}
	piece := make([]byte, 1<<20)
	for range 16 {
		c.Feed(piece)
	}
	if f, ok, err := c.Next(); !ok || err != nil || len(f.Payload) != MaxPacket {
		t.Errorf("%v %v", ok, err)
	}
	for range 3 { // three quiet packets
		c.Feed(append(wire(t, "18000000"), piece[:24]...))
		if _, ok, err := c.Next(); !ok || err != nil {
			t.Fatal(err)
		}
	}
	if cap(c.buf) > keepBuffer {
		t.Errorf("%d bytes kept", cap(c.buf))
	}
	// Many packets: the buffer does not grow with the stream.
	packet := append(wire(t, "00010000"), make([]byte, 256)...)
	d := newClient(t, ClientOptions{Kind: Intermediate})
	for range 10000 {
		d.Feed(packet[:100])
		d.Feed(packet[100:])
		if _, ok, err := d.Next(); !ok || err != nil {
			t.Fatal(err)
		}
	}
	if cap(d.buf) > 4096 {
		t.Errorf("%d bytes for packets of 256", cap(d.buf))
	}
}

// After an error a Conn stays closed and takes no more bytes.
func TestErrorsStay(t *testing.T) {
	c := newClient(t, ClientOptions{Kind: Abridged})
	c.Feed([]byte{0})
	_, _, first := c.Next()
	c.Feed(make([]byte, 1000))
	_, ok, second := c.Next()
	if ok || !errors.Is(first, ErrProtocol) || first != second || len(c.buf) > 1 { //nolint:errorlint // the very same value
		t.Errorf("%v, %v", first, second)
	}
}

func TestAppendRejects(t *testing.T) {
	c := newClient(t, ClientOptions{Kind: Intermediate})
	for _, n := range []int{0, 1, 25, MaxPacket + 4} {
		if _, err := c.Append(nil, make([]byte, n), false); err == nil {
			t.Errorf("a packet of %d bytes", n)
		}
	}
	if got := mustAppend(t, c, make([]byte, 24), false); got[0] != 0xee { // the announcement was not lost by the errors
		t.Errorf("%x", got[:4])
	}
	if _, err := c.AppendQuickAck(nil, 1); err == nil {
		t.Error("a client acknowledges")
	}
	if _, err := c.AppendError(nil, -404); err == nil {
		t.Error("a client sends an error")
	}
	s := NewServer(ServerOptions{Rand: rand.Reader})
	if _, err := s.Append(nil, make([]byte, 24), false); err == nil {
		t.Error("a server speaks first")
	}
	if _, err := s.AppendError(nil, -404); err == nil {
		t.Error("a server speaks first")
	}
	d := newClient(t, ClientOptions{Kind: Padded, Rand: bytes.NewReader(nil)})
	if _, err := d.Append(nil, make([]byte, 24), false); err == nil {
		t.Error("padding from no randomness")
	}
	for _, o := range []ClientOptions{{Kind: 7}, {Kind: -1}, {Kind: Padded}, {Obfuscated: true}} {
		if _, err := NewClient(o); err == nil {
			t.Errorf("%+v", o)
		}
	}
}
