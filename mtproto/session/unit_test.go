package session

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// Message ids: the server's time with a real fraction, divisible by 4, always greater, also when the clock steps back.
func TestMessageIDs(t *testing.T) { // C6, C10
	var c clock
	c.offset = time.Hour
	now, last := start, int64(0)
	for i := range 1000 {
		switch {
		case i == 500:
			now = now.Add(-10 * time.Minute)
		case i%3 == 1:
			now = now.Add(time.Millisecond)
		}
		id := c.next(now)
		if id <= last || id&3 != 0 {
			t.Fatalf("%d: %x after %x", i, id, last)
		}
		if i == 0 {
			if got := id >> 32; got != start.Unix()+3600 {
				t.Errorf("seconds %d", got)
			}
			if got := float64(uint32(id)) / (1 << 32); got < 0.12345 || got > 0.12346 {
				t.Errorf("fraction %v", got)
			}
		}
		last = id
	}
}

func TestTimeOfID(t *testing.T) { // C11
	for _, at := range []time.Time{start, time.Unix(1, 999_999_999), time.Unix(2_000_000_000, 0)} {
		if got := timeOf(idAt(at.UnixNano())); got > at.UnixNano() || got < at.UnixNano()-2 {
			t.Errorf("%v became %v", at, time.Unix(0, got))
		}
	}
	if idAt(-5) != 0 {
		t.Error("before 1970")
	}
}

// The offset grows with the server's messages and is set back only by a pong. // C11
func TestTimeOffset(t *testing.T) {
	p := opened(t, nil)
	p.run(`
		skew 20s
		> update a
		= update a, synced
		skew -20s
		> update b
		= update b`)
	if got := p.s.ServerTime(p.now).Sub(p.now); got < 19*time.Second {
		t.Errorf("offset %v", got)
	}
	p.run(`
		cut
		connect
		< [ping ack(2)]
		> pong
		= pong, synced`)
	if got := p.s.ServerTime(p.now).Sub(p.now); got.Abs() > time.Second {
		t.Errorf("offset %v", got)
	}
}

func TestWindow(t *testing.T) { // C7
	var w window
	for id := int64(1); id <= 10*windowSize; id++ {
		if w.add(2*id) != fresh {
			t.Fatal(id)
		}
	}
	top := int64(20 * windowSize)
	for _, test := range []struct {
		id   int64
		want novelty
	}{
		{top, seen}, {top - 2*(windowSize-1), seen}, {top - 1, fresh}, {top - 1, seen}, {2, tooLate}, {1, tooLate}, {top + 1, fresh},
	} {
		if got := w.add(test.id); got != test.want {
			t.Errorf("%d: %v, want %v", test.id, got, test.want)
		}
	}
	if len(w.ids) > 2*windowSize+2 || !slices.IsSorted(w.ids) {
		t.Error(len(w.ids), slices.IsSorted(w.ids))
	}
}

// C7: the pongs of an idle day neither take memory nor push out what was received besides.
func TestWindowOfAsides(t *testing.T) {
	var r received
	r.add(3, 1)
	for id := int64(5); id < 100_000; id += 2 {
		if r.add(id, 2) != fresh || r.add(id, 2) != seen {
			t.Fatal(id)
		}
	}
	if got := r.add(3, 1); got != seen {
		t.Errorf("the first of all: %v", got)
	}
	if n := cap(r.asides.ids); n > 4*asidesSize {
		t.Errorf("%d ids are kept", n)
	}
}

// Many calls go in few containers, each within the limits, in order, numbered by the rules. // C13, C18
func TestContainers(t *testing.T) {
	p := opened(t, nil)
	for i := range 2500 {
		p.call(fmt.Sprint("q", i))
	}
	p.seqs = nil
	p.receive()
	boxes, next := map[int64]int{}, 0
	k := int32(-1)
	for _, m := range p.seqs {
		boxes[m.container]++
		if m.seq&1 == 0 {
			continue
		}
		if k++; k > 0 && m.seq != p.seqs[0].seq+2*k {
			t.Fatalf("seq_no %d after %d", m.seq, k)
		}
		if queryName(m.body) != fmt.Sprint("q", next) {
			t.Fatal("out of order")
		}
		next++
	}
	if next != 2500 || len(boxes) > 4 {
		t.Errorf("%d queries in %d containers", next, len(boxes))
	}
	for _, n := range boxes {
		if n > 1024 {
			t.Errorf("container of %d", n)
		}
	}
}

func TestContainerBytes(t *testing.T) { // C18
	p := opened(t, nil)
	long := append(query("long"), make([]byte, 20<<10)...)
	for range 3 {
		p.s.Call(p.now, bytes.Clone(long), CallOptions{NoGzip: true})
	}
	p.s.Call(p.now, append(bytes.Clone(long), make([]byte, 500<<10)...), CallOptions{NoGzip: true})
	p.run("< long, long', long'', long'''")
}

// Parts of files go through buffers that sessions share: each comes out whole, and none stays with a session.
func TestLargePlains(t *testing.T) {
	part := func(fill byte, n int) []byte { return append(query("part"), bytes.Repeat([]byte{fill}, n)...) }
	first, second := opened(t, nil), opened(t, nil)
	for i, n := range []int{200 << 10, 512 << 10, 300 << 10, 64, 700 << 10, 900 << 10, 512 << 10} {
		for j, p := range []*peer{first, second} {
			want := part(byte(2*i+j), n)
			p.s.Call(p.now, want, CallOptions{NoGzip: true})
			packet, ok := p.s.Append(p.now, nil)
			if !ok {
				t.Fatal("nothing sent")
			}
			plain, err := crypto.Open(nil, p.key, crypto.Client, packet)
			if err != nil || !bytes.Contains(plain, want) {
				t.Errorf("%d bytes: another packet, %v", n, err)
			}
			if kept := cap(p.s.pack.w.Buf); kept > keepPlain {
				t.Errorf("%d bytes: the session keeps a buffer of %d", n, kept)
			}
		}
	}
}

// Long queries go packed, unless that is no use or not wanted. // C21
func TestGzipOut(t *testing.T) {
	p := opened(t, nil)
	long := append(query("long"), make([]byte, 1024)...)
	p.s.Call(p.now, long, CallOptions{})
	p.run("< gzip(long)")
	p.s.Call(p.now, long, CallOptions{NoGzip: true})
	p.run("< long'")
	noise := append(query("noise"), make([]byte, 2048)...)
	_, _ = p.rnd.Read(noise[16:])
	p.s.Call(p.now, noise, CallOptions{})
	p.run("< noise")
	p.run("> bad noise 48\n< noise'")
}

// A query that contains its own msg_id is made anew each time, and goes alone. // B22
func TestBuild(t *testing.T) {
	p := opened(t, nil)
	var ids []int64
	p.run("call a")
	id := p.s.Call(p.now, nil, CallOptions{Build: func(session, id int64) ([]byte, error) {
		if session != p.s.SessionID() {
			t.Error("session", session)
		}
		ids = append(ids, id)
		return query("bind"), nil
	}})
	p.calls[id] = "bind"
	p.run("call b\n< a, bind, b")
	p.run("> salt bind 7\n= salts\n< bind'")
	if len(ids) != 2 || ids[0] != p.queries["bind"] || ids[1] != p.queries["bind'"] {
		t.Errorf("%x", ids)
	}
	p.run("> result bind'\n= result bind")
	id = p.s.Call(p.now, nil, CallOptions{Build: func(_, _ int64) ([]byte, error) { return nil, io.EOF }})
	p.calls[id] = "x"
	p.calls[p.s.Call(p.now, query("y"), CallOptions{})] = "y"
	p.run("< [y salts ack(1)]\n= failed x no") // what comes after it is not kept waiting
}

// However much waits to be sent, each packet can be sealed. // A34
func TestLargest(t *testing.T) {
	p := opened(t, func(c *Config) { c.Limits.CheckAfter = time.Hour })
	for range maxIDs {
		p.s.Call(p.now, query("a"), CallOptions{})
	}
	for packet, ok := p.s.Append(p.now, nil); ok; packet, ok = p.s.Append(p.now, packet[:0]) {
	}
	p.s.Disconnected(p.now)
	p.s.Connected(p.now)
	ids := make([]int64, maxIDs)
	for i := range ids {
		p.s.acks.owe(p.now, int64(i))
		p.s.fates.fetch(p.now, int64(2*i+1), true)
	}
	for range maxReplies {
		p.s.informer.tell(1, ids)
	}
	noise := make([]byte, maxQuery) // cannot be packed
	_, _ = testRand(3).Read(noise)
	p.s.Call(p.now, noise, CallOptions{})
	largest := 0
	for packet, ok := p.s.Append(p.now, nil); ok; packet, ok = p.s.Append(p.now, packet[:0]) {
		largest = max(largest, len(packet))
	}
	if err := p.s.Tick(p.now); err != nil || largest < maxQuery || largest > 16<<20 {
		t.Errorf("packet of %d bytes, %v", largest, err)
	}
}

func TestBadQueries(t *testing.T) {
	p := opened(t, nil)
	for _, q := range [][]byte{nil, {1, 2}, make([]byte, 7), make([]byte, maxQuery+4)} {
		id := p.s.Call(p.now, q, CallOptions{})
		e, _ := p.s.Event()
		if f, ok := e.(Failed); !ok || f.Call != id || f.Sent != No || !errors.Is(f.Err, ErrQuery) {
			t.Errorf("%d bytes: %+v", len(q), e)
		}
	}
	p.run("<")
	p.idle()
}

// What is sent again goes before what was called later.
func TestOrder(t *testing.T) {
	p := opened(t, nil)
	p.run(`
		call a
		call b
		call c
		< [a b c]
		cut
		call d
		connect
		< [ping state(a b c) d]
		call e
		> info 2 4 2
		call f
		< [a' c' e f]`)
}

type noRand struct{ left int }

func (r *noRand) Read(b []byte) (int, error) {
	if r.left -= len(b); r.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return len(b), nil
}

func TestNoRandomness(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no key")
	}
	if _, err := New(Config{Key: testKey(), Rand: &noRand{}}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	s, err := New(Config{Key: testKey(), Rand: io.MultiReader(bytes.NewReader([]byte("session!")), &noRand{})})
	if err != nil {
		t.Fatal(err)
	}
	s.Connected(start)
	if _, ok := s.Append(start, nil); ok {
		t.Error("sent")
	}
	if err := s.Tick(start); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func TestSent(t *testing.T) {
	for _, test := range []struct{ a, b, want Sent }{
		{No, No, No}, {No, Yes, Yes}, {Unknown, Yes, Yes}, {No, Unknown, Unknown}, {Unknown, Unknown, Unknown},
	} {
		if test.a.or(test.b) != test.want || test.b.or(test.a) != test.want {
			t.Error(test)
		}
	}
	if (Sent(0)) != Unknown || Unknown.String()+No.String()+Yes.String() != "unknownnoyes" {
		t.Error("names")
	}
}

// All packed messages of one packet together may not unpack to more than a few times what one may. // C21
func TestPacketUnpacksBounded(t *testing.T) {
	u := unpacker{limits: &Limits{MaxUnpacked: 1000}}
	var zip bytes.Buffer
	z := gzip.NewWriter(&zip)
	_, _ = z.Write(make([]byte, 1000))
	_ = z.Close()
	var w bin.Writer
	(&mt.GzipPacked{PackedData: zip.Bytes()}).Encode(&w)
	for i := range packetUnpacks {
		if _, err := u.gunzip(w.Buf); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if _, err := u.gunzip(w.Buf); !errors.Is(err, ErrPacket) {
		t.Fatalf("one more: %v, want ErrPacket", err)
	}
}

// What acknowledging a burst took is given back when it is over.
func TestLogShrinks(t *testing.T) {
	p := opened(t, nil)
	ids := make([]int64, maxIDs)
	for i := range 64 {
		p.s.acks.sent.add(record{kind: acksSent, msgID: idAt(p.now.UnixNano()) + int64(4*i)}, ids)
	}
	held := func() (n int) {
		for _, r := range p.s.acks.sent.all {
			n += cap(r.ids)
		}
		return n
	}
	p.s.trim(p.now.Add(10 * time.Second))
	if held() < 32*maxIDs {
		t.Errorf("room for %d ids, while they may be refused yet", held())
	}
	p.s.trim(p.now.Add(2 * time.Minute))
	if held() != 0 {
		t.Errorf("room for %d ids", held())
	}
	p.s.acks.sent.add(record{kind: acksSent, msgID: 4}, ids)
	for range 2 * p.s.acks.sent.size {
		p.s.acks.sent.add(record{kind: acksSent, msgID: 8}, ids[:1])
	}
	if held() > 32*keepIDs {
		t.Errorf("small ones take room for %d ids", held())
	}
}
