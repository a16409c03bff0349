package peers

import (
	"errors"
	"net/url"
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
	far   bool  // it would be an id, and Telegram has none that are so high
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

// parse reads the forms that the package comment lists.
func parse(text string) (r reference, ok bool) {
	text = strings.TrimSpace(text)
	if text == "me" || text == "self" {
		return reference{self: true}, true
	}
	if name, found := strings.CutPrefix(text, "@"); found {
		return named(name)
	}
	if digits, found := strings.CutPrefix(text, "+"); found {
		return numbered(digits)
	}
	if kind, digits, found := strings.Cut(text, "."); found {
		if r, ok := idOf(subjects.Kind(kind), digits); ok || r.far {
			return r, ok
		}
	}
	if r, ok := parseID(text); ok || r.far {
		return r, ok
	}
	if r, ok := parseLink(text); ok || r.far {
		return r, ok
	}
	if len(text) < leastName || !isLetter(text[0]) {
		return reference{}, false
	}
	return named(text)
}

// leastName is how many bytes a name has at least that is written without @.
const leastName = 4

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// named is a username: up to 32 of a-z, 0-9 and _, of which Telegram does not tell capitals apart.
func named(name string) (reference, bool) {
	name = strings.ToLower(name)
	plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	return reference{name: name}, plain && len(name) > 1 && len(name) <= 32
}

// numbered is a phone number, which people write with blanks, dashes and brackets.
func numbered(digits string) (reference, bool) {
	digits = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(digits)
	plain := strings.Trim(digits, "0123456789") == ""
	return reference{phone: digits}, plain && len(digits) >= 5 && len(digits) <= 20
}

func idOf(kind subjects.Kind, digits string) (reference, bool) {
	id, err := strconv.ParseInt(digits, 10, 64)
	if kind != subjects.User && kind != subjects.Chat && kind != subjects.Channel {
		return reference{}, false
	}
	return near(kind, id, err)
}

// parseID reads a bare id, or one below zero, as the Bot API has those of channels and basic groups.
func parseID(text string) (reference, bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	if id < 0 {
		c := subjects.FromBotAPI(id)
		return near(c.Kind, c.ID, err)
	}
	return near(subjects.None, id, err)
}

// near is a reference by an id that was read. Ids that Telegram cannot have are nobody's: see [key].
func near(kind subjects.Kind, id int64, err error) (reference, bool) {
	if id > subjects.MostID || errors.Is(err, strconv.ErrRange) {
		return reference{far: true}, false
	}
	return reference{kind: kind, id: id}, err == nil && id > 0
}

// notNames are what begins the paths of links to something else than a peer.
var notNames = map[string]bool{
	"addemoji": true, "addlist": true, "addstickers": true, "addtheme": true, "bg": true, "boost": true, "call": true, "confirmphone": true,
	"contact": true, "giftcode": true, "invoice": true, "iv": true, "joinchat": true, "login": true, "nft": true, "proxy": true, "setlanguage": true,
	"share": true, "socks": true, "stars_topup": true,
}

// parseLink reads t.me/name, name.t.me, t.me/c/1234/5 and the same as tg:, with what follows left aside.
func parseLink(text string) (reference, bool) {
	if !strings.ContainsAny(text, ".:") {
		return reference{}, false
	}
	if !strings.Contains(text, "://") && !strings.HasPrefix(text, "tg:") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return reference{}, false
	}
	if u.Scheme == "tg" {
		return parseTG(u)
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return reference{}, false
	}
	host := strings.TrimPrefix(strings.ToLower(u.Host), "www.")
	first, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if name, found := strings.CutSuffix(host, ".t.me"); found && len(name) >= leastName {
		return named(name)
	}
	if host != "t.me" && host != "telegram.me" && host != "telegram.dog" || notNames[strings.ToLower(first)] {
		return reference{}, false
	}
	switch {
	case first == "c":
		digits, _, _ := strings.Cut(rest, "/")
		return idOf(subjects.Channel, digits)
	case first == "s" && rest != "": // its preview in a browser
		first, _, _ = strings.Cut(rest, "/")
	}
	if digits, found := strings.CutPrefix(first, "+"); found {
		if r, ok := numbered(digits); ok { // else it is an invitation
			return r, true
		}
		return reference{}, false
	}
	return named(first)
}

// parseTG reads tg://resolve?domain=name, tg://resolve?phone=49170, tg://user?id=5, tg://openmessage?user_id=5 and
// tg://privatepost?channel=5&post=6.
func parseTG(u *url.URL) (reference, bool) {
	what, query := u.Host, u.Query()
	if what == "" { // tg:resolve?domain=name
		what = u.Opaque
	}
	switch what {
	case "resolve":
		if phone := query.Get("phone"); phone != "" {
			return numbered(strings.TrimPrefix(phone, "+"))
		}
		return named(query.Get("domain"))
	case "user":
		return idOf(subjects.User, query.Get("id"))
	case "openmessage":
		if chat := query.Get("chat_id"); chat != "" {
			return idOf(subjects.Chat, chat)
		}
		return idOf(subjects.User, query.Get("user_id"))
	case "privatepost":
		return idOf(subjects.Channel, query.Get("channel"))
	}
	return reference{}, false
}
