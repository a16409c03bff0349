package codec

// reach is which values can hold something, at any depth.
type reach struct {
	combs   map[*comb]bool
	classes map[*class]bool
	op      func(op) bool // whether a value of such a type is it, as it stands
}

// reachOf is a fixed point, from below: whoever holds one of these holds it.
func (s *Schema) reachOf(op func(op) bool, these func(*comb) bool) *reach {
	r := &reach{combs: map[*comb]bool{}, classes: map[*class]bool{}, op: op}
	for _, c := range s.combs {
		if these(c) {
			r.mark(c)
		}
	}
	for changed := true; changed; {
		changed = false
		for _, c := range s.combs {
			if !r.combs[c] && r.field(c) {
				r.mark(c)
				changed = true
			}
		}
	}
	return r
}

func (r *reach) mark(c *comb) {
	r.combs[c] = true
	if c.class != nil {
		r.classes[c.class] = true
	}
}

func (r *reach) field(c *comb) bool {
	for i := range c.fields {
		if r.in(c.fields[i].t) {
			return true
		}
	}
	return false
}

// in reports whether a value of t can hold it. An object of any class can.
func (r *reach) in(t *typ) bool {
	switch t.op {
	case opClass:
		return r.classes[t.class]
	case opBare:
		return r.combs[t.comb]
	case opVector, opBareVector:
		return r.in(t.elem)
	case opObject, opCall:
		return true
	}
	return r.op(t.op)
}
