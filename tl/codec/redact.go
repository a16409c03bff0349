package codec

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
)

// Redaction is what is taken out of objects of one constructor, and when. The zero Redaction takes nothing.
type Redaction struct {
	// Why is said of what was taken out; never empty.
	Why string
	// UserFields are the fields that may name a user: a long is the user's id; of an object, every long within that is called
	// user_id, at any depth.
	UserFields []string
	// Always: whoever is named.
	Always bool
	// Text: all that can hold text goes. Otherwise only Fields.
	Text   bool
	Fields []string
	// Keep: optional ones of Fields stay as well, without their text.
	Keep bool
}

// Redactor takes text out of the objects that are about certain users, and leaves valid TL: optional fields become absent,
// strings and vectors empty; numbers, flags and who wrote when stay. It never changes and may be used by any number of
// goroutines.
type Redactor struct {
	s         *Schema
	users     []uint64    // sorted
	userIDs   *LongFinder // what names users
	always    []always
	rules     map[*comb]*redaction
	text      *reach           // what can hold text
	redactive *reach           // what can hold an object with a rule
	texts     map[*comb][]bool // which fields of a constructor can hold text
}

// always is a constructor whose rule is for all of its objects.
type always struct {
	id    uint32
	reach *reach // what can hold one
}

type redaction struct {
	who    []bool // by field
	cut    []bool
	keep   bool
	always bool
	why    string
}

// NewRedactor makes the tables: rule is asked about every constructor. Fields that a constructor does not have are ignored.
func (s *Schema) NewRedactor(users []int64, rule func(*tl.Combinator) Redaction) *Redactor {
	r := &Redactor{s: s, userIDs: s.NewLongFinder(userID), rules: map[*comb]*redaction{}, texts: map[*comb][]bool{}}
	for _, id := range users {
		r.users = append(r.users, uint64(id))
	}
	slices.Sort(r.users)
	r.text = s.reachOf(func(o op) bool { return o == opString || o == opBytes }, func(*comb) bool { return false })
	for _, c := range s.combs {
		r.texts[c] = sharedBits(c, func(f *field) bool { return r.text.in(f.t) })
		if !c.function {
			r.add(c, rule(c.decl))
		}
	}
	r.redactive = s.reachOf(nowhere, func(c *comb) bool { return r.rules[c] != nil })
	return r
}

// nowhere: no value is it by its type alone.
func nowhere(op) bool { return false }

func (r *Redactor) add(c *comb, rule Redaction) {
	if len(rule.UserFields) == 0 && !rule.Always {
		return
	}
	one := &redaction{always: rule.Always, keep: rule.Keep && !rule.Text, why: rule.Why, cut: r.texts[c], who: make([]bool, len(c.fields))}
	named := func(f *field) bool { return slices.Contains(rule.Fields, f.name) && r.text.in(f.t) }
	switch {
	case one.keep:
		one.cut = make([]bool, len(c.fields))
		for i := range c.fields {
			one.cut[i] = c.fields[i].op != opFlags && named(&c.fields[i])
		}
	case !rule.Text:
		one.cut = sharedBits(c, named)
	}
	for i := range c.fields {
		one.who[i] = slices.Contains(rule.UserFields, c.fields[i].name)
	}
	if !slices.Contains(one.cut, true) || !one.always && !slices.Contains(one.who, true) {
		return
	}
	if r.rules[c] = one; one.always {
		r.always = append(r.always, always{c.id, r.s.reachOf(nowhere, func(other *comb) bool { return other == c })})
	}
}

// sharedBits marks fields, and those that cannot be there without them because they share a bit.
func sharedBits(c *comb, marks func(*field) bool) []bool {
	marked := make([]bool, len(c.fields))
	for i := range c.fields {
		f := &c.fields[i]
		if f.op == opFlags || !marks(f) {
			continue
		}
		for j := range c.fields {
			g := &c.fields[j]
			marked[j] = marked[j] || i == j || f.mask != 0 && f.mask == g.mask && f.slot == g.slot
		}
	}
	return marked
}

// Holds reports whether a value of t can hold something that would be taken out.
func (r *Redactor) Holds(t Type) bool { return t.t != nil && r.redactive.in(t.t) }

// MayHold reports, fast, whether src may hold something to take out: false is sure, of TL of any layer as far as users are
// named. It looks for their ids where longs can stand.
func (r *Redactor) MayHold(src []byte) bool { return r.mayHold(src, objectType) }

// mayHold is MayHold of a value of t.
func (r *Redactor) mayHold(src []byte, t *typ) bool {
	some := false
	for _, a := range r.always {
		if a.reach.in(t) {
			if some = true; r.look(src, a.id) {
				return true
			}
		}
	}
	return !some && r.look(src, noID)
}

// noID is of no constructor.
const noID = 0xffffffff

// look goes over src once, four numbers at a time: most of the time of a large answer's redaction is this.
func (r *Redactor) look(src []byte, always uint32) bool {
	low, span := r.span()
	for len(src) >= 20 {
		b := src[:20]
		v0, v1 := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[4:])
		v2, v3 := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[12:])
		if v0-low <= span || v1-low <= span || v2-low <= span || v3-low <= span ||
			uint32(v0) == always || uint32(v1) == always || uint32(v2) == always || uint32(v3) == always {
			if r.exact(src[:20], always) {
				return true
			}
		}
		src = src[16:]
	}
	return r.exact(src, always)
}

// span is between which numbers, low and low+span, the users' ids are.
func (r *Redactor) span() (low, span uint64) {
	if len(r.users) == 0 {
		return 0, 0
	}
	return r.users[0], r.users[len(r.users)-1] - r.users[0]
}

func (r *Redactor) exact(src []byte, always uint32) bool {
	for ; len(src) >= 8; src = src[4:] {
		v := binary.LittleEndian.Uint64(src)
		if slices.Contains(r.users, v) || uint32(v) == always && always != noID {
			return true
		}
	}
	return false
}

// Redact appends src, exactly one value of t, without what the rules take out, and tells why it took something; where it took
// nothing, why is empty and nothing is appended. The error, an [*Error], is for what cannot be read and names one of the
// users, as far as can be seen; it may hold anything then.
func (r *Redactor) Redact(dst, src []byte, t Type) (out []byte, why string, err error) {
	if t.t == nil {
		return dst, "", errVoid(0, nil)
	}
	if !r.redactive.in(t.t) || !r.mayHold(src, t.t) {
		return dst, "", nil
	}
	w := redacting{walker: walker{s: r.s, src: src}, r: r, dst: dst}
	if err := w.end(w.value(0, t.t, MaxDepth)); err != nil {
		return dst, "", err.root(t.t.name)
	}
	if w.taken == "" {
		return dst, "", nil
	}
	w.flush(len(src))
	return w.dst, w.taken, nil
}

// redacting copies while it walks: what stands before from is in dst, changed or not.
type redacting struct {
	walker
	r     *Redactor
	dst   []byte
	from  int
	why   string // of the rule at work
	taken string // why of what was taken out, the first
}

func (w *redacting) take() {
	if w.taken == "" {
		w.taken = w.why
	}
}

// flush copies up to off; next, what is written instead of what was there up to next.
func (w *redacting) flush(off int) {
	w.dst = append(w.dst, w.src[w.from:off]...)
	w.from = off
}

func (w *redacting) value(off int, t *typ, depth int) int {
	if !w.r.redactive.in(t) {
		return w.walker.value(off, t, depth)
	}
	switch t.op {
	case opClass, opObject, opCall:
		c, off := w.boxed(off, t)
		if off < 0 {
			return off
		}
		return w.object(off, c, depth)
	case opBare:
		return w.object(off, t.comb, depth)
	}
	return w.vector(off, t, depth)
}

func (w *redacting) vector(off int, t *typ, depth int) int {
	if depth <= 0 {
		return w.fail(errDepth(off))
	}
	n, off := w.count(off, t)
	for i := 0; i < n && off >= 0; i++ {
		if off = w.value(off, t.elem, depth-1); off < 0 {
			w.err.at(i)
		}
	}
	return off
}

func (w *redacting) object(off int, c *comb, depth int) int {
	if rule := w.r.rules[c]; rule != nil && (rule.always || w.names(off, c, rule, depth)) {
		w.why = rule.why
		return w.fields(off, c, rule.cut, rule.keep, depth)
	}
	return w.fields(off, c, nil, false, depth)
}

// fields copies the fields of c but for those to cut; keep: optional ones are not left out.
func (w *redacting) fields(off int, c *comb, cut []bool, keep bool, depth int) int {
	if depth <= 0 {
		return w.fail(errDepth(off))
	}
	var flags [maxFlags]uint32
	var at [maxFlags]int // where in dst they stand
	for i := range c.fields {
		f := &c.fields[i]
		if f.mask != 0 && flags[f.slot%maxFlags]&f.mask == 0 {
			continue
		}
		next := 0
		switch {
		case cut != nil && f.op == opFlags:
			if next = w.fixed(off, 4); next >= 0 {
				w.flush(next)
				at[f.slot%maxFlags] = len(w.dst) - 4
			}
		case cut == nil || !cut[i]:
			next = w.value(off, f.t, depth-1)
		case f.mask == 0 || keep:
			next = w.empty(off, f.t, depth-1)
		default:
			next = w.drop(off, f, at[f.slot%maxFlags], depth-1)
		}
		if next < 0 {
			w.err.in(f)
			return next
		}
		if f.op == opFlags {
			flags[f.slot%maxFlags] = binary.LittleEndian.Uint32(w.src[off:])
		}
		off = next
	}
	return off
}

// drop leaves an optional field out: its bit stands in the flags at dst[at:].
func (w *redacting) drop(off int, f *field, at, depth int) int {
	next := w.walker.value(off, f.t, depth)
	if next >= 0 {
		w.flush(off)
		bits := w.dst[at : at+4]
		binary.LittleEndian.PutUint32(bits, binary.LittleEndian.Uint32(bits)&^f.mask)
		w.from = next
		w.take()
	}
	return next
}

// empty writes a value that has to be there, without text.
func (w *redacting) empty(off int, t *typ, depth int) int {
	switch t.op {
	case opClass, opObject, opCall:
		c, off := w.boxed(off, t)
		if off < 0 {
			return off
		}
		return w.fields(off, c, w.r.texts[c], false, depth)
	case opBare:
		return w.fields(off, t.comb, w.r.texts[t.comb], false, depth)
	}
	next := w.walker.value(off, t, depth)
	if next < 0 {
		return next
	}
	w.flush(off)
	head := w.src[off : off+4] // the length of a string, the count of a bare vector
	if t.op == opVector {
		w.dst = binary.LittleEndian.AppendUint32(w.dst, bin.IDVector)
		head = w.src[off+4 : off+8]
	}
	const none = "\x00\x00\x00\x00" // of either
	w.dst = append(w.dst, none...)
	if w.from = next; string(head) != none {
		w.take()
	}
	return next
}

// names reports whether the fields that may name a user name one of those wanted. What cannot be read names nobody; who
// copies it then finds that out.
func (w *redacting) names(off int, c *comb, rule *redaction, depth int) bool {
	look := walker{s: w.s, src: w.src, longSearch: longSearch{longs: w.r.userIDs}}
	var flags [maxFlags]uint32
	for i := range c.fields {
		f := &c.fields[i]
		if f.mask != 0 && flags[f.slot%maxFlags]&f.mask == 0 {
			continue
		}
		look.noted = look.noted[:0]
		next := look.value(off, f.t, depth)
		if next < 0 {
			return false
		}
		switch {
		case f.op == opFlags:
			flags[f.slot%maxFlags] = binary.LittleEndian.Uint32(w.src[off:])
		case !rule.who[i]:
		case f.op == opLong && w.r.user(int64(binary.LittleEndian.Uint64(w.src[off:]))), w.r.anyUser(look.noted):
			return true
		}
		off = next
	}
	return false
}

func (r *Redactor) user(id int64) bool { return slices.Contains(r.users, uint64(id)) }

func (r *Redactor) anyUser(ids []Long) bool {
	return slices.ContainsFunc(ids, func(id Long) bool { return r.user(id.Value) })
}

// userID tags the fields that name a user.
func userID(field string, vector bool) uint8 {
	if vector || !strings.HasSuffix(field, "user_id") {
		return 0
	}
	return 1
}

// Mentions reports whether the object or call src, of any type, names one of the users in an object within: a peer of a call.
func (r *Redactor) Mentions(src []byte) bool {
	v, err := r.s.View(src)
	return err == nil && r.MayHold(src) && r.anyUser(r.userIDs.Append(nil, v.src))
}

// HoldsText reports whether a value of t can hold text at all.
func (r *Redactor) HoldsText(t Type) bool { return t.t != nil && r.text.in(t.t) }
