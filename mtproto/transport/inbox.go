package transport

// keepBuffer is how much receive buffer a quiet connection holds on to.
const keepBuffer = 4 << 10

// inbox holds what was received and not consumed yet.
type inbox struct {
	buf []byte
	off int // buf[off:] is not consumed
}

// rest is what is there. It is valid until the next add.
func (i *inbox) rest() []byte { return i.buf[i.off:] }

// add copies b to the end and says where in buf it begins.
func (i *inbox) add(b []byte) int {
	i.compact(len(b))
	n := len(i.buf)
	i.buf = append(i.buf, b...)
	return n
}

// compact makes room for n bytes at the end by giving up what was consumed at the front.
func (i *inbox) compact(n int) {
	switch left := len(i.buf) - i.off; {
	case left == 0 && cap(i.buf) > keepBuffer && len(i.buf) <= keepBuffer/4: // it came to rest after a burst
		i.buf, i.off = nil, 0
	case left == 0:
		i.buf, i.off = i.buf[:0], 0
	case len(i.buf)+n > cap(i.buf) && i.off >= left:
		copy(i.buf, i.buf[i.off:])
		i.buf, i.off = i.buf[:left], 0
	}
}
