package codec

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/natsgram/natsgram/tl/bin"
)

// Error says what is wrong with an input, and where. It never repeats a value whose field may hold a secret.
type Error struct {
	// Path is the call, constructor or type, then the fields and indices on the way, as in
	// "messages.sendMedia: media.attributes[3].file_name".
	Path string
	// Offset is the byte of the input at which the value or the offence begins, -1 where the input has no bytes.
	Offset int
	// What is wrong: "want long", "unknown field".
	What string
	// Got is what stood there, shortened to some 40 bytes of UTF-8, or just its kind where it may be a secret. It can be empty.
	Got string
	// Err is the cause where there is one: what a hook answered, or an error of package bin.
	Err error

	kind string // what may be said of a secret Got
}

// Error returns one line: Path, What and Got.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.What)
	if e.Got != "" {
		b.WriteString(", got ")
		b.WriteString(e.Got)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// in puts a field before the path. A secret field hides the value, even one deep within it.
func (e *Error) in(f *field) {
	if f.secret {
		e.hide()
	}
	e.under(f.name)
}

func (e *Error) hide() {
	if e.Got != "" && e.kind != "" {
		e.Got = e.kind
	}
}

func (e *Error) under(name string) {
	switch {
	case e.Path == "":
		e.Path = name
	case e.Path[0] == '[':
		e.Path = name + e.Path
	default:
		e.Path = name + "." + e.Path
	}
}

// at puts an index before the path.
func (e *Error) at(i int) {
	index := "[" + strconv.Itoa(i) + "]"
	if e.Path != "" && e.Path[0] != '[' {
		index += "."
	}
	e.Path = index + e.Path
}

// root completes the path. A nil e stays nil, as an error interface too.
func (e *Error) root(name string) error {
	if e == nil {
		return nil
	}
	if name != "" && e.Path != "" {
		name += ": "
	}
	e.Path = name + e.Path
	return e
}

func errShort(off, want, have int) *Error {
	return &Error{
		Offset: off, What: fmt.Sprintf("the bytes end at %d, want %d more", off+have, want-have),
		Err: &bin.ShortError{Offset: off, Want: want, Have: have},
	}
}

func errTrailing(off, left int) *Error {
	return &Error{
		Offset: off, What: fmt.Sprintf("%d bytes too many from byte %d", left, off),
		Err: &bin.TrailingError{Offset: off, Left: left},
	}
}

func errFormat(off int, what string) *Error {
	return &Error{Offset: off, What: fmt.Sprintf("at byte %d: %s", off, what), Err: &bin.FormatError{Offset: off, What: what}}
}

// errID is for an id that does not belong; c is what it belongs to, nil for nothing known (H8).
func errID(off int, id uint32, c *comb, want string) *Error {
	got := fmt.Sprintf("the unknown constructor %08x", id)
	if c != nil {
		got = c.name
	} else if id == bin.IDVector {
		got = "a vector"
	}
	return &Error{
		Offset: off, What: fmt.Sprintf("at byte %d: want %s", off, want), Got: got,
		Err: &bin.UnexpectedIDError{Offset: off, ID: id, Want: want},
	}
}

func errDepth(off int) *Error {
	return &Error{Offset: off, What: fmt.Sprintf("nested deeper than %d", MaxDepth)}
}

func errOutput(off int) *Error {
	return &Error{Offset: off, What: fmt.Sprintf("would take more than %d bytes", MaxOutput)}
}

// errVoid is for a type without definition. It is the schema's fault, not the input's.
func errVoid(off int, t *typ) *Error {
	if t == nil {
		return &Error{Offset: off, What: "no type was asked for"}
	}
	return &Error{Offset: off, What: "the schema has no definition of " + t.name}
}

// secretWords make a field's values unspeakable wherever they stand in its name. Too many is better than too few: an error
// without the value still names the place.
var secretWords = []string{
	"passw", "secret", "hash", "token", "code", "key", "salt", "srp", "credential", "signature", "nonce", "encrypted",
	"proof", "random_bytes", "g_a", "g_b", "phone",
}

func isSecret(name string) bool {
	switch name {
	case "A", "B", "M1", "bytes", "data":
		return true
	}
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

const maxEcho = 40

// clip shortens text for an error, at a rune's border, and makes it valid UTF-8 without line breaks.
func clip[T string | []byte](s T) string {
	text, more := string(s[:min(len(s), maxEcho)]), ""
	if len(s) > maxEcho {
		more = "..."
		for i := 0; i < utf8.UTFMax-1 && len(text) > 0 && !utf8.ValidString(text); i++ {
			text = text[:len(text)-1]
		}
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	return clean + more
}

// quoted is clip between quotes.
func quoted[T string | []byte](s T) string { return `"` + clip(s) + `"` }

func errCount(off, n, left int) *Error {
	return errFormat(off, fmt.Sprintf("vector of %d items in %d bytes", n, left))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}
