package files

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
	To     string `json:"to,omitempty"`  // parts, or object:BUCKET/NAME
	Job    bool   `json:"job,omitempty"` // the answer is not to wait
}

// place is where a message or story is.
type place struct {
	Peer json.RawMessage `json:"peer"` // an InputPeer, or text in its place
	ID   int64           `json:"id"`
}

// numbered reports whether there can be such a message or story, where one is named.
func (p *place) numbered() bool { return p == nil || p.ID > 0 && p.ID <= math.MaxInt32 }

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

// Where the bytes go: into the answer, or an object store.
const (
	toParts  = "parts"
	toObject = "object"
)

// objectMost is how long an object's name may be, in bytes.
const objectMost = 512

// target reads object:BUCKET/NAME: without a name it is what the file's id gives, without a bucket the one for files.
func (a *asked) target() (bucket, name string, f *answer.Fault) {
	kind, rest, more := strings.Cut(a.To, ":")
	bucket, name, both := strings.Cut(rest, "/")
	switch {
	case kind != toObject:
		return "", "", bad("to: want " + toParts + " or " + toObject + ":BUCKET/NAME, got " + quote(a.To))
	case more && strings.Trim(bucket, bucketBytes) != "" || more && bucket == "" || len(bucket) > 128:
		return "", "", bad("to: " + quote(bucket) + " is no name of an object store")
	case both && name == "" || len(name) > objectMost || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", "", bad("to: want a name of an object, of " + strconv.Itoa(objectMost) + " bytes at most")
	}
	return bucket, name, nil
}

// bucketBytes are what the names of buckets are made of.
const bucketBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

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
	case !a.Message.numbered() || !a.Story.numbered():
		return a, bad("id: want that of a message or story, of 1 to " + strconv.Itoa(math.MaxInt32))
	case len(a.Size) > 16:
		return a, bad("size: want thumb, original, or a type of Telegram's such as m, x, y, got " + quote(a.Size))
	case a.Offset < 0 || a.Limit < 0:
		return a, bad("offset and limit: want 0 or more")
	case a.To == "" || a.To == toParts:
		if a.Job {
			return a, bad("job: it goes with to: object")
		}
		return a, nil
	}
	_, _, err := a.target()
	return a, err
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
