package updates

import "github.com/natsgram/natsgram/tl/codec"

// looked is an object whose fields were found in one pass, and the message in it. A machine has one, for the update that it
// is at: whoever needs one asks for it by [Machine.look], and keeps it no longer than until the next one is looked at.
type looked struct {
	codec.Fields
	message codec.Fields
	in      string // the field that message was read from
}

// look finds the fields of u, unless it is what was looked at last.
func (m *Machine) look(u codec.View) *looked {
	l := &m.looking
	if !same(l.View().Raw(), u.Raw()) {
		l.Read(u)
		l.in = ""
	}
	return l
}

func same(a, b []byte) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

// each goes over the updates of a container, looking at each.
func (m *Machine) each(c *container) func(func(codec.View) bool) {
	return func(yield func(codec.View) bool) {
		for u := range c.f.Each("updates", &m.looking.Fields) {
			m.looking.in = ""
			if !yield(u.View()) {
				return
			}
		}
	}
}

// inner is the message in a field, read once.
func (l *looked) inner(field string) *codec.Fields {
	if l.in != field {
		message, _ := l.Object(field)
		l.message.Read(message)
		l.in = field
	}
	return &l.message
}
