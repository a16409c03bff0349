package account

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"github.com/natsgram/natsgram/tl/codec"
)

// payload writes the frame around updates in JSON or MessagePack; the updates themselves are the codec's.
type payload struct {
	schema  *codec.Schema
	msgpack bool
	b       []byte
	comma   bool
	err     error
}

// open begins a map of n keys.
func (p *payload) open(n int) {
	if p.msgpack {
		p.b = append(p.b, 0x80|byte(n))
		return
	}
	p.b = append(p.b, '{')
	p.comma = false
}

func (p *payload) close() {
	if !p.msgpack {
		p.b = append(p.b, '}')
		p.comma = true
	}
}

func (p *payload) key(name string) {
	if !p.msgpack && p.comma {
		p.b = append(p.b, ',')
	}
	p.text(name)
	if !p.msgpack {
		p.b = append(p.b, ':')
	}
	p.comma = true
}

// field is a key with a text.
func (p *payload) field(name, text string) {
	p.key(name)
	p.text(text)
}

// name is the update, of which nothing but the constructor is told.
func (p *payload) name(constructor string) {
	p.key("update")
	p.open(1)
	p.field("_", constructor)
	p.close()
}

// text is a string of up to 64 KiB.
func (p *payload) text(s string) {
	if !p.msgpack {
		quoted, err := json.Marshal(s)
		p.fail(err)
		p.b = append(p.b, quoted...)
		return
	}
	s = s[:min(len(s), math.MaxUint16)]
	switch {
	case len(s) < 32:
		p.b = append(p.b, 0xa0|byte(len(s)))
	case len(s) < 256:
		p.b = append(p.b, 0xd9, byte(len(s)))
	default:
		p.b = binary.BigEndian.AppendUint16(append(p.b, 0xda), uint16(len(s))) //nolint:gosec // cut above
	}
	p.b = append(p.b, s...)
}

func (p *payload) number(n int) {
	if p.msgpack {
		p.b = binary.BigEndian.AppendUint64(append(p.b, 0xd3), uint64(n)) //nolint:gosec // two's complement is meant
		return
	}
	p.b = strconv.AppendInt(p.b, int64(n), 10)
}

// long is a number of 64 bits, which JSON has as text.
func (p *payload) long(n int64) {
	if p.msgpack {
		p.number(int(n))
		return
	}
	p.text(strconv.FormatInt(n, 10))
}

// array begins a list of n.
func (p *payload) array(n int) {
	switch {
	case !p.msgpack:
		p.b = append(p.b, '[')
	case n < 16:
		p.b = append(p.b, 0x90|byte(n))
	default:
		p.b = binary.BigEndian.AppendUint32(append(p.b, 0xdd), uint32(n)) //nolint:gosec // what one message holds
	}
}

// next stands before item i of a list, and endArray behind the last.
func (p *payload) next(i int) {
	if i > 0 && !p.msgpack {
		p.b = append(p.b, ',')
	}
}

func (p *payload) endArray() {
	if !p.msgpack {
		p.b = append(p.b, ']')
	}
}

func (p *payload) truth(yes bool) {
	switch {
	case p.msgpack && yes:
		p.b = append(p.b, 0xc3)
	case p.msgpack:
		p.b = append(p.b, 0xc2)
	default:
		p.b = strconv.AppendBool(p.b, yes)
	}
}

// object is a boxed TL object of any class.
func (p *payload) object(tl []byte) {
	s := p.schema
	var err error
	if p.msgpack {
		p.b, err = s.AppendMsgpack(p.b, tl, s.AnyObject())
	} else {
		p.b, err = s.AppendJSON(p.b, tl, s.AnyObject())
	}
	p.fail(err)
}

// list is a key with an array of objects.
func (p *payload) list(name string, objects [][]byte) {
	p.key(name)
	p.array(len(objects))
	for i, o := range objects {
		p.next(i)
		p.object(o)
	}
	p.endArray()
}

// raw is an object that is encoded already.
func (p *payload) raw(b []byte) { p.b = append(p.b, b...) }

func (p *payload) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}
