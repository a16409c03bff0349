package answer

import (
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// Encoding is how a body is written.
type Encoding uint8

// The encodings.
const (
	JSON Encoding = iota
	Msgpack
	TL
)

// ContentTypes are how the encodings are called, by their number.
var ContentTypes = [...]string{JSON: subjects.ContentJSON, Msgpack: subjects.ContentMsgpack, TL: subjects.ContentTL}

// String is the content type.
func (e Encoding) String() string { return ContentTypes[e] }

// plainHeaders are shared by all good answers; nobody writes to them.
var plainHeaders = [...]nats.Header{
	JSON:    {subjects.HeaderContentType: {JSON.String()}},
	Msgpack: {subjects.HeaderContentType: {Msgpack.String()}},
	TL:      {subjects.HeaderContentType: {TL.String()}},
}

// ParseType understands a content type, parameters ignored.
func ParseType(text string) (Encoding, bool) {
	text, _, _ = strings.Cut(text, ";")
	switch strings.ToLower(strings.TrimSpace(text)) {
	case subjects.ContentJSON, "text/json":
		return JSON, true
	case subjects.ContentMsgpack, "application/x-msgpack", "application/vnd.msgpack":
		return Msgpack, true
	case subjects.ContentTL:
		return TL, true
	}
	return JSON, false
}

// First is the first value of a header, by its usual name or written in another case as some clients do, and how many there are.
func First(h nats.Header, name string) (value string, found int) {
	for k, v := range h {
		if len(k) == len(name) && strings.EqualFold(k, name) && len(v) > 0 {
			value, found = v[0], found+len(v)
		}
	}
	return value, found
}

// NotJSON is the fault of a request that says to be something else, where JSON alone is understood; nil: it may be JSON.
func (r *Request) NotJSON() *Fault {
	text, said := First(r.msg.Header, subjects.HeaderContentType)
	if e, ok := ParseType(text); said == 0 || len(r.msg.Data) == 0 || ok && e == JSON {
		return nil
	}
	return Refuse(415, "request in "+Quote(text)+": want "+subjects.ContentJSON)
}

// Header is that of a good answer. Nobody may write to it.
func (e Encoding) Header() nats.Header { return plainHeaders[e] }
