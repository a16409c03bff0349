package peers

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/subjects"
)

// reference is a peer as a caller wrote it.
type reference struct {
	self  bool
	name  string // without @, in lower case
	phone string // digits
	kind  subjects.Kind
	id    int64 // with kind None: of whatever kind
}

// key is what tells a reference that has to be looked up from others.
func (r reference) key() string {
	switch {
	case r.name != "":
		return "@" + r.name
	case r.phone != "":
		return "+" + r.phone
	}
	return strconv.FormatInt(r.id, 10)
}

// kindName is how the kind is called where people read it.
func (r reference) kindName() string {
	switch r.kind {
	case subjects.User, subjects.Channel:
		return string(r.kind)
	case subjects.Chat:
		return "basic group"
	}
	return "peer"
}

// parse reads the forms that the package comment lists. An error says why the text names no peer.
func parse(text string) (reference, error) {
	text = strings.TrimSpace(text)
	if low := strings.ToLower(text); low == "me" || low == "self" {
		return reference{self: true}, nil
	}
	if name, found := strings.CutPrefix(text, "@"); found {
		return named(name)
	}
	if digits, found := strings.CutPrefix(text, "+"); found {
		return numbered(digits)
	}
	if kind, digits, found := strings.Cut(text, "."); found {
		switch kind := subjects.Kind(strings.ToLower(kind)); kind {
		case subjects.User, subjects.Chat, subjects.Channel:
			if r, err := idOf(kind, digits); err == nil || errors.Is(err, errFar) || strings.Trim(digits, "-0123456789") == "" {
				return r, err
			}
		}
	}
	if r, err := parseID(text); err == nil || errors.Is(err, errFar) {
		return r, err
	}
	if !strings.ContainsAny(text, ".:") {
		r, err := named(text)
		if err != nil || len(text) < leastName {
			return reference{}, errNobody
		}
		return r, nil
	}
	l, err := ReadLink(text)
	switch {
	case errors.Is(err, errNoLink):
		return reference{}, errNobody
	case err != nil:
		return reference{}, err
	}
	return l.peer()
}

// errNobody is of text in none of the forms.
var errNobody = errors.New("want me, @name, +phone, a t.me link or an id such as user.1, chat.1, channel.1")

// leastName is how many bytes a name has at least that is written without @.
const leastName = 4

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// named is a username, of which Telegram does not tell capitals apart. Some that people bought are short.
func named(name string) (reference, error) {
	low := strings.ToLower(name)
	plain := strings.Trim(low, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	if !plain || len(low) < 2 || len(low) > 32 || !isLetter(low[0]) {
		return reference{}, fmt.Errorf("%.40q: a username has 2 to 32 letters, digits and _, and begins with a letter", name)
	}
	return reference{name: low}, nil
}

// numbered is a phone number, which people write with blanks, dashes and brackets.
func numbered(written string) (reference, error) {
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(written)
	if strings.Trim(digits, "0123456789") != "" || len(digits) < 5 || len(digits) > 20 {
		return reference{}, fmt.Errorf("%.40q: a phone number has 5 to 20 digits", written)
	}
	return reference{phone: digits}, nil
}

func idOf(kind subjects.Kind, digits string) (reference, error) {
	if digits == "" {
		return reference{}, errors.New("an id is missing")
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	return near(kind, id, digits, err)
}

// parseID reads a bare id, or one below zero, as the Bot API has those of channels and basic groups.
func parseID(text string) (reference, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if id < 0 {
		c := subjects.FromBotAPI(id)
		return near(c.Kind, c.ID, text, err)
	}
	return near(subjects.None, id, text, err)
}

// errFar is of what would be an id, and Telegram has none that are so high.
var errFar = fmt.Errorf("no id is above %d", int64(subjects.MostID))

// near is a reference by an id that was read. Ids that Telegram cannot have are nobody's: see [key].
func near(kind subjects.Kind, id int64, written string, err error) (reference, error) {
	switch {
	case id > subjects.MostID || errors.Is(err, strconv.ErrRange):
		return reference{}, errFar
	case err != nil || id <= 0:
		return reference{}, fmt.Errorf("%.40q is no id", written)
	}
	return reference{kind: kind, id: id}, nil
}
