package session

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// echo is a server that answers queries with themselves, in reused buffers, so that a benchmark measures the session and
// two encryptions.
type echo struct {
	key       *crypto.Key
	pad       zeroRand
	plain     []byte
	packet    []byte
	w         bin.Writer
	id        int64
	content   int32
	container mt.MsgContainer
}

type zeroRand struct{}

func (zeroRand) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func benchSession(tb testing.TB) (*Session, *echo) {
	c := Config{Key: testKey(), Rand: testRand(2)}
	quiet(&c)
	c.Rand = onesRand{}
	s, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	s.Connected(start)
	s.Append(start, nil)
	return s, &echo{key: testKey(), id: idAt(start.UnixNano()) | 1}
}

type onesRand struct{}

func (onesRand) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

// answer opens a packet and returns one with the answers to the queries in it.
func (e *echo) answer(tb testing.TB, packet []byte) []byte {
	plain, err := crypto.Open(e.plain[:0], e.key, crypto.Client, packet)
	if err != nil {
		tb.Fatal(err)
	}
	e.plain = plain
	body := plain[32:][:binary.LittleEndian.Uint32(plain[28:])]
	e.w = bin.Writer{Buf: append(e.w.Buf[:0], make([]byte, 40)...)}
	n := 0
	if binary.LittleEndian.Uint32(body) == mt.MsgContainerID {
		r := bin.NewReader(body)
		e.container.Decode(r)
		for _, m := range e.container.Messages {
			n += e.result(m.MsgID, m.SeqNo, m.Body)
		}
	} else {
		n = e.result(int64(binary.LittleEndian.Uint64(plain[16:])), int32(binary.LittleEndian.Uint32(plain[24:])), body)
	}
	return e.seal(tb, plain[8:16], n)
}

func (e *echo) result(id int64, seq int32, body []byte) int {
	if seq&1 == 0 {
		return 0
	}
	e.id += 4
	e.content++
	e.w.Int64(e.id)
	e.w.Int32(2*e.content - 1)
	e.w.Int32(int32(12 + len(body)))
	e.w.Uint32(mt.RPCResultID)
	e.w.Int64(id)
	e.w.Raw(body)
	return 1
}

func (e *echo) seal(tb testing.TB, session []byte, n int) []byte {
	out := e.w.Buf[24:]
	if n > 1 {
		out = e.w.Buf
		e.id += 4
		binary.LittleEndian.PutUint64(out[16:], uint64(e.id))
		binary.LittleEndian.PutUint32(out[24:], uint32(2*e.content))
		binary.LittleEndian.PutUint32(out[28:], uint32(len(out)-32))
		binary.LittleEndian.PutUint32(out[32:], mt.MsgContainerID)
		binary.LittleEndian.PutUint32(out[36:], uint32(n))
	}
	copy(out[8:], session)
	packet, _, err := crypto.Seal(e.packet[:0], e.key, crypto.Server, out, e.pad)
	if err != nil {
		tb.Fatal(err)
	}
	e.packet = packet
	return packet
}

func benchCalls(b *testing.B, n int) {
	s, e := benchSession(b)
	q := query("bench")
	var packet []byte
	now := start
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		for range n {
			s.Call(now, q, CallOptions{})
		}
		packet, _ = s.Append(now, packet[:0])
		if _, err := s.Receive(now, e.answer(b, packet)); err != nil {
			b.Fatal(err)
		}
		for range n {
			if ev, ok := s.Event(); !ok {
				b.Fatal("no event")
			} else if _, ok := ev.(Result); !ok {
				n++ // something besides
			}
		}
	}
	if s.Pending() != 0 {
		b.Fatal(s.Pending())
	}
}

// A call there and back: two packets made and two opened, of which the server's half is about half the time.
func BenchmarkCall(b *testing.B) { benchCalls(b, 1) }

// 50 calls in one container, and 50 answers in one.
func BenchmarkContainerOf50(b *testing.B) { benchCalls(b, 50) }

// An update of 256 bytes, and every 17th time an acknowledgement.
func BenchmarkUpdate(b *testing.B) {
	s, e := benchSession(b)
	body := append(query("update"), make([]byte, 240)...)
	session := binary.LittleEndian.AppendUint64(nil, uint64(s.SessionID()))
	var packet []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		e.w = bin.Writer{Buf: append(e.w.Buf[:0], make([]byte, 40)...)}
		e.id += 4
		e.content++
		e.w.Int64(e.id)
		e.w.Int32(2*e.content - 1)
		e.w.Int32(int32(len(body)))
		e.w.Raw(body)
		if _, err := s.Receive(start, e.seal(b, session, 1)); err != nil {
			b.Fatal(err)
		}
		for _, ok := s.Event(); ok; {
			_, ok = s.Event()
		}
		for ok := true; ok; {
			packet, ok = s.Append(start, packet[:0])
		}
	}
}

// What a session costs that does nothing.
func BenchmarkIdle(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchSession(b)
	}
}
