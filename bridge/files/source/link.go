package source

import (
	"net/url"
	"strconv"
	"strings"
)

// link is what a link to a message or a story says.
type link struct {
	peer    string // text that stands for a peer
	id      int64
	comment int64 // a message under that one, in its discussion; 0: none
	story   bool
}

// parseLink reads t.me/name/5, t.me/c/123/5, either with a topic before the id, t.me/name/s/5, and the tg:// forms of these. ?comment=7 names a
// message under it; ?single and all else is left aside.
func parseLink(text string) (l link, ok bool) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return l, false
	}
	q := u.Query()
	if said := q.Get("comment"); said != "" {
		if l.comment, ok = messageID(said); !ok {
			return l, false
		}
	}
	if u.Scheme == "tg" {
		return l.inApp(u.Host, q)
	}
	host := strings.TrimPrefix(strings.ToLower(u.Host), "www.")
	name, sub := strings.CutSuffix(host, ".t.me") // name.t.me/5
	if host != "t.me" && host != "telegram.me" && host != "telegram.dog" && !(sub && name != "") {
		return l, false
	}
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	if sub {
		path = append([]string{name}, path...)
	}
	if len(path) > 2 && path[0] == "c" {
		if _, ok := number(path[1], 64); !ok {
			return l, false
		}
		return l.to("channel."+path[1], path[2:])
	}
	if len(path) < 2 || !named(path[0]) {
		return l, false
	}
	return l.to("@"+path[0], path[1:])
}

// inApp reads the forms that begin with tg://.
func (l link) inApp(host string, q url.Values) (link, bool) {
	switch domain := q.Get("domain"); {
	case host == "privatepost":
		if _, ok := number(q.Get("channel"), 64); !ok {
			return l, false
		}
		return l.to("channel."+q.Get("channel"), []string{q.Get("post")})
	case host != "resolve" || !named(domain):
		return l, false
	case q.Has("story"):
		return l.to("@"+domain, []string{"s", q.Get("story")})
	default:
		return l.to("@"+domain, []string{q.Get("post")})
	}
}

// to reads what stands behind the chat: an id, a topic and an id, or s and a story's.
func (l link) to(peer string, rest []string) (link, bool) {
	l.peer = peer
	if len(rest) == 2 {
		if l.story = rest[0] == "s"; !l.story {
			if _, ok := messageID(rest[0]); !ok {
				return l, false
			}
		}
		rest = rest[1:]
	}
	if len(rest) != 1 || l.story && l.comment > 0 {
		return l, false
	}
	var ok bool
	l.id, ok = messageID(rest[0])
	return l, ok
}

func messageID(text string) (int64, bool) { return number(text, 32) }

func number(text string, bits int) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, bits)
	return id, err == nil && id > 0
}

// named: a username.
func named(text string) bool {
	plain := strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	return plain && len(text) > 1 && len(text) <= 32
}
