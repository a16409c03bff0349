package peers

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/subjects"
)

// Link is a link of Telegram's, taken apart: t.me/path?query and tg:path?query. Telegram's own apps tell capitals apart only in what a
// link says, and not in how it says it.
type Link struct {
	InApp bool       // it begins with tg:
	Path  []string   // not empty; of name.t.me/5 it is that of t.me/name/5
	Query url.Values // its keys are in lower case
}

// Word is what the path begins with, in lower case.
func (l *Link) Word() string { return strings.ToLower(l.Path[0]) }

var hosts = []string{"t.me", "telegram.me", "telegram.dog"}

var errNoLink = errors.New("it is no link")

// ReadLink reads a link, with https:// or without. What stands behind # is left aside.
func ReadLink(text string) (Link, error) {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "#")
	scheme, text := splitScheme(text)
	if scheme != "" && scheme != "http" && scheme != "https" && scheme != "tg" {
		return Link{}, fmt.Errorf("%.40q is none of the schemes http, https and tg", scheme)
	}
	u, err := url.Parse("https://" + text)
	switch {
	case err != nil && scheme == "":
		return Link{}, errNoLink
	case err != nil:
		return Link{}, errors.New("it cannot be read as a link")
	}
	l := Link{InApp: scheme == "tg", Query: url.Values{}}
	host := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
	name, sub := strings.CutSuffix(host, ".t.me") // name.t.me/5
	switch {
	case l.InApp:
		l.Path = []string{u.Hostname()}
	case sub && len(name) >= leastName && !strings.Contains(name, "."):
		l.Path = []string{name}
	case slices.Contains(hosts, host):
	case scheme == "":
		return Link{}, errNoLink
	default:
		return Link{}, fmt.Errorf("%.40q is none of Telegram's hosts, which are t.me, telegram.me and telegram.dog", u.Hostname())
	}
	if err := l.checkWay(u); err != nil {
		return Link{}, err
	}
	return l, l.fill(u, host)
}

// IsLink reports whether a text is written as a link, whether it leads to anything or not.
func IsLink(text string) bool {
	_, err := ReadLink(text)
	return !errors.Is(err, errNoLink)
}

// splitScheme cuts off what stands before :// or is tg:, in lower case.
func splitScheme(text string) (scheme, rest string) {
	scheme, rest, found := strings.Cut(text, ":")
	if scheme = strings.ToLower(scheme); !found || strings.ContainsAny(scheme, "/?") {
		return "", text
	}
	after, slashes := strings.CutPrefix(rest, "//")
	if slashes || scheme == "tg" {
		return scheme, after
	}
	return "", text
}

// checkWay refuses what would lead a browser elsewhere than it seems.
func (l *Link) checkWay(u *url.URL) error {
	port := u.Port()
	switch {
	case u.User != nil:
		return errors.New("it names a user before the host")
	case port != "" && (l.InApp || port != "80" && port != "443"):
		return fmt.Errorf("port %.40q is none of Telegram's", port)
	}
	return nil
}

// fill reads path and query.
func (l *Link) fill(u *url.URL, host string) error {
	for segment := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		segment, err := url.PathUnescape(segment) // behind the cut: %2F is no slash
		if err != nil {
			return errors.New("it cannot be read as a link")
		}
		l.Path = append(l.Path, segment)
	}
	if last := len(l.Path) - 1; l.Path[last] == "" {
		l.Path = l.Path[:last]
	}
	if !l.InApp && len(l.Path) > 1 && l.Word() == "s" { // the preview of a channel in a browser
		l.Path = l.Path[1:]
	}
	query := u.Query()
	for _, key := range slices.Sorted(maps.Keys(query)) { // of two that differ in capitals, the one without is the last
		l.Query[strings.ToLower(key)] = query[key]
	}
	if len(l.Path) > 0 && l.Path[0] != "" {
		return nil
	}
	if l.InApp {
		host = "tg:"
	}
	return fmt.Errorf("nobody is named behind %.40q", host)
}

const (
	invitation = "an invitation: messages.checkChatInvite tells of which chat"
	token      = "a link with a token: contacts.importContactToken tells whose"
	business   = "a link of a business: account.resolveBusinessChatLink tells whose"
	other      = "%.40q leads to something else than a peer"
)

// elsewhere is what the paths of links begin with that lead to something else than a peer, with what tells whose they are, where anything does.
var elsewhere = map[string]string{
	"joinchat": invitation, "contact": token, "m": business, "addemoji": "", "addlist": "", "addstickers": "", "addstyle": "", "addtheme": "", "auction": "", "auth": "",
	"bg": "", "boost": "", "call": "", "confirmphone": "", "giftcode": "", "invoice": "", "iv": "", "login": "", "msg": "", "newbot": "", "nft": "", "proxy": "",
	"setlanguage": "", "share": "", "socks": "", "stars_topup": "", "web": "",
}

// peer is to whom a link leads, with what follows left aside.
func (l *Link) peer() (reference, error) {
	word := l.Word()
	why, leads := elsewhere[word]
	switch {
	case l.InApp:
		return l.inApp(word)
	case why != "":
		return reference{}, errors.New(why)
	case leads:
		return reference{}, fmt.Errorf(other, word)
	case word == "c":
		digits := ""
		if len(l.Path) > 1 {
			digits = l.Path[1]
		}
		return idAt("behind /c/", subjects.Channel, digits)
	}
	digits, plus := strings.CutPrefix(l.Path[0], "+")
	if !plus {
		return named(l.Path[0])
	}
	r, err := numbered(digits)
	if err != nil {
		return reference{}, errors.New(invitation)
	}
	return r, nil
}

// Peer is text that stands for whom a link leads to: @name, +49170 or channel.5.
func (l *Link) Peer() (string, error) {
	r, err := l.peer()
	if err != nil || r.kind == "" {
		return r.key(), err
	}
	return peer{r.kind, r.id}.String(), nil
}

// inApp is to whom a link leads that begins with tg:.
func (l *Link) inApp(word string) (reference, error) {
	at := func(key string, kind subjects.Kind) (reference, error) { return idAt(key, kind, l.Query.Get(key)) }
	switch word {
	case "resolve":
		if phone := l.Query.Get("phone"); phone != "" {
			r, err := numbered(strings.TrimPrefix(phone, "+"))
			return r, placed("phone", err)
		}
		name := l.Query.Get("domain")
		if name == "" {
			return reference{}, errors.New("resolve: domain or phone is missing")
		}
		r, err := named(name)
		return r, placed("domain", err)
	case "privatepost":
		return at("channel", subjects.Channel)
	case "user":
		return at("id", subjects.User)
	case "openmessage":
		if l.Query.Has("chat_id") {
			return at("chat_id", subjects.Chat)
		}
		return at("user_id", subjects.User)
	case "join":
		return reference{}, errors.New(invitation)
	case "contact":
		return reference{}, errors.New(token)
	case "message":
		return reference{}, errors.New(business)
	}
	return reference{}, fmt.Errorf(other, word)
}

func idAt(place string, kind subjects.Kind, digits string) (reference, error) {
	r, err := idOf(kind, digits)
	return r, placed(place, err)
}

// placed says where in a link something is wrong.
func placed(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", place, err)
}
