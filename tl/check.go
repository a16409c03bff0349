package tl

import (
	"fmt"
	"strings"
)

// Mismatch is a combinator whose id is not what its line gives (H6).
type Mismatch struct {
	Combinator *Combinator
	CRC        uint32 // what the line gives
	Known      string // why that is right all the same; empty: nobody knows
}

func (m Mismatch) String() string {
	s := fmt.Sprintf("%s#%08x: the line gives %08x", m.Combinator.Name, m.Combinator.ID, m.CRC)
	if m.Combinator.Line > 0 {
		s = fmt.Sprintf("line %d: %s", m.Combinator.Line, s)
	}
	if m.Known != "" {
		s += " (known: " + m.Known + ")"
	}
	return s
}

// exceptions are the lines that Telegram's own clients carry with an id that the line does not give.
var exceptions = map[string]struct {
	id  uint32
	why string
}{
	"ipPortSecret":                  {0x37982646, "the id was made of the line without calling bytes string"},
	"accessPointRule":               {0x4679b65f, "no form of the line is known that gives the id; it names a list in the backup configuration"},
	"help.configSimple":             {0x5a592a6c, "no form of the line is known that gives the id; it is the backup configuration, which is read and never sent"},
	"msg_container":                 {0x73f1f8dc, "the id was made of vector message, where the line now has vector<%Message>"},
	"decryptedMessageMediaDocument": {0x6abd9782, "no form of the line is known that gives the id; secret chats of layer 143 and later use it"},
}

// Check compares every id with the CRC32 of its line and returns those that differ, in the file's order. A written id is
// always right on the wire: a mismatch that is not Known says that the line was copied wrongly, most likely in its
// parameters, and would be decoded wrongly.
func Check(s *Schema) (found []Mismatch) {
	for _, list := range [][]*Combinator{s.Constructors, s.Functions} {
		for _, c := range list {
			if crc := c.CRC(); crc != c.ID {
				found = append(found, Mismatch{Combinator: c, CRC: crc, Known: whyKnown(c)})
			}
		}
	}
	return found
}

func whyKnown(c *Combinator) string {
	if e, ok := exceptions[c.Name]; ok && e.id == c.ID {
		return e.why
	}
	for _, name := range formerNames(c.Name) {
		if c.crcAs(name) == c.ID {
			return "the id is that of the name " + name
		}
	}
	return ""
}

// formerNames are what a combinator may have been called when it got its id: clients rename old forms, by the layer
// (decryptedMessage8) or as Legacy, and keep the id, which proves the rest of the line.
func formerNames(name string) (names []string) {
	if former, ok := strings.CutSuffix(name, "Legacy"); ok {
		names = append(names, former)
	}
	if former := strings.TrimRight(name, "0123456789"); former != name {
		names = append(names, former)
	}
	return names
}
