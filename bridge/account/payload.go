package account

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
)

// payload writes the frame around updates in JSON or MessagePack; the updates themselves are the codec's.
type payload struct {
	w     *writer
	b     []byte
	comma bool
	err   error
}

// open begins a map of n keys.
func (p *payload) open(n int) {
	if p.w.msgpack {
		p.b = append(p.b, 0x80|byte(n))
		return
	}
	p.b = append(p.b, '{')
	p.comma = false
}

func (p *payload) close() {
	if !p.w.msgpack {
		p.b = append(p.b, '}')
		p.comma = true
	}
}

func (p *payload) key(name string) {
	if !p.w.msgpack && p.comma {
		p.b = append(p.b, ',')
	}
	p.text(name)
	if !p.w.msgpack {
		p.b = append(p.b, ':')
	}
	p.comma = true
}

// text is a string of up to 64 KiB.
func (p *payload) text(s string) {
	if !p.w.msgpack {
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
	if p.w.msgpack {
		p.b = binary.BigEndian.AppendUint64(append(p.b, 0xd3), uint64(n)) //nolint:gosec // two's complement is meant
		return
	}
	p.b = strconv.AppendInt(p.b, int64(n), 10)
}

func (p *payload) truth(yes bool) {
	switch {
	case p.w.msgpack && yes:
		p.b = append(p.b, 0xc3)
	case p.w.msgpack:
		p.b = append(p.b, 0xc2)
	default:
		p.b = strconv.AppendBool(p.b, yes)
	}
}

// object is a boxed TL object of any class.
func (p *payload) object(tl []byte) {
	s := p.w.schema
	var err error
	if p.w.msgpack {
		p.b, err = s.AppendMsgpack(p.b, tl, s.Object())
	} else {
		p.b, err = s.AppendJSON(p.b, tl, s.Object())
	}
	p.fail(err)
}

// list is a key with an array of objects.
func (p *payload) list(name string, objects [][]byte) {
	p.key(name)
	switch n := len(objects); {
	case !p.w.msgpack:
		p.b = append(p.b, '[')
	case n < 16:
		p.b = append(p.b, 0x90|byte(n))
	default:
		p.b = binary.BigEndian.AppendUint32(append(p.b, 0xdd), uint32(n)) //nolint:gosec // objects in one update
	}
	for i, o := range objects {
		if i > 0 && !p.w.msgpack {
			p.b = append(p.b, ',')
		}
		p.object(o)
	}
	if !p.w.msgpack {
		p.b = append(p.b, ']')
	}
}

func (p *payload) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}
