package tg

import (
	"fmt"
	"math"

	"github.com/natsgram/natsgram/tl/bin"
)

// coder goes over the fields of values in the order of the wire, and either writes them or fills them in. So one generated
// method serves both directions, which are then the same by construction, and there is half as much to compile. None of
// its methods is inlined into thousands of places, for the same reason (docs/decisions/0003-generated-api.md has the figures).
//
// Failures are sticky in w or r. Where one concerns a field, at is the pointer to it.
type coder struct {
	reading bool
	depth   int
	at      any
	r       bin.Reader
	w       bin.Writer
}

// maxDepth is how deep objects may nest, in either direction. The deepest that Telegram sends are some dozen.
const maxDepth = 128

func reading(src []byte) *coder {
	c := &coder{reading: true}
	c.r.Reset(src)
	return c
}

// wrong makes a field's failure that of the writer.
func (c *coder) wrong(field any, what string) {
	if c.w.Err() == nil {
		c.at = field
		c.w.Fail(&FieldError{What: what})
	}
}

// head is the constructor id at the start of every object.
//
//go:noinline
func (c *coder) head(id uint32, name string) {
	if c.reading {
		c.r.Expect(id, name)
		return
	}
	c.w.Uint32(id)
}

// down enters an object of a class, and says whether to go on. There is none: on the way out because nobody set it, on the
// way in because no constructor of the class has that id.
//
//go:noinline
func (c *coder) down(field any, there bool, class string) bool {
	c.depth++
	switch {
	case there && c.depth <= maxDepth:
		return c.r.Err() == nil && c.w.Err() == nil
	case there && c.reading:
		c.r.Fail(&bin.FormatError{Offset: c.r.Offset(), What: fmt.Sprintf("objects nested deeper than %d", maxDepth)})
	case there:
		c.wrong(field, fmt.Sprintf("nested deeper than %d", maxDepth))
	case c.reading:
		if id := c.r.Uint32(); c.r.Err() == nil {
			c.r.Fail(&bin.UnexpectedIDError{Offset: c.r.Offset() - 4, ID: id, Want: class})
		}
	default:
		c.wrong(field, "no "+class)
	}
	return false
}

//go:noinline
func (c *coder) up() { c.depth-- }

// peek is the id of the object to be read.
//
//go:noinline
func (c *coder) peek() uint32 { return c.r.Peek() }

// flags is a flags field: when reading, its value; when writing, where in the output it stands, to be completed as the
// fields come by.
type flags int

//go:noinline
func (c *coder) flags() flags {
	if c.reading {
		return flags(c.r.Uint32())
	}
	at := len(c.w.Buf)
	c.w.Uint32(0)
	return flags(at)
}

// has reports whether a field is there that depends on bit n of f. When writing, there says so.
//
//go:noinline
func (c *coder) has(f flags, n uint, there bool) bool {
	if c.reading {
		return f>>n&1 != 0
	}
	if there {
		c.w.Buf[int(f)+int(n/8)] |= 1 << (n % 8)
	}
	return there
}

// flag is a field that is nothing but its bit.
//
//go:noinline
func (c *coder) flag(f flags, n uint, p *bool) {
	if on := c.has(f, n, *p); c.reading {
		*p = on
	}
}

// need is for a field whose bit others share: there must be both, or neither.
//
//go:noinline
func (c *coder) need(field any, ok bool) {
	if !c.reading && !ok {
		c.wrong(field, "fields that share a flag are set together or not at all")
	}
}

//go:noinline
func (c *coder) int(p *int) {
	if c.reading {
		*p = int(c.r.Int32())
		return
	}
	if *p < math.MinInt32 || *p > math.MaxInt32 {
		c.wrong(p, fmt.Sprintf("%d does not fit 32 bits", *p))
	}
	c.w.Int32(int32(*p))
}

//go:noinline
func (c *coder) long(p *int64) {
	if c.reading {
		*p = c.r.Int64()
		return
	}
	c.w.Int64(*p)
}

//go:noinline
func (c *coder) double(p *float64) {
	if c.reading {
		*p = c.r.Double()
		return
	}
	c.w.Double(*p)
}

//go:noinline
func (c *coder) bool(p *bool) {
	if c.reading {
		*p = c.r.Bool()
		return
	}
	c.w.Bool(*p)
}

//go:noinline
func (c *coder) string(p *string) {
	if c.reading {
		*p = c.r.Str()
		return
	}
	if c.w.Str(*p); c.w.Err() != nil && c.at == nil {
		c.at = p
	}
}

//go:noinline
func (c *coder) bytes(p *[]byte) {
	if c.reading {
		*p = c.r.Bytes()
		return
	}
	if c.w.Bytes(*p); c.w.Err() != nil && c.at == nil {
		c.at = p
	}
}

//nolint:unused // no parameter of this layer has the type, one of the next may
func (c *coder) int128(p *[16]byte) { c.raw(p[:]) }

func (c *coder) int256(p *[32]byte) { c.raw(p[:]) }

func (c *coder) raw(b []byte) {
	if c.reading {
		copy(b, c.r.Raw(len(b)))
		return
	}
	c.w.Raw(b)
}

// query is a call inside a call, the last of its fields.
func (c *coder) query(p *Object) {
	switch {
	case c.reading:
		*p = Raw(c.r.Rest())
	case *p == nil || empty(*p):
		c.wrong(p, "no request")
	case c.down(p, true, "request"):
		(*p).tl(c)
		c.up()
	}
}

func (c *coder) optInt(f flags, n uint, p *Opt[int]) { opt(c, f, n, p, (*coder).int) }

func (c *coder) optLong(f flags, n uint, p *Opt[int64]) { opt(c, f, n, p, (*coder).long) }

func (c *coder) optDouble(f flags, n uint, p *Opt[float64]) { opt(c, f, n, p, (*coder).double) }

func (c *coder) optBool(f flags, n uint, p *Opt[bool]) { opt(c, f, n, p, (*coder).bool) }

func (c *coder) optString(f flags, n uint, p *Opt[string]) { opt(c, f, n, p, (*coder).string) }

//nolint:unused // as int128
func (c *coder) optInt128(f flags, n uint, p *Opt[[16]byte]) { opt(c, f, n, p, (*coder).int128) }

func (c *coder) optInt256(f flags, n uint, p *Opt[[32]byte]) { opt(c, f, n, p, (*coder).int256) }

// opt is a value that depends on bit n of f.
func opt[T any](c *coder, f flags, n uint, p *Opt[T], value func(*coder, *T)) {
	if c.has(f, n, p.Ok) {
		if c.reading {
			p.Ok = true
		}
		value(c, &p.V)
	}
}

// vector is a boxed vector, whose items have at least size bytes.
func vector[T any](c *coder, p *[]T, size int, item func(*coder, *T)) {
	if c.reading {
		c.r.Expect(bin.IDVector, "Vector")
	} else {
		c.w.Uint32(bin.IDVector)
	}
	bareVector(c, p, size, item)
}

// bareVector is a vector without its constructor id.
func bareVector[T any](c *coder, p *[]T, size int, item func(*coder, *T)) {
	if c.reading {
		*p = make([]T, c.r.Count(size))
	} else {
		c.w.Int32(int32(len(*p)))
	}
	for i := range *p {
		item(c, &(*p)[i])
	}
}
