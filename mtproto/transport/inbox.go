package transport

import (
	"slices"
	"sync"
)

const (
	keepBuffer = 4 << 10 // of receive buffer is held on to for a while
	keepQuiet  = 256     // and of a quiet connection's
	quietAfter = 8       // times in a row that no more came

	largeFrame = 64 << 10  // bytes of a frame from which on it comes into a buffer that carried one before
	spareLeast = 256 << 10 // bytes of a buffer that is kept for that,
	spareMost  = 768 << 10 // and of the largest
	ahead      = 8         // times as much as has come of a large frame there may be room for (A34)
)

// spares are buffers that are free for large frames, shared by all connections.
var spares = sync.Pool{New: func() any { return new([]byte) }}

// Recycle takes a buffer for the frames of any connection. Nobody may use it any more.
func Recycle(b []byte) {
	if cap(b) >= spareLeast && cap(b) <= spareMost {
		spares.Put(&b)
	}
}

// spare is an empty buffer for n bytes, nil if none is free.
func spare(n int) []byte {
	b := *spares.Get().(*[]byte)
	if cap(b) < n {
		return nil
	}
	return b[:0]
}

// inbox holds what was received and not consumed yet.
type inbox struct {
	buf []byte
	off int // buf[off:] is not consumed

	wanted int // how long the frame is that has begun, as far as that is known
	quiet  int // times in a row that all was consumed and would have fit into keepQuiet
}

// rest is what is there. It is valid until the next add or room.
func (i *inbox) rest() []byte { return i.buf[i.off:] }

// add copies b to the end.
func (i *inbox) add(b []byte) {
	i.compact(len(b))
	i.buf = append(i.buf, b...)
}

// room returns free space for n bytes at the end, which keep takes in.
func (i *inbox) room(n int) []byte {
	i.compact(n)
	if left := len(i.buf) - i.off; i.wanted >= largeFrame && max(i.wanted, left+n) > cap(i.buf) {
		i.enlarge(max(i.wanted, left+n), left)
	}
	i.buf = slices.Grow(i.buf, n)
	return i.buf[len(i.buf):][:n]
}

// keep takes in the n bytes that were written to the room, and says where in buf they begin.
func (i *inbox) keep(n int) int {
	at := len(i.buf)
	i.buf = i.buf[:at+n]
	return at
}

// enlarge goes on in a buffer for n bytes, if there is one, or enough has come that one may be made.
func (i *inbox) enlarge(n, left int) {
	to := spare(n)
	if to == nil && left >= n/ahead {
		to = make([]byte, 0, n)
	}
	if to != nil {
		old := i.buf
		i.buf, i.off = append(to, i.rest()...), 0
		Recycle(old)
	}
}

// handOver gives the buffer away, and goes on in another.
func (i *inbox) handOver() []byte {
	b := i.buf
	i.buf, i.off = append(spare(0), i.rest()...), 0
	return b
}

// compact makes room for n bytes at the end by giving up what was consumed at the front.
func (i *inbox) compact(n int) {
	switch left := len(i.buf) - i.off; {
	case left == 0:
		i.settle(len(i.buf))
	case len(i.buf)+n > cap(i.buf) && i.off >= left:
		copy(i.buf, i.buf[i.off:])
		i.buf, i.off = i.buf[:left], 0
	}
}

// settle begins at the front again, all n bytes being consumed, with less of a buffer if it came to rest after a burst.
func (i *inbox) settle(n int) {
	if i.quiet++; n > keepQuiet {
		i.quiet = 0
	}
	i.buf, i.off = i.buf[:0], 0
	big := cap(i.buf)
	if big > keepBuffer && n <= keepBuffer/4 || big > keepQuiet && i.quiet >= quietAfter {
		Recycle(i.buf)
		i.buf = nil
	}
}
