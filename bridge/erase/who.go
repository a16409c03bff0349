package erase

import (
	"bytes"
	"encoding/binary"
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
	return w.Target.In(subject, h, payload) || w.mentioned(h, payload)
}

// Asked is [Target.Asked], and reports as well whether a name stands there in a way that callers may write it: as In, or as a whole text.
func (w Who) Asked(subject string, h nats.Header, body []byte) bool {
	return w.Target.Asked(subject, h, body) || w.mentioned(h, body) || w.alone(h, body)
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
func (w Who) mentioned(h nats.Header, text []byte) bool {
	return w.found(text, func(at, end int, low []byte) bool {
		before := low[:at]
		switch n := len(before); {
		case endsWith(before, "@"): // of a mail address it is the host
			return n < 2 || !ofName(before[n-2]) || begins(h, text, n-1, end)
		case startsWith(low[end:], ".t.me"):
			return n == 0 || !ofName(before[n-1])
		}
		return endsWith(before, "domain=", `"username":"`) || behindHost(before)
	})
}

// begins reports whether a text that goes to end at least may begin at a place: there, where it is not between quotes, the number of its bytes
// stands before it, which can look like a letter.
func begins(h nats.Header, body []byte, at, end int) bool {
	has := func(n uint32) bool { return uint64(n) >= uint64(end-at) && uint64(n) <= uint64(len(body)-at) } //nolint:gosec // neither is below 0
	switch first(h, subjects.HeaderContentType) {
	case subjects.ContentTL:
		return has(uint32(body[at-1])) || at >= 4 && body[at-4] == 0xfe && has(binary.LittleEndian.Uint32(body[at-4:])>>8)
	case subjects.ContentMsgpack:
		return at >= 2 && body[at-2] == 0xd9 && has(uint32(body[at-1])) || at >= 3 && body[at-3] == 0xda && has(uint32(binary.BigEndian.Uint16(body[at-2:]))) ||
			at >= 5 && body[at-5] == 0xdb && has(binary.BigEndian.Uint32(body[at-4:]))
	}
	return false
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

// alone reports whether a name is all of a text that is a value. What cannot be read is looked through byte by byte: too much is taken rather
// than too little.
func (w Who) alone(h nats.Header, body []byte) bool {
	is := false
	read := eachText(h, body, func(text []byte) {
		is = is || len(text) <= mostName && slices.Contains(w.Names, string(lower(text)))
	})
	return is || !read && w.found(body, func(at, end int, _ []byte) bool {
		return at > 0 && (end < len(body) && body[at-1] == '"' && body[end] == '"' || int(body[at-1]) == end-at || int(body[at-1]) == 0xa0|(end-at))
	})
}

// mostName is how long a username is at most.
const mostName = 64

// found reports whether a name stands in a text with nothing behind it that would make it another name, and where is content with the place. low
// is the text in lower case.
func (w Who) found(text []byte, where func(at, end int, low []byte) bool) bool {
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
			if (end == len(low) || !ofName(low[end])) && where(at, end, low) {
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
