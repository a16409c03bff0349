package codec

import (
	"encoding/binary"
	"slices"

	"github.com/natsgram/natsgram/tl/bin"
)

// Options are the comforts of input. None changes what an input without gaps means; nil asks for none.
type Options struct {
	// MissingLong is asked for a required long or int that the input leaves out, such as a random_id: fn is the call or
	// constructor, param its parameter. Of the answer an int takes the low 32 bits. For a missing Vector<long> it is
	// asked once for each item of the parameter "id" beside it, which it numbers. False: it stays an error.
	MissingLong func(fn, param string) (int64, bool)
	// Resolve is asked where an object of a class is wanted and a string or number stands: class is "InputPeer" and the
	// like, text the string or the number's digits. It answers the boxed TL of an object of that class; false for what
	// it does not know, which leaves the usual error; or an error that the caller is to see.
	Resolve func(class, text string) ([]byte, bool, error)
	// MissingText is asked for a required object that the input leaves out: what it answers is taken as if it stood there, for Resolve.
	// False: it stays an error.
	MissingText func(fn, param string) (string, bool)
	// MissingValue is asked for any other required field that the input leaves out, and answers the TL of its value, with a look
	// at what the input has of the same object. False: it stays an error.
	MissingValue func(fn, param string, beside Beside) ([]byte, bool)
	// Forms are other ways to write what Resolve knows; nil: there are none.
	Forms *Forms
	// AsText keeps such a text instead, as what it is. What comes of it tells one input from another, and is no TL.
	AsText bool
}

var noOptions Options

// Forms are objects that may stand where one of a class is wanted, and mean what a text means that [Options].Resolve knows. A nil
// function is one that answers false.
type Forms struct {
	// May reports whether an object of a constructor may stand for one of a class. It may be of that class, or of another.
	May func(class, constructor string) bool
	// Text is the text that an object means; false: it is what it is.
	Text func(class string, object View) (text string, ok bool)
	// As is what an object of a constructor is where one of a class is wanted that it is not of: one of the constructor as, which has the same fields,
	// and in within, unless that is empty. An empty as: it is none.
	As func(class, constructor string) (as, within string)
	// IDs reports whether a long, or each of a vector, is the id of what ID reads.
	IDs func(fn, param string) bool
	// ID is the id that is meant by text, or by a number below zero, in place of such a long. In place of an object stands what Text says of it.
	ID func(text string) (int64, error)
	// Absent reports whether such a constructor may lack a long that it requires, which is 0 then.
	Absent func(constructor, param string) bool
}

func (f *Forms) may(class, constructor string) bool {
	return f != nil && f.May != nil && f.May(class, constructor)
}

func (f *Forms) text(class string, object View) (string, bool) {
	if f == nil || f.Text == nil {
		return "", false
	}
	return f.Text(class, object)
}

func (f *Forms) absent(constructor, param string) bool {
	return f != nil && f.Absent != nil && f.Absent(constructor, param)
}

func (f *Forms) as(class, constructor string) (as, within string) {
	if f == nil || f.As == nil {
		return "", ""
	}
	return f.As(class, constructor)
}

// meant puts what an object means in its place, which begins at start in dst. Its constructor is c, and one of t is wanted.
func (b *builder) meant(t *typ, c *comb, start, off int) bool {
	if t.op != opClass || !b.o.Forms.may(t.name, c.name) {
		return true
	}
	if v, err := b.s.View(b.dst[start:]); err == nil {
		if text, ok := b.o.Forms.text(t.name, v); ok {
			written := b.dst
			b.dst = b.dst[:start]
			if handled, ok := b.resolve(t, text, off); handled {
				return ok
			}
			b.dst = written
		}
	}
	if c.class != t.class && !b.become(t, c, start) {
		return b.fail(&Error{Offset: off, What: "want " + t.described(), Got: c.name})
	}
	return true
}

// become makes the object that begins at start in dst, whose constructor is c, one of t.
func (b *builder) become(t *typ, c *comb, start int) bool {
	name, within := b.o.Forms.as(t.name, c.name)
	as := b.s.ctors[name]
	if as == nil {
		return false
	}
	binary.LittleEndian.PutUint32(b.dst[start:], as.id)
	if outer := b.s.ctors[within]; outer != nil {
		b.dst = slices.Insert(b.dst, start, binary.LittleEndian.AppendUint32(nil, outer.id)...)
	}
	return true
}

// takesIDs reports whether a field of a c is an id, or some, as Forms has them.
func (b *builder) takesIDs(c *comb, f *field) bool {
	long := f.t.op == opLong || f.t.op == opVector && f.t.elem.op == opLong
	return long && b.o.Forms != nil && b.o.Forms.IDs != nil && b.o.Forms.IDs(c.name, f.name)
}

// id puts the id that is meant by text in place of a long.
func (b *builder) id(text string, off int) bool {
	id, err := b.o.Forms.ID(text)
	if err != nil {
		return b.fail(&Error{Offset: off, What: err.Error(), Err: err})
	}
	return b.uint64(uint64(id)) //nolint:gosec // the bits
}

// idOf puts the id of an object, which begins at start in dst, in its place.
func (b *builder) idOf(start, off int) bool {
	v, err := b.s.View(b.dst[start:])
	if err != nil {
		return b.fail(&Error{Offset: off, What: "want an id", Err: err})
	}
	text, ok := b.o.Forms.text("", v)
	if !ok {
		text = v.Name()
	}
	b.dst = b.dst[:start]
	return b.id(text, off)
}

// Beside is the fields that an object has already. It is only lent.
type Beside struct {
	c    *comb
	segs []seg
	dst  []byte
}

// TL is that of a field; nil: there is none yet.
func (o Beside) TL(param string) []byte {
	i := o.c.find([]byte(param))
	for n, sg := range o.segs {
		switch {
		case sg.field != i:
		case n+1 < len(o.segs):
			return o.dst[sg.start:o.segs[n+1].start]
		default:
			return o.dst[sg.start:]
		}
	}
	return nil
}

// missing fills in a required field, where the options know how.
func (b *builder) missing(fr *frame, i, off int) bool {
	f := &fr.c.fields[i]
	ok := false
	switch {
	case f.op == opClass && b.o.MissingText != nil:
		return b.missingObject(fr, i, off)
	case (b.o.MissingLong != nil || b.o.Forms != nil) && (f.op == opLong || f.op == opInt):
		ok = b.missingNumber(fr, i)
	case b.o.MissingLong != nil && f.op == opVector && f.t.elem.op == opLong:
		ok = b.missingNumbers(fr, i)
	case b.o.MissingValue != nil:
		return b.missingValue(fr, i, off)
	}
	if !ok {
		return b.fail(&Error{Path: f.name, Offset: off, What: "missing, want " + f.t.name})
	}
	return true
}

func (b *builder) missingObject(fr *frame, i, off int) bool {
	f := &fr.c.fields[i]
	if text, ok := b.o.MissingText(fr.c.name, f.name); ok {
		b.begin(fr, i)
		if handled, ok := b.resolve(f.t, text, off); handled {
			if !ok {
				b.err.in(f)
			}
			return ok
		}
	}
	return b.fail(&Error{Path: f.name, Offset: off, What: "missing, want " + f.t.name})
}

func (b *builder) missingNumber(fr *frame, i int) bool {
	f := &fr.c.fields[i]
	v, ok := int64(0), b.o.Forms.absent(fr.c.name, f.name)
	if !ok && b.o.MissingLong != nil {
		v, ok = b.o.MissingLong(fr.c.name, f.name)
	}
	if !ok {
		return false
	}
	b.begin(fr, i)
	if f.op == opInt {
		b.dst = binary.LittleEndian.AppendUint32(b.dst, uint32(v))
	} else {
		b.dst = binary.LittleEndian.AppendUint64(b.dst, uint64(v))
	}
	return true
}

// missingNumbers fills in a Vector<long> that numbers the items of the field "id" beside it.
func (b *builder) missingNumbers(fr *frame, i int) bool {
	n := 0
	id := fr.c.find([]byte("id"))
	if id < 0 || fr.c.fields[id].op != opVector {
		return false
	}
	for _, sg := range b.segs[fr.base:] {
		if sg.field == id {
			n = int(binary.LittleEndian.Uint32(b.dst[sg.start+4:]))
		}
	}
	f := &fr.c.fields[i]
	b.begin(fr, i)
	b.dst = binary.LittleEndian.AppendUint32(b.dst, bin.IDVector)
	b.dst = binary.LittleEndian.AppendUint32(b.dst, uint32(n))
	for range n {
		v, ok := b.o.MissingLong(fr.c.name, f.name)
		if !ok {
			return false
		}
		b.dst = binary.LittleEndian.AppendUint64(b.dst, uint64(v))
	}
	return true
}

func (b *builder) missingValue(fr *frame, i, off int) bool {
	f := &fr.c.fields[i]
	value, ok := b.o.MissingValue(fr.c.name, f.name, Beside{fr.c, b.segs[fr.base:], b.dst})
	if !ok {
		return b.fail(&Error{Path: f.name, Offset: off, What: "missing, want " + f.t.name})
	}
	if bad := b.s.whole(value, f.t); bad != nil {
		return b.fail(&Error{Path: f.name, Offset: off, What: "what it is filled in with is no " + f.t.name, Err: bad})
	}
	b.begin(fr, i)
	b.dst = append(b.dst, value...)
	return true
}

// resolve asks the options for the object of class t that text stands for. Handled is false where nobody knows.
func (b *builder) resolve(t *typ, text string, off int) (handled, ok bool) {
	if t.op == opClass && b.o.AsText {
		b.dst = binary.LittleEndian.AppendUint64(b.dst, uint64(len(text))<<32) // its first half is no constructor's id
		b.dst = append(b.dst, text...)
		return true, true
	}
	if b.o.Resolve == nil || t.op != opClass {
		return false, false
	}
	tl, ok, err := b.o.Resolve(t.name, text)
	if err != nil {
		return true, b.fail(&Error{Offset: off, What: err.Error(), Err: err})
	}
	if !ok {
		return false, false
	}
	if bad := b.s.whole(tl, t); bad != nil {
		return true, b.fail(&Error{Offset: off, What: "what it resolves to is no " + t.name, Err: bad})
	}
	b.dst = append(b.dst, tl...)
	return true, true
}
