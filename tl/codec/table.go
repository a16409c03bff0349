package codec

import "github.com/natsgram/natsgram/tl"

// MaxDepth is how deep objects and vectors may nest, in either direction.
const MaxDepth = 128

// MaxOutput is the most that one call appends, in bytes. A few bytes of flags can ask for hundreds of bytes of names.
const MaxOutput = 64 << 20

// maxEmptyItems bounds the count of a vector whose items have no bytes, which the remaining bytes cannot bound.
const maxEmptyItems = 64

const (
	maxFields = 256 // parameters of one combinator; the API's most is about 60
	maxFlags  = 8   // flags fields of one combinator; the API's most is 2
	maxBits   = maxFields / 64
)

// op says how a value stands on the wire.
type op uint8

const (
	opInt op = iota
	opLong
	opDouble
	opString
	opBytes
	opInt128
	opInt256
	opBool       // one of two ids
	opTrue       // no bytes
	opFlags      // an int that follows from which fields are present
	opClass      // boxed, one of a class
	opBare       // the fields of one constructor, without its id
	opVector     // id, count, items
	opBareVector // count, items
	opObject     // boxed, anything the schema knows
	opCall       // boxed, a function: !X
	opVoid       // a type the schema does not define
)

// typ is a type as a place asks for it.
type typ struct {
	op    op
	min   int    // least bytes of a value
	name  string // as the schema writes it
	class *class // opClass
	comb  *comb  // opBare
	elem  *typ   // vectors
}

type class struct {
	name  string
	combs []*comb
}

// single is the class's constructor where it has but one.
func (c *class) single() *comb {
	if len(c.combs) == 1 {
		return c.combs[0]
	}
	return nil
}

// field is one parameter. The texts that name it are ready made.
type field struct {
	op     op
	slot   uint8  // opFlags: its own place among the flags fields; else that of the field it depends on
	secret bool   // values are not repeated in errors
	mask   uint32 // 0: always present
	t      *typ
	name   string
	json   key // `,"name":`
	pack   key // the name as MessagePack str
}

// comb is one constructor or function.
type comb struct {
	id       uint32
	index    int // among all of the schema
	function bool
	sharing  []int // fields with bytes that share their bit with another
	required [maxBits]uint64
	wrapped  int // functions: the field whose result is the result, else -1
	packMax  int // most keys in a map, "_" included
	name     string
	class    *class // constructors
	fields   []field
	flags    []int // which fields are flags
	names    nameTable
	json     [2]key // `{"_":"name"`; [1] where constructors and functions are both possible
	pack     [2]key // the pair "_", name
	result   *typ
	decl     *tl.Combinator
}

// idTable finds combinators by id: open addressing, at most a quarter full.
type idTable struct {
	shift uint
	slots []idSlot
}

type idSlot struct {
	id uint32
	c  *comb
}

func newIDTable(n int) idTable {
	bits := uint(4)
	for 1<<bits < 4*n {
		bits++
	}
	return idTable{shift: 32 - bits, slots: make([]idSlot, 1<<bits)}
}

func (t *idTable) get(id uint32) *comb {
	for i := id * 0x9e3779b1 >> t.shift; ; i++ {
		s := &t.slots[int(i)&(len(t.slots)-1)]
		if s.c == nil || s.id == id {
			return s.c
		}
	}
}

func (t *idTable) put(c *comb) {
	i := int(c.id * 0x9e3779b1 >> t.shift)
	for t.slots[i].c != nil {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = idSlot{c.id, c}
}

// nameTable finds a combinator's fields by name; slots hold the field's index plus 1.
type nameTable []uint16

func newNameTable(fields []field) nameTable {
	n := 4
	for n < 2*len(fields) {
		n *= 2
	}
	t := make(nameTable, n)
	for i := range fields {
		h := hashName(fields[i].name) & (n - 1)
		for t[h] != 0 {
			h = (h + 1) & (n - 1)
		}
		t[h] = uint16(i + 1)
	}
	return t
}

// find returns the index of the field called name, -1 for none. Flags fields are found too.
func (c *comb) find(name []byte) int {
	n := len(c.names) - 1
	for h := hashName(name) & n; c.names[h] != 0; h = (h + 1) & n {
		if i := int(c.names[h]) - 1; c.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}

// hashName mixes the length and four bytes: the names of one combinator rarely agree in all.
func hashName[T string | []byte](s T) int {
	n := len(s)
	if n == 0 {
		return 0
	}
	h := uint32(s[0]) | uint32(s[n/4])<<8 | uint32(s[n/2])<<16 | uint32(s[n-1])<<24
	h = (h ^ uint32(n)<<20) * 0x9e3779b1
	return int(h >> 16)
}
