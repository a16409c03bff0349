package erase

import (
	"bytes"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// Who is a target with the usernames that stand for it, those that it had with those that it has.
type Who struct {
	Target
	Names []string // in lower case, without @
}

// In is [Target.In], and reports as well whether a username stands there in a way that means somebody: @name, a link, or the field of a
// user. A word that is only spelled like a name means nobody.
func (w Who) In(subject string, h nats.Header, payload []byte) bool {
	return w.Target.In(subject, h, payload) || w.mentioned(payload)
}

// Asked is [Target.Asked], and reports as well whether a name stands there in a way that callers may write it: as In, or as a whole text.
func (w Who) Asked(subject string, h nats.Header, body []byte) bool {
	return w.Target.Asked(subject, h, body) || w.mentioned(body) || w.alone(body)
}

// Told reports the same of an answer that is kept: its contents, or what an error of it says.
func (w Who) Told(subject string, h nats.Header, body []byte) bool {
	why := first(h, subjects.HeaderErrorText)
	if why == "" {
		return w.In(subject, h, body)
	}
	return w.Asked(subject, nil, []byte(why)) || w.Asked(subject, h, body)
}

// mentioned reports whether a name stands in a text as one: behind @, in a link, or as the username of an object in JSON.
func (w Who) mentioned(text []byte) bool {
	return w.found(text, func(before, after []byte) bool {
		switch n := len(before); {
		case endsWith(before, "@"): // of a mail address it is the host; one byte may be the length of a text
			return n < 3 || !ofName(before[n-2]) || !ofName(before[n-3])
		case startsWith(after, ".t.me"):
			return n == 0 || !ofName(before[n-1])
		}
		return endsWith(before, "domain=", `"username":"`) || behindHost(before)
	})
}

// behindHost reports whether a link to t.me, as package peers takes it, has a name next.
func behindHost(before []byte) bool {
	before, slash := bytes.CutSuffix(before, []byte("/"))
	before = bytes.TrimSuffix(before, []byte("/s"))
	for _, port := range []string{":443", ":80"} {
		before = bytes.TrimSuffix(before, []byte(port))
	}
	return slash && endsWith(before, "t.me", "telegram.me", "telegram.dog")
}

// alone reports whether a name is all of a text: in JSON between quotes, in MessagePack and TL behind its length.
func (w Who) alone(body []byte) bool {
	for _, name := range w.Names {
		n := len(name)
		whole := func(before, after []byte) bool {
			if endsWith(before, `"`) && startsWith(after, `"`) {
				return true
			}
			return len(before) > 0 && (before[len(before)-1] == byte(n) || n < 32 && before[len(before)-1] == 0xa0|byte(n)) //nolint:gosec // names are short
		}
		if (Who{Names: []string{name}}).found(body, whole) {
			return true
		}
	}
	return false
}

// found reports whether a name stands in a text with nothing beside it that would make it another name, and where is content with what is
// before and behind it.
func (w Who) found(text []byte, where func(before, after []byte) bool) bool {
	if len(w.Names) == 0 {
		return false
	}
	low := lower(text)
	for _, name := range w.Names {
		for from := 0; name != ""; {
			at := bytes.Index(low[from:], []byte(name))
			if at < 0 {
				break
			}
			at += from
			end := at + len(name)
			if (end == len(low) || !ofName(low[end])) && where(low[:at], low[end:]) {
				return true
			}
			from = at + 1
		}
	}
	return false
}

func ofName(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// lower is a text with the capitals of usernames in lower case. All else stays as long as it is.
func lower(text []byte) []byte {
	low := slices.Clone(text)
	for i, c := range low {
		if c >= 'A' && c <= 'Z' {
			low[i] = c | 0x20
		}
	}
	return low
}

func endsWith(text []byte, all ...string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return bytes.HasSuffix(text, []byte(s)) })
}

func startsWith(text []byte, s string) bool { return bytes.HasPrefix(text, []byte(s)) }
