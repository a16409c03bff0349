package updates

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// The struct tags of [Position], [State] and [ChannelState] are the one table of their fields: `json` names a field in the
// snapshot, `text` says where it stands in a change, as [State.Apply] reads it. A text tag is the name of an entry, for all
// fields of the entry but the first the mark that stands before the value, and for some what the value is where it is left
// out:
//
//	Pts int `text:"pts"`      // pts=105
//	N   int `text:"pts . 1"`  // pts=105.3; left out where it is 1
//	Top int `text:"pts @"`    // pts=105.3@5001; left out where it does not change
//
// A bool stands as its mark alone, and is false where that is left out. Fields with the tag "-" have entries of their own.

// entry is one entry of a change: name=value.
type entry struct {
	name   string
	fields []entryField
}

// entryField is one field of a struct in an entry.
type entryField struct {
	index  int // in the struct
	mark   string
	orElse int64 // what it is where the text leaves it out
	keep   bool  // where the text leaves it out it stays as it is
	kind   reflect.Kind
}

var (
	positionEntries = entriesOf(reflect.TypeFor[Position]())
	stateEntries    = entriesOf(reflect.TypeFor[State]())
	channelEntry    = entriesOf(reflect.TypeFor[ChannelState]())[0]

	eraEntry    = named(stateEntries, "era")
	listedEntry = named(stateEntries, "listed")
)

// entriesOf reads the tags of a struct. It panics where a field has none, so that none is forgotten in one of the two forms.
func entriesOf(t reflect.Type) (all []*entry) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			continue
		}
		tag := strings.Fields(f.Tag.Get("text"))
		if len(tag) == 0 || f.Tag.Get("json") == "" {
			panic(fmt.Sprintf("updates: %v.%s has no tag text or json", t, f.Name))
		}
		if tag[0] == "-" {
			continue
		}
		if len(all) == 0 || all[len(all)-1].name != tag[0] {
			all = append(all, &entry{name: tag[0]})
		}
		to := entryField{index: i, kind: f.Type.Kind()}
		if len(tag) > 1 {
			to.mark, to.keep = tag[1], to.kind != reflect.Bool && len(tag) == 2
		}
		if len(tag) > 2 {
			to.orElse, _ = strconv.ParseInt(tag[2], 10, 64)
		}
		e := all[len(all)-1]
		e.fields = append(e.fields, to)
	}
	return all
}

func named(entries []*entry, name string) *entry {
	for _, e := range entries {
		if e.name == name {
			return e
		}
	}
	return nil
}

// append writes the value, with what s says. Fields that are what they would be without being written are left out.
func (e *entry) append(b []byte, s reflect.Value) []byte {
	for i := range e.fields {
		f := &e.fields[i]
		b = f.append(b, s.Field(f.index))
	}
	return b
}

func (f *entryField) append(b []byte, v reflect.Value) []byte {
	switch {
	case f.kind == reflect.Bool && f.mark == "":
		return append(b, '1')
	case f.kind == reflect.Bool && v.Bool():
		return append(b, f.mark...)
	case f.kind == reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10)
	case f.kind == reflect.Int || f.kind == reflect.Int64:
		if f.mark == "" || v.Int() != f.orElse {
			return strconv.AppendInt(append(b, f.mark...), v.Int(), 10)
		}
	}
	return b
}

// parse reads a value into s, its last field first.
func (e *entry) parse(value string, s reflect.Value) error {
	for i := len(e.fields) - 1; i >= 0; i-- {
		f := &e.fields[i]
		to, digits, found := s.Field(f.index), value, true
		switch {
		case f.kind == reflect.Bool && f.mark == "":
			to.SetBool(true)
			continue
		case f.kind == reflect.Bool:
			value, found = strings.CutSuffix(value, f.mark)
			to.SetBool(found)
			continue
		case f.mark != "":
			value, digits, found = strings.Cut(value, f.mark)
		}
		switch {
		case found:
			if err := setNumber(to, digits); err != nil {
				return err
			}
		case !f.keep:
			to.SetInt(f.orElse)
		}
	}
	return nil
}

func setNumber(to reflect.Value, digits string) error {
	if to.Kind() == reflect.Uint64 {
		n, err := strconv.ParseUint(digits, 10, 64)
		to.SetUint(n)
		return err
	}
	n, err := strconv.ParseInt(digits, 10, to.Type().Bits())
	if err == nil {
		to.SetInt(n)
	}
	return err
}

// differs reports whether a and b are not the same in one of the entry's fields.
func (e *entry) differs(a, b reflect.Value) bool {
	for i := range e.fields {
		if n := e.fields[i].index; a.Field(n).Int() != b.Field(n).Int() {
			return true
		}
	}
	return false
}

// appendPosition appends the entries that take the account from old to p. Channels are told one by one.
func appendPosition(b []byte, old, p *Position) []byte {
	if *old == *p {
		return b
	}
	was, is := reflect.ValueOf(old).Elem(), reflect.ValueOf(p).Elem()
	for _, e := range positionEntries {
		if e.differs(was, is) {
			b = e.appendChange(appendField(b, e.name), was, is)
		}
	}
	return b
}

// appendChange is append, without the fields that may be left out where they have not changed.
func (e *entry) appendChange(b []byte, was, is reflect.Value) []byte {
	for i := range e.fields {
		f := &e.fields[i]
		if v := is.Field(f.index); !f.keep || v.Int() != was.Field(f.index).Int() {
			b = f.append(b, v)
		}
	}
	return b
}

// appendField starts another field.
func appendField(b []byte, name string) []byte {
	if len(b) > 0 {
		b = append(b, ';')
	}
	return append(append(b, name...), '=')
}
