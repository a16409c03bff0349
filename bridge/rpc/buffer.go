package rpc

import (
	"sync"

	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/tl/codec"
)

// buffers are for calls and answers, reused.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct {
	b     []byte
	found []codec.View // users and chats in an answer, which they alias
}

// maxKept is the largest buffer worth keeping, in bytes.
const maxKept = 256 << 10

func (b *buffer) free() {
	clear(b.found)
	b.found = b.found[:0]
	if cap(b.b) <= maxKept {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}

// encode makes the call that a request asks for.
func (b *buffer) encode(schema *codec.Schema, files *attach.Reader, j *job, o *codec.Options) (err error) {
	switch j.asked.in {
	case JSON:
		b.b, err = schema.AppendCallFromJSON(b.b[:0], j.Data(), j.m.Fn, o)
	case Msgpack:
		b.b, err = schema.AppendCallFromMsgpack(b.b[:0], j.Data(), j.m.Fn, o)
	case TL:
		if err = schema.CheckCall(j.Data(), j.m.Fn); err == nil {
			b.b, err = files.AppendTL(b.b[:0], j.Data(), j.m.Fn, o)
		}
	}
	return err
}
