package source

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
)

// Asked is a request for a file, as it is written.
type Asked struct {
	Link     string          `json:"link,omitempty"`     // to a message or a story
	Message  *Place          `json:"message,omitempty"`  // a message's file
	Story    *Place          `json:"story,omitempty"`    // a story's
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

// Place is where a message or story is.
type Place struct {
	Peer json.RawMessage `json:"peer"` // an InputPeer, or text in its place
	ID   int64           `json:"id"`
}

// numbered reports whether there can be such a message or story, where one is named.
func (p *Place) numbered() bool { return p == nil || p.ID > 0 && p.ID <= math.MaxInt32 }

// sources is how many files a request names.
func (a *Asked) sources() (n int) {
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
	ToParts  = "parts"
	ToObject = "object"
)

// objectMost is how long an object's name may be, in bytes.
const objectMost = 512

// Target reads object:BUCKET/NAME: without a name it is what the file's id gives, without a bucket the one for files.
func (a *Asked) Target() (bucket, name string, f *answer.Fault) {
	kind, rest, more := strings.Cut(a.To, ":")
	bucket, name, both := strings.Cut(rest, "/")
	switch {
	case kind != ToObject:
		return "", "", bad("to: want " + ToParts + " or " + ToObject + ":BUCKET/NAME, got " + answer.Quote(a.To))
	case more && strings.Trim(bucket, bucketBytes) != "" || more && bucket == "" || len(bucket) > 128:
		return "", "", bad("to: " + answer.Quote(bucket) + " is no name of an object store")
	case both && name == "" || len(name) > objectMost || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", "", bad("to: want a name of an object, of " + strconv.Itoa(objectMost) + " bytes at most")
	}
	return bucket, name, nil
}

// bucketBytes are what the names of buckets are made of.
const bucketBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// Read understands a request.
func Read(body []byte) (a Asked, f *answer.Fault) {
	if err := answer.ReadJSON(body, &a); err != nil {
		return a, bad(err.Error())
	}
	switch {
	case a.sources() != 1:
		return a, bad("want one of link, message, story, photo_of, emoji, document, photo and location")
	case !a.Message.numbered() || !a.Story.numbered():
		return a, bad("id: want that of a message or story, of 1 to " + strconv.Itoa(math.MaxInt32))
	case len(a.Size) > 16:
		return a, bad("size: want thumb, original, or a type of Telegram's such as m, x, y, got " + answer.Quote(a.Size))
	case a.Offset < 0 || a.Limit < 0:
		return a, bad("offset and limit: want 0 or more")
	case a.InAnswer():
		if a.Job {
			return a, bad("job: it goes with to: object")
		}
		return a, nil
	}
	_, _, err := a.Target()
	return a, err
}

// InAnswer reports whether the answer is to have the bytes.
func (a *Asked) InAnswer() bool { return a.To == "" || a.To == ToParts }

// Ranged is the key of the part of a file that is asked for: one of its own.
func (a *Asked) Ranged(key string) string {
	if a.Offset == 0 && a.Limit == 0 {
		return key
	}
	return key + "@" + strconv.FormatInt(a.Offset, 10) + "+" + strconv.FormatInt(a.Limit, 10)
}

func bad(text string) *answer.Fault { return answer.Refuse(400, subjects.FileGet+": "+text) }
