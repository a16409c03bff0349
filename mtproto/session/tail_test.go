package session

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// next is what the next packet holds: the bodies of its messages.
func (p *peer) next() (bodies [][]byte) {
	packet, ok := p.s.Append(p.now, []byte("what stands before"))
	if !ok {
		return nil
	}
	plain, err := crypto.Open(nil, p.key, crypto.Client, packet[len("what stands before"):])
	if err != nil {
		p.t.Fatal(err)
	}
	n := binary.LittleEndian.Uint32(plain[28:])
	body := plain[32:][:n]
	if idOf(body) != mt.MsgContainerID {
		return [][]byte{body}
	}
	var c mt.MsgContainer
	r := bin.NewReader(body)
	if c.Decode(r); r.Close() != nil {
		p.t.Fatal("a container that cannot be read")
	}
	last := int64(0)
	for _, m := range c.Messages {
		if m.MsgID <= last {
			p.t.Error("ids do not ascend (C13)")
		}
		last = m.MsgID
		bodies = append(bodies, m.Body)
	}
	return bodies
}

// A part of a file is encrypted from where it is, in the place that it has among other calls: what is owed goes before it, and comes along
// with it. Sent again, it is the same.
func TestTail(t *testing.T) {
	large := bytes.Repeat([]byte{1, 2, 3, 4}, tailLeast/4+3)
	small := []byte{5, 6, 7, 8}
	wrapper := []byte{9, 9, 9, 9, 8, 8, 8, 8}
	p := opened(t, nil)
	owed := p.s.Call(p.now, small, CallOptions{})
	p.next()
	if _, err := p.s.Receive(p.now, p.packetOf(&mt.RPCResult{ReqMsgID: p.s.calls.flight.tail.msgID, Result: []byte{1, 0, 0, 0}})); err != nil {
		t.Fatal(err)
	}
	for e, ok := p.s.Event(); ok; e, ok = p.s.Event() {
		if r, ok := e.(Result); !ok || r.Call != owed {
			t.Fatalf("%+v", e)
		}
	}
	p.s.Call(p.now, small, CallOptions{})
	p.s.Call(p.now, large, CallOptions{NoGzip: true, Before: wrapper, Resendable: true})
	p.s.Call(p.now, small, CallOptions{})
	p.s.Call(p.now, large, CallOptions{NoGzip: true})
	taken := p.s.Call(p.now, large, CallOptions{NoGzip: true})
	p.s.Call(p.now, small, CallOptions{Before: wrapper})
	p.s.Cancel(p.now, taken)
	wrapped := append(bytes.Clone(wrapper), large...)
	var got [][][]byte
	for b := p.next(); b != nil; b = p.next() {
		got = append(got, b)
	}
	check := func(packet int, bodies ...[]byte) {
		t.Helper()
		if packet >= len(got) || len(got[packet]) != len(bodies) {
			t.Fatalf("packet %d of %d has other messages", packet, len(got))
		}
		for i, b := range bodies {
			if b != nil && !bytes.Equal(got[packet][i], b) {
				t.Errorf("packet %d, message %d: %d bytes, want %d", packet, i, len(got[packet][i]), len(b))
			}
		}
	}
	check(0, small, nil) // and what is owed
	check(1, wrapped)
	check(2, small)
	check(3, large)
	check(4, append(bytes.Clone(wrapper), small...))
	p.s.Release(1)
	p.s.Disconnected(p.now)
	p.s.Connected(p.now)
	if p.s.pack.tail != nil || cap(p.s.pack.w.Buf) > keepPlain {
		t.Error("the session keeps what it has sent")
	}
}

// What is owed goes along with a part of a file, in a container that ends with the part, of whatever length the rest is.
func TestTailInContainer(t *testing.T) {
	for n := range 8 {
		p := opened(t, nil)
		part := bytes.Repeat([]byte{byte(n), 2, 3, 4}, tailLeast/4+n)
		for i := range n {
			p.s.acks.owe(p.now, int64(4*i+1))
		}
		p.s.Call(p.now, part, CallOptions{NoGzip: true})
		bodies := p.next()
		want := min(n, 1) + 1
		if len(bodies) != want || !bytes.Equal(bodies[len(bodies)-1], part) {
			t.Fatalf("%d owed: %d messages", n, len(bodies))
		}
		if n > 0 && idOf(bodies[0]) != mt.MsgsAckID {
			t.Errorf("%d owed: %x before the part", n, bodies[0][:4])
		}
		if p.next() != nil {
			t.Error("another packet")
		}
	}
}

// Two parts of files that wait are two packets at once, each what it would have been by itself; what else waits goes before them or later.
func TestAppendPair(t *testing.T) {
	part := func(b byte) []byte { return bytes.Repeat([]byte{b, 2, 3, 4}, tailLeast/4+int(b)) }
	room := func() [2][]byte { return [2][]byte{[]byte("one"), []byte("two")} }
	for _, tc := range []struct {
		name    string
		call    func(p *peer)
		dst     [2][]byte
		packets [][]byte // what ends each, as far as AppendPair gives any
	}{
		{"two", func(p *peer) {
			p.s.Call(p.now, part(1), CallOptions{NoGzip: true, Before: []byte{8, 8, 8, 8}})
			p.s.Call(p.now, part(2), CallOptions{NoGzip: true})
		}, room(), [][]byte{part(1), part(2)}},
		{"two with what is owed", func(p *peer) {
			p.s.acks.owe(p.now, 5)
			p.s.Call(p.now, part(1), CallOptions{NoGzip: true})
			p.s.Call(p.now, part(2), CallOptions{NoGzip: true})
		}, room(), [][]byte{part(1), part(2)}},
		{"one", func(p *peer) { p.s.Call(p.now, part(3), CallOptions{NoGzip: true}) }, room(), [][]byte{part(3)}},
		{"room for one", func(p *peer) {
			p.s.Call(p.now, part(1), CallOptions{NoGzip: true})
			p.s.Call(p.now, part(2), CallOptions{NoGzip: true})
		}, [2][]byte{[]byte("one"), nil}, [][]byte{part(1)}},
		{"a small one before", func(p *peer) {
			p.s.Call(p.now, []byte{1, 2, 3, 4}, CallOptions{})
			p.s.Call(p.now, part(1), CallOptions{NoGzip: true})
		}, room(), [][]byte{{1, 2, 3, 4}}},
		{"the second has lost its turn", func(p *peer) {
			p.s.Call(p.now, part(1), CallOptions{NoGzip: true})
			p.s.Call(p.now, part(2), CallOptions{NoGzip: true, After: 99})
		}, room(), [][]byte{part(1)}},
		{"nothing", func(*peer) {}, room(), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := opened(t, nil)
			tc.call(p)
			packets, n := p.s.AppendPair(p.now, tc.dst)
			if n != len(tc.packets) {
				t.Fatalf("%d packets", n)
			}
			last := uint64(0)
			for i, end := range tc.packets {
				plain, err := crypto.Open(nil, p.key, crypto.Client, packets[i][len(tc.dst[i]):])
				if err != nil || !bytes.HasPrefix(packets[i], tc.dst[i]) {
					t.Fatalf("packet %d: %v", i, err)
				}
				id := binary.LittleEndian.Uint64(plain[16:])
				if body := plain[32:][:binary.LittleEndian.Uint32(plain[28:])]; !bytes.HasSuffix(body, end) || id <= last {
					t.Errorf("packet %d ends otherwise, or its id is no later", i)
				}
				last = id
			}
			if p.s.pack.tail != nil {
				t.Error("the session keeps what it has sent")
			}
		})
	}
}
