package transport

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
