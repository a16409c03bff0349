package gen

import (
	"fmt"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// namer turns TL names into Go names and sees to it that each is given once.
type namer struct {
	special map[string]string
	taken   map[string]string // Go name -> TL name
}

func newNamer(special map[string]string) *namer {
	return &namer{special: special, taken: map[string]string{}}
}

// structure names a combinator; suffix is added where the name is taken (`ping` the function, were there a `ping` the
// constructor).
func (n *namer) structure(c *tl.Combinator, suffix string) (*structure, error) {
	name := n.goName(c.Name)
	if _, ok := n.taken[name]; ok {
		name += suffix
	}
	if err := n.take(name, c.Name); err != nil {
		return nil, err
	}
	return &structure{decl: c, name: name}, nil
}

func (n *namer) take(name, of string) error {
	if !validIdentifier(name) {
		return fmt.Errorf("gen: %s: %q is no exported Go name", of, name)
	}
	if old, ok := n.taken[name]; ok {
		return fmt.Errorf("gen: %s and %s would both be called %s", old, of, name)
	}
	n.taken[name] = of
	return nil
}

// goName is CamelCase, with ID and IDs as Go writes them.
func (n *namer) goName(name string) string {
	if s, ok := n.special[name]; ok {
		return s
	}
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == '.' }) {
		switch part {
		case "id":
			b.WriteString("ID")
		case "ids":
			b.WriteString("IDs")
		default:
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}
