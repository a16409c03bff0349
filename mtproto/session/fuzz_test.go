package session

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// FuzzReceive feeds a session with decrypted messages, past the encryption: a session with calls in flight and one that
// was left. Nothing panics, nothing hangs, and each call ends once at most. // C18 to C37, H8
func FuzzReceive(f *testing.F) {
	p := fuzzed(f)
	for _, text := range []string{"result a", "error a X", "zip b", "badzip b", "bad a 16", "bad a 17", "bad b 33", "badbox a 64", "salt a 9",
		"ack a b", "session b", "pong", "detailed a x", "newdetailed x", "update u", "zipupdate u", "copy u", "wantstate a", "wantagain a", "ping 5",
		"all a 1", "short"} {
		m := p.message(text)
		f.Add(m.MsgID, m.SeqNo, m.Body, false)
		box := encode(&mt.MsgContainer{Messages: []mt.Message{p.message("update v"), m, p.message("result b")}})
		f.Add(p.nextID(3), int32(0), box, false)
		f.Add(m.MsgID, m.SeqNo, m.Body, true)
	}
	f.Fuzz(func(t *testing.T, id int64, seq int32, body []byte, left bool) {
		p := fuzzed(t)
		session := p.session
		if left {
			session = p.old
		}
		plain := make([]byte, 32, 32+len(body)+16)
		binary.LittleEndian.PutUint64(plain[8:], uint64(session))
		binary.LittleEndian.PutUint64(plain[16:], uint64(id))
		binary.LittleEndian.PutUint32(plain[24:], uint32(seq))
		binary.LittleEndian.PutUint32(plain[28:], uint32(len(body)))
		ended := map[CallID]int{}
		for range 2 { // the second time it is known
			_ = p.s.inbox.decrypted(p.now, append(plain, body...))
			p.drain(t, ended)
		}
		for range 20 {
			p.now = p.now.Add(5 * time.Second)
			_ = p.s.Tick(p.now)
			p.drain(t, ended)
		}
		p.s.Disconnected(p.now)
		p.s.Close()
		p.drain(t, ended)
		p.idle()
		for id := range p.calls {
			if ended[id] != 1 {
				t.Fatalf("call %d ended %d times", id, ended[id])
			}
		}
	})
}

// fuzzed is a session with calls in flight, in the queue, and in the session before.
func fuzzed(t testing.TB) *peer {
	p := opened(t, func(c *Config) { c.Limits.CheckAfter = 5 * time.Second })
	p.run(`
		call old
		< old
		call a
		< a
		> bad a 33
		= reset 33
		< [ping a']
		call b resendable
		call c
		< [b c]
		wait 5s
		< state(a' b c)
		call d`)
	p.queries["a"] = p.queries["a'"]
	return p
}

func (p *peer) drain(t testing.TB, ended map[CallID]int) {
	for e, ok := p.s.Event(); ok; e, ok = p.s.Event() {
		switch e := e.(type) {
		case Result:
			ended[e.Call]++
		case Failed:
			ended[e.Call]++
		}
	}
	for n := 0; ; n++ {
		packet, ok := p.s.Append(p.now, nil)
		if !ok {
			return
		}
		if n > 100 {
			t.Fatal("no end of packets")
		}
		if _, err := open(p.key, packet); err != nil {
			t.Fatal(err)
		}
	}
}
