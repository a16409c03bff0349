package files

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/parts"
	"github.com/natsgram/natsgram/subjects"
)

// asked is a request for a file, as it is written.
type asked struct {
	Link     string          `json:"link,omitempty"`     // to a message or a story
	Message  *place          `json:"message,omitempty"`  // a message's file
	Story    *place          `json:"story,omitempty"`    // a story's
	PhotoOf  json.RawMessage `json:"photo_of,omitempty"` // the photo of a peer
	Emoji    string          `json:"emoji,omitempty"`    // the id of a custom emoji
	Document json.RawMessage `json:"document,omitempty"` // a Document
	Photo    json.RawMessage `json:"photo,omitempty"`    // a Photo
	Location json.RawMessage `json:"location,omitempty"` // an InputFileLocation or InputWebFileLocation

	Size   string `json:"size,omitempty"` // thumb, original, or a type of Telegram's
	Offset int64  `json:"offset,omitempty"`
	Limit  int64  `json:"limit,omitempty"`
	To     string `json:"to,omitempty"` // parts
}

// place is where a message or story is.
type place struct {
	Peer json.RawMessage `json:"peer"` // an InputPeer, or text in its place
	ID   int64           `json:"id"`
}

// sources is how many files a request names.
func (a *asked) sources() (n int) {
	for _, there := range []bool{
		a.Link != "", a.Message != nil, a.Story != nil, a.PhotoOf != nil, a.Emoji != "", a.Document != nil, a.Photo != nil, a.Location != nil,
	} {
		if there {
			n++
		}
	}
	return n
}

// toParts is where the bytes go that are the answer.
const toParts = "parts"

// read understands a request.
func read(r *answer.Request) (a asked, f *answer.Fault) {
	if r.Size() > askMost {
		return a, answer.Refuse(400, "the request has "+strconv.Itoa(r.Size())+" bytes, more than any that there is has")
	}
	if _, ok := parts.Wanted(r.Header()); !ok {
		return a, answer.Refuse(400, subjects.HeaderReply+": want "+subjects.ReplyParts)
	}
	if err := answer.ReadJSON(r.Data(), &a); err != nil {
		return a, bad(err.Error())
	}
	switch {
	case a.sources() != 1:
		return a, bad("want one of link, message, story, photo_of, emoji, document, photo and location")
	case len(a.Size) > 16:
		return a, bad("size: want thumb, original, or a type of Telegram's such as m, x, y, got " + quote(a.Size))
	case a.Offset < 0 || a.Limit < 0:
		return a, bad("offset and limit: want 0 or more")
	case a.To != "" && a.To != toParts:
		return a, bad("to: want " + toParts + ", got " + quote(a.To))
	}
	return a, nil
}

func bad(text string) *answer.Fault { return answer.Refuse(400, subjects.FileGet+": "+text) }

// within is how long a request may take.
func (s *Service) within(h nats.Header) (time.Duration, *answer.Fault) {
	for k, v := range h {
		if !strings.EqualFold(k, subjects.HeaderTimeout) || len(v) == 0 {
			continue
		}
		d := answer.ParseTimeout(v[0])
		if d == 0 {
			return 0, answer.Refuse(400, subjects.HeaderTimeout+": want seconds, such as 30 or 2.5, got "+quote(v[0]))
		}
		return min(d, s.c.MaxTimeout), nil
	}
	return s.c.Timeout, nil
}

// quote is the beginning of what a caller wrote.
func quote(text string) string {
	const most = 40
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return strconv.Quote(text)
}
