package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/subjects"
)

// File is what is told of a file, in the header Tg-File where its bytes are the answer.
type File struct {
	Name   string `json:"name,omitempty"`
	Size   int64  `json:"size,omitempty"` // of the whole file, in bytes; 0: not known
	Offset int64  `json:"offset,omitempty"`
	Mime   string `json:"mime_type"`
}

// get answers a request for a file.
func (s *Service) get(r *answer.Request, begun time.Time) *answer.Fault {
	a, fault := read(r)
	if fault != nil {
		return fault
	}
	limit, fault := s.within(r.Header())
	if fault != nil {
		return fault
	}
	ctx, cancel := context.WithDeadline(s.ctx, begun.Add(limit))
	defer cancel()
	if s.files == nil {
		return s.fault(context.Canceled)
	}
	f, err := s.find(ctx, &a)
	if err != nil {
		return s.fault(err)
	}
	data, err := s.fetch(ctx, f, &a)
	if err != nil {
		return s.fault(err)
	}
	if fault := r.TooLarge(len(data)); fault != nil {
		fault.Sent = answer.No // it changed nothing
		return fault
	}
	told, err := json.Marshal(File{Name: f.name, Size: max(f.Size, 0), Offset: a.Offset, Mime: f.mime})
	if err != nil {
		return s.fault(err)
	}
	r.Send(nats.Header{subjects.HeaderContentType: {f.mime}, subjects.HeaderFile: {string(told)}}, data)
	return nil
}

// fetch brings the bytes that are asked for.
func (s *Service) fetch(ctx context.Context, f *found, a *asked) ([]byte, error) {
	from := f.Source
	from.Offset, from.Limit = a.Offset, a.Limit
	if want, known := wanted(from); known && want > partsMost {
		return nil, tooMuch(want)
	}
	leave, err := s.place(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	b := &bounded{most: partsMost}
	_, err = s.files.Copy(ctx, from, b)
	return b.Bytes(), err
}

// wanted is how many bytes a part of a file has; false: that is not known.
func wanted(from files.Source) (int64, bool) {
	n := from.Limit
	if from.Size >= 0 {
		rest := max(from.Size-from.Offset, 0)
		if n == 0 || n > rest {
			n = rest
		}
	}
	return n, from.Size >= 0 || n > 0
}

func tooMuch(n int64) *answer.Fault {
	what := "more"
	if n > 0 {
		what = strconv.FormatInt(n, 10) + " bytes, more"
	}
	return answer.Refuse(413, "get: these are "+what+" than an answer may have ("+strconv.Itoa(partsMost)+"): ask for one range after another (offset, limit)")
}

// bounded keeps no more than it may.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(data []byte) (int, error) {
	if b.Len()+len(data) > b.most {
		return 0, tooMuch(0)
	}
	return b.Buffer.Write(data)
}

// fault tells why a file could not be fetched. Nothing was changed, so that it is always safe to ask again.
func (s *Service) fault(err error) *answer.Fault {
	var own *answer.Fault
	if errors.As(err, &own) {
		return own
	}
	var f answer.Fault
	switch {
	case errors.Is(err, files.ErrGone):
		f = answer.Fault{Code: 410, Text: "the file is not where it came from any more"}
	case errors.Is(err, files.ErrRange):
		f = answer.Fault{Code: 400, Text: err.Error()}
	default:
		f = s.c.Explain(err)
	}
	f.Sent = answer.No
	return &f
}
