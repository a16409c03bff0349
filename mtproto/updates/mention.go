package updates

import (
	"errors"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
)

// Which users and chats an update mentions is found by value: every long in it whose name is that of an id is looked
// up among the users and chats that came along. So no list of fields is needed, and a layer that adds some works.

// what a field is on the wire, to someone who looks for ids.
type what uint8

const (
	skip4 what = iota
	skip8
	skip16
	skip32
	skipText // string, bytes
	skipNone // true
	flagsField
	idAny     // a long that may be the id of a user or chat
	idUser    // of a user
	idChat    // of a basic group or channel
	idChannel // of a channel
	boxed
	bare
	vector     // boxed
	bareVector //
)

type layout struct{ fields []slot }

type slot struct {
	what what
	flag uint8  // which of the flags fields so far: its own, or that it depends on
	mask uint32 // 0: always there
	elem *slot  // vectors
	bare *layout
}

const maxFlags = 4 // flags fields of one constructor; the API's most is 2

func (r *Rules) compileLayouts(decl *tl.Schema) {
	for _, c := range decl.Constructors {
		r.layouts[c.ID] = &layout{}
	}
	for _, c := range decl.Constructors {
		r.layouts[c.ID].fields = r.slots(decl, c)
	}
}

func (r *Rules) slots(decl *tl.Schema, c *tl.Combinator) []slot {
	var flags []string
	fields := make([]slot, 0, len(c.Params))
	for _, p := range c.Params {
		f := r.slot(decl, p.Name, p.Type)
		if f.what == flagsField {
			f.flag = uint8(len(flags) % maxFlags)
			flags = append(flags, p.Name)
		}
		if p.Cond != nil {
			f.flag, f.mask = uint8(slices.Index(flags, p.Cond.Flags)&(maxFlags-1)), 1<<p.Cond.Bit
		}
		fields = append(fields, f)
	}
	return fields
}

var fixed = map[string]what{"int": skip4, "double": skip8, "long": skip8, "int128": skip16, "int256": skip32,
	"string": skipText, "bytes": skipText, "true": skipNone, "Bool": skip4, "#": flagsField}

func (r *Rules) slot(decl *tl.Schema, name string, t tl.Type) slot {
	w, ok := fixed[t.Name]
	switch {
	case t.Name == "long":
		return slot{what: idName(name)}
	case ok:
		return slot{what: w}
	case len(t.Args) == 1:
		if t.Args[0].Name == "long" {
			name = "_id" // lists of longs are lists of ids
		}
		elem := r.slot(decl, name, t.Args[0])
		if t.Name == "Vector" && !t.Bare {
			return slot{what: vector, elem: &elem}
		}
		return slot{what: bareVector, elem: &elem}
	case t.Bare:
		return slot{what: bare, bare: r.bareLayout(decl, t.Name)}
	default:
		return slot{what: boxed}
	}
}

func (r *Rules) bareLayout(decl *tl.Schema, name string) *layout {
	c := decl.Constructor(name)
	if class := decl.Class(name); c == nil && len(class) == 1 {
		c = class[0]
	}
	if c == nil {
		return &layout{}
	}
	return r.layouts[c.ID]
}

// idName says whose id a long of that name may be.
func idName(name string) what {
	switch {
	case strings.Contains(name, "channel_id"):
		return idChannel
	case strings.Contains(name, "chat_id"):
		return idChat
	case strings.Contains(name, "user_id"), strings.Contains(name, "bot_id"):
		return idUser
	case strings.HasSuffix(name, "_id"), strings.HasSuffix(name, "_by"):
		return idAny
	default:
		return skip8
	}
}

// seeker goes over an update and notes which entities it names.
type seeker struct {
	r     bin.Reader
	rules *Rules
	all   []entity
	found []int // of all, in the order of their first mention
}

const maxDepth = 200 // more than the codec lets through

var errStop = errors.New("updates: not what the schema says") // the codec has checked it: never seen

func (s *seeker) seek(update []byte, rules *Rules, all []entity) []int {
	s.rules, s.all, s.found = rules, all, s.found[:0]
	s.r.Reset(update)
	s.object(maxDepth)
	return s.found
}

func (s *seeker) object(depth int) {
	id := s.r.Uint32()
	switch id {
	case bin.IDBoolTrue, bin.IDBoolFalse:
		return
	}
	l := s.rules.layouts[id]
	if l == nil || depth == 0 {
		s.r.Fail(errStop)
		return
	}
	s.layout(l, depth)
}

func (s *seeker) layout(l *layout, depth int) {
	var flags [maxFlags]uint32
	for i := range l.fields {
		f := &l.fields[i]
		switch {
		case f.mask != 0 && flags[f.flag]&f.mask == 0:
		case f.what == flagsField:
			flags[f.flag] = s.r.Uint32()
		default:
			s.value(f, depth-1)
		}
	}
}

func (s *seeker) value(f *slot, depth int) {
	switch f.what {
	case skip4:
		s.r.Uint32()
	case skip8:
		s.r.Uint64()
	case skip16:
		s.r.Raw(16)
	case skip32:
		s.r.Raw(32)
	case skipText:
		s.r.Bytes()
	case idAny, idUser, idChat, idChannel:
		s.note(s.r.Int64(), f.what)
	case boxed:
		s.object(depth)
	case vector, bareVector:
		s.vector(f, depth)
	case bare:
		if depth > 0 {
			s.layout(f.bare, depth)
		}
	}
}

func (s *seeker) vector(f *slot, depth int) {
	if f.what == vector {
		s.r.Expect(bin.IDVector, "vector")
	}
	for range s.r.Int32() {
		if s.r.Err() != nil || depth <= 0 {
			return
		}
		s.value(f.elem, depth-1)
	}
}

func (w what) fits(kind PeerKind) bool {
	switch w {
	case idUser:
		return kind == PeerUser
	case idChat:
		return kind == PeerChat || kind == PeerChannel
	case idChannel:
		return kind == PeerChannel
	default:
		return true
	}
}

// note looks an id up. Users and chats may have the same id.
func (s *seeker) note(id int64, w what) {
	i, _ := slices.BinarySearchFunc(s.all, id, func(e entity, id int64) int {
		if e.id < id {
			return -1
		}
		return 1 // the first of the id
	})
	for ; i < len(s.all) && s.all[i].id == id; i++ {
		if w.fits(s.all[i].kind) && !slices.Contains(s.found, i) {
			s.found = append(s.found, i)
		}
	}
}
