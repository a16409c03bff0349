package files

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"github.com/natsgram/natsgram/tl/codec"
)

// ErrGone says that a file is not found any more where it came from.
var ErrGone = errors.New("files: the file is not where it came from any more")

// Refetch is a [Source.Refresh] for a file of which it is known in what answers it came: origins are calls, such as
// messages.getMessages, that are made again one after another until one of their answers has the file under a new reference
// (D15). Nobody but the caller can know them, as a client hands on what it receives without reading it.
func (f *Files) Refetch(location codec.M, origins ...codec.M) func(context.Context) (codec.M, error) {
	return func(ctx context.Context) (codec.M, error) {
		old, err := f.encoded(location)
		if err != nil {
			return nil, err
		}
		failed := []error{ErrGone}
		for _, origin := range origins {
			reference, err := f.ask(ctx, origin, old)
			if err == nil && reference != nil {
				fresh := maps.Clone(location)
				fresh["file_reference"] = reference
				return fresh, nil
			}
			failed = append(failed, err)
		}
		return nil, errors.Join(failed...)
	}
}

func (f *Files) encoded(object codec.M) (codec.View, error) {
	b, err := f.s.Encode(nil, object)
	if err != nil {
		return codec.View{}, err
	}
	return f.s.View(b)
}

// ask makes a call and looks for a file in its answer. Nil: there is none, or it is still under the old reference.
func (f *Files) ask(ctx context.Context, call codec.M, old codec.View) ([]byte, error) {
	query, err := f.s.Encode(nil, call)
	if err != nil {
		return nil, err
	}
	body, err := f.c.Invoke(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", call["_"], err)
	}
	reference := f.find(body, old)
	if bytes.Equal(reference, old.Bytes("file_reference")) {
		return nil, nil
	}
	return bytes.Clone(reference), nil
}

// find finds the reference of a file anywhere in TL: of a document or photo with its id and access_hash, both of which stand
// behind the constructor id and the flags.
func (f *Files) find(body []byte, file codec.View) []byte {
	const head = 4 + 4
	key := binary.LittleEndian.AppendUint64(nil, uint64(file.Int("id")))
	key = binary.LittleEndian.AppendUint64(key, uint64(file.Int("access_hash")))
	for at := 0; ; at++ {
		next := bytes.Index(body[at:], key)
		if next < 0 {
			return nil
		}
		if at += next; at < head {
			continue
		}
		v, err := f.s.View(body[at-head:])
		if err == nil && (v.Name() == "document" || v.Name() == "photo") && v.Has("file_reference") {
			return v.Bytes("file_reference")
		}
	}
}
