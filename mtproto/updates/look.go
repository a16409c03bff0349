package updates

import "github.com/natsgram/natsgram/tl/codec"

// reader looks at updates, one at a time: what look returned is good until the next one is looked at.
type reader struct {
	rules  *Rules
	looked looked
}

// look finds the fields of u, unless it is what was looked at last.
func (r *reader) look(u codec.View) *looked {
	l := &r.looked
	if !same(l.View().Raw(), u.Raw()) {
		l.Read(u)
		l.in = ""
	}
	return l
}

func same(a, b []byte) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

// forget lets go of what was looked at.
func (r *reader) forget() { r.looked.Read(codec.View{}) }

// each goes over the objects in a field of a container, looking at each.
func (r *reader) each(c *container, field string) func(func(codec.View) bool) {
	return func(yield func(codec.View) bool) {
		for u := range c.f.Each(field, &r.looked.Fields) {
			r.looked.in = ""
			if !yield(u.View()) {
				return
			}
		}
	}
}

// box is the box that an update moves.
func (r *reader) box(u codec.View, rule *rule) Box { return r.rules.boxOf(r.look(u), rule) }
