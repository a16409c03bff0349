package tl

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"time"
)

// String is the canonical line, with ; and without a newline. Ids have 8 digits, as errors print them.
func (c *Combinator) String() string { return string(c.append(nil)) }

func (c *Combinator) append(dst []byte) []byte {
	dst = append(dst, c.Name...)
	dst = fmt.Appendf(dst, "#%08x", c.ID)
	for _, x := range c.Generic {
		dst = append(append(append(dst, " {"...), x...), ":Type}"...)
	}
	for i := range c.Params {
		dst = c.Params[i].append(append(dst, ' '))
	}
	return append(c.Result.append(append(dst, " = "...)), ';')
}

// String is the parameter as a schema writes it: media:flags.9?InputMedia.
func (p Param) String() string { return string(p.append(nil)) }

func (p *Param) append(dst []byte) []byte {
	dst = append(append(dst, p.Name...), ':')
	return p.Type.append(p.Cond.append(dst))
}

func (c *Cond) append(dst []byte) []byte {
	if c == nil {
		return dst
	}
	dst = append(append(dst, c.Flags...), '.')
	return append(strconv.AppendInt(dst, int64(c.Bit), 10), '?')
}

// String is the type as a schema writes it: Vector<%Message>.
func (t Type) String() string { return string(t.append(nil)) }

func (t *Type) append(dst []byte) []byte {
	switch {
	case t.Bang:
		dst = append(dst, '!')
	case t.Bare && t.Name != "#" && !lowerName(t.Name):
		dst = append(dst, '%')
	}
	dst = append(dst, t.Name...)
	for i := range t.Args {
		dst = append(t.Args[i].append(append(dst, '<')), '>')
	}
	return dst
}

// Append appends the canonical file: one line a combinator, constructors before functions, the layer at the end. Parse
// of it gives the same schema, and Append of that the same bytes.
func (s *Schema) Append(dst []byte) []byte {
	for _, c := range s.Constructors {
		dst = append(c.append(dst), '\n')
	}
	if len(s.Functions) > 0 {
		dst = append(dst, "\n---functions---\n\n"...)
	}
	for _, c := range s.Functions {
		dst = append(c.append(dst), '\n')
	}
	if s.Layer > 0 {
		dst = fmt.Appendf(dst, "\n// LAYER %d\n", s.Layer)
	}
	if !s.Since.IsZero() {
		dst = fmt.Appendf(dst, "// SINCE %s\n", s.Since.Format(time.DateOnly))
	}
	return dst
}

// CRC is the id that the line's text gives: the CRC32 (IEEE) of it without id, semicolon, optional true parameters and
// brackets, with a parameter of bytes called string (H6). The id on the line is what counts; see [Check].
func (c *Combinator) CRC() uint32 { return c.crcAs(c.Name) }

// crcAs is the CRC that the line would have under another name.
func (c *Combinator) crcAs(name string) uint32 {
	text := make([]byte, 0, 256)
	text = append(text, name...)
	for _, x := range c.Generic {
		text = append(append(append(text, ' '), x...), ":Type"...)
	}
	for i := range c.Params {
		p := &c.Params[i]
		if p.Cond != nil && p.Type.Name == "true" {
			continue
		}
		text = append(append(append(text, ' '), p.Name...), ':')
		text = p.Cond.append(text)
		if p.Type.Name == "bytes" {
			text = append(text, "string"...) // only here: Vector<bytes> stays
		} else {
			text = p.Type.appendNormal(text)
		}
	}
	text = c.Result.appendNormal(append(text, " = "...))
	return crc32.ChecksumIEEE(text)
}

// appendNormal writes a type the way it counts for the CRC: with spaces for brackets.
func (t *Type) appendNormal(dst []byte) []byte {
	bare := Type{Name: t.Name, Bare: t.Bare, Bang: t.Bang}
	dst = bare.append(dst)
	for i := range t.Args {
		dst = t.Args[i].appendNormal(append(dst, ' '))
	}
	return dst
}
