package transport

import "slices"

const (
	keepBuffer = 4 << 10 // of receive buffer is held on to for a while
	keepQuiet  = 256     // and of a quiet connection's
	quietAfter = 8       // times in a row that no more came
)

// inbox holds what was received and not consumed yet.
type inbox struct {
	buf []byte
	off int // buf[off:] is not consumed

	quiet int // times in a row that all was consumed and would have fit into keepQuiet
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
	i.buf = slices.Grow(i.buf, n)
	return i.buf[len(i.buf):][:n]
}

// keep takes in the n bytes that were written to the room, and says where in buf they begin.
func (i *inbox) keep(n int) int {
	at := len(i.buf)
	i.buf = i.buf[:at+n]
	return at
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
		i.buf = nil
	}
}
