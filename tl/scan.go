package tl

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kind is what a token is: its own character for punctuation, or one of these.
type kind byte

const (
	endOfFile kind = 0
	word      kind = 'w' // a name, a number, a hexadecimal id, flags.0
	section   kind = '-' // ---functions---, text without the dashes
	layerMark kind = '~' // ===23===, the number alone
	bad       kind = 'x' // not TL; text says why, and nothing follows
)

const punctuation = "#:?=;<>{}!%*[]()"

type token struct {
	kind kind
	text string
	at   position
}

// position is where something stands: a line and column from 1, or a description where the source has no lines.
type position struct {
	line, col int
	where     string
}

// scanner splits TL text into tokens. It skips comments, and keeps the layer and its date that they may name.
type scanner struct {
	src   string
	off   int
	line  int
	start int // offset of the present line
	layer int
	since time.Time
}

func newScanner(src []byte) *scanner {
	return &scanner{src: strings.TrimPrefix(string(src), "\ufeff"), line: 1}
}

func (s *scanner) position() position { return position{line: s.line, col: s.off - s.start + 1} }

func (s *scanner) next() token {
	at, closed := s.skip()
	switch {
	case !closed:
		return s.bad(at, "the comment is not closed")
	case s.off == len(s.src):
		return token{at: at}
	}
	switch c := s.src[s.off]; {
	case wordByte(c):
		return token{kind: word, text: s.take(wordByte), at: at}
	case c == '-':
		return s.section(at)
	case strings.HasPrefix(s.src[s.off:], "==="):
		return s.layerMark(at)
	case strings.IndexByte(punctuation, c) >= 0:
		s.off++
		return token{kind: kind(c), text: s.src[s.off-1 : s.off], at: at}
	default:
		return s.bad(at, "unexpected character %q", c)
	}
}

func (s *scanner) bad(at position, format string, args ...any) token {
	s.off = len(s.src)
	return token{kind: bad, text: fmt.Sprintf(format, args...), at: at}
}

func (s *scanner) take(in func(byte) bool) string {
	from := s.off
	for s.off < len(s.src) && in(s.src[s.off]) {
		s.off++
	}
	return s.src[from:s.off]
}

func (s *scanner) restOfLine() string { return s.take(func(c byte) bool { return c != '\n' }) }

// skip passes over space and comments. It answers where it stopped, and false at a comment without an end.
func (s *scanner) skip() (at position, closed bool) {
	for s.off < len(s.src) {
		switch c := s.src[s.off]; {
		case c == '\n':
			s.newline()
		case c == ' ' || c == '\t' || c == '\r':
			s.off++
		case strings.HasPrefix(s.src[s.off:], "//"):
			s.lineComment()
		case strings.HasPrefix(s.src[s.off:], "/*"):
			if at := s.position(); !s.blockComment() {
				return at, false
			}
		default:
			return s.position(), true
		}
	}
	return s.position(), true
}

func (s *scanner) newline() {
	s.off++
	s.line++
	s.start = s.off
}

func (s *scanner) lineComment() {
	fields := strings.Fields(strings.TrimLeft(s.restOfLine(), "/"))
	if len(fields) != 2 {
		return
	}
	switch fields[0] {
	case "LAYER":
		if n, err := strconv.ParseUint(fields[1], 10, 31); err == nil {
			s.layer = int(n)
		}
	case "SINCE":
		if day, err := time.Parse(time.DateOnly, fields[1]); err == nil {
			s.since = day
		}
	}
}

func (s *scanner) blockComment() bool {
	n := strings.Index(s.src[s.off+2:], "*/")
	if n < 0 {
		return false
	}
	for end := s.off + 2 + n + 2; s.off < end; {
		if s.src[s.off] == '\n' {
			s.newline()
		} else {
			s.off++
		}
	}
	return true
}

func (s *scanner) section(at position) token {
	line := strings.TrimRight(s.restOfLine(), " \t\r")
	if line != "---types---" && line != "---functions---" {
		return s.bad(at, "want ---types--- or ---functions---, got %s", quote(line))
	}
	return token{kind: section, text: strings.Trim(line, "-"), at: at}
}

func (s *scanner) layerMark(at position) token {
	line := strings.TrimRight(s.restOfLine(), " \t\r")
	text := strings.Trim(line, "=")
	if _, err := strconv.ParseUint(text, 10, 31); err != nil || line != "==="+text+"===" {
		return s.bad(at, "want a layer as in ===23===, got %s", quote(line))
	}
	return token{kind: layerMark, text: text, at: at}
}
