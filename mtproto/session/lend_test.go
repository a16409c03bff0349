package session

import (
	"bytes"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// packetOf is a packet of the peer's with answers to calls: in a container, if there are several.
func (p *peer) packetOf(results ...*mt.RPCResult) []byte {
	var all []mt.Message
	for _, r := range results {
		var w bin.Writer
		r.Encode(&w)
		all = append(all, mt.Message{MsgID: p.nextID(1), SeqNo: 2*p.content + 1, Body: w.Buf})
		p.content++
	}
	if len(all) == 1 {
		return seal(p.key, p.session, all[0], p.rnd)
	}
	var w bin.Writer
	(&mt.MsgContainer{Messages: all}).Encode(&w)
	return seal(p.key, p.session, mt.Message{MsgID: p.nextID(1), SeqNo: 2 * p.content, Body: w.Buf}, p.rnd)
}

// A packet is lent to one receiver who wants it, of a large answer that came as it is; all others get their own bytes, which do
// not change when the packet's do.
func TestLend(t *testing.T) {
	large := func(b byte) []byte { return append([]byte{1, 2, 3, 4}, bytes.Repeat([]byte{b}, lendLeast)...) }
	for _, tc := range []struct {
		name    string
		lend    []bool
		answers [][]byte
		lent    int // which of them; -1: none
	}{
		{"a large one", []bool{true}, [][]byte{large(7)}, 0},
		{"not wanted", []bool{false}, [][]byte{large(7)}, -1},
		{"a small one", []bool{true}, [][]byte{large(7)[:lendLeast-4]}, -1},
		{"packed", []bool{true}, [][]byte{pack(nil, large(7))}, -1},
		{"two", []bool{true, true}, [][]byte{large(7), large(8)}, 0},
		{"the second", []bool{false, true}, [][]byte{large(7), large(8)}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := opened(t, nil)
			var results []*mt.RPCResult
			of := map[CallID]int{}
			for i, lend := range tc.lend {
				of[p.s.Call(p.now, []byte{9, 9, 9, byte(i)}, CallOptions{Lend: lend})] = i
				p.s.Append(p.now, nil)
				results = append(results, &mt.RPCResult{ReqMsgID: p.s.calls.flight.tail.msgID, Result: tc.answers[i]})
			}
			packet := p.packetOf(results...)
			lent, err := p.s.Receive(p.now, packet)
			if err != nil || lent != (tc.lent >= 0) {
				t.Fatalf("lent %v, %v", lent, err)
			}
			var own [][]byte
			seen := 0
			for e, ok := p.s.Event(); ok; e, ok = p.s.Event() {
				r, ok := e.(Result)
				if !ok {
					continue
				}
				seen++
				want := tc.answers[of[r.Call]]
				if tc.name == "packed" {
					want = large(7)
				}
				if r.Lent != (of[r.Call] == tc.lent) || !bytes.Equal(r.Body, want) {
					t.Errorf("answer %d: lent %v, %d bytes", of[r.Call], r.Lent, len(r.Body))
				}
				if !r.Lent {
					own = append(own, r.Body, want)
				} else if before := r.Body[8]; !changes(packet, func() bool { return r.Body[8] != before }) {
					t.Error("said to be lent, and is a copy")
				}
			}
			clear(packet)
			for i := 0; i < len(own); i += 2 {
				if !bytes.Equal(own[i], own[i+1]) {
					t.Error("an answer that is not lent stands in the packet")
				}
			}
			if seen != len(tc.lend) {
				t.Errorf("%d answers", seen)
			}
		})
	}
}

// changes reports whether what look looks at changes with the packet's bytes.
func changes(packet []byte, look func() bool) bool {
	for i := range packet {
		packet[i] ^= 0xff
	}
	defer func() {
		for i := range packet {
			packet[i] ^= 0xff
		}
	}()
	return look()
}
