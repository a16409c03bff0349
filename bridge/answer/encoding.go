package answer

import (
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

// Header is that of a good answer. Nobody may write to it.
func (e Encoding) Header() nats.Header { return plainHeaders[e] }
