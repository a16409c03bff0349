package files

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/subjects"
)

// File is what is told of a file: as the answer, or in the header Tg-File where its bytes are the answer.
type File struct {
	Bucket string `json:"bucket,omitempty"`
	Object string `json:"object,omitempty"`
	Name   string `json:"name,omitempty"`
	Size   int64  `json:"size,omitempty"` // in bytes: of the object, or of the whole file; missing: not known
	Offset int64  `json:"offset,omitempty"`
	Mime   string `json:"mime_type"`
	Digest string `json:"digest,omitempty"`
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
	ctx, cancel := context.WithDeadline(gate.WithCaller(s.ctx, r.Caller()), begun.Add(limit))
	defer cancel()
	if s.files == nil {
		return s.fault(context.Canceled)
	}
	if a.To == "" || a.To == toParts {
		return s.inAnswer(ctx, r, &a)
	}
	return s.inStore(ctx, r, &a)
}

// loaded is a file, with the bytes that were asked for.
type loaded struct {
	*found
	data []byte
}

// inAnswer answers with the bytes. Who asks for the same at the same time gets them from one download.
func (s *Service) inAnswer(ctx context.Context, r *answer.Request, a *asked) *answer.Fault {
	same, err := json.Marshal(a)
	if err != nil {
		return s.fault(err)
	}
	value, err := s.share(ctx, string(same), func(ctx context.Context) (any, error) {
		f, err := s.find(ctx, a)
		if err != nil {
			return nil, err
		}
		where, err := s.digestOf(f.Location) // with its access hash: who does not know that gets nothing of what another asks for
		if err != nil {
			return nil, err
		}
		return s.share(ctx, rangeKey("file "+where, a), func(ctx context.Context) (any, error) {
			data, err := s.fetch(ctx, f, a)
			return loaded{f, data}, err
		})
	})
	if err != nil {
		return s.fault(err)
	}
	f, _ := value.(loaded)
	if fault := r.TooLarge(len(f.data)); fault != nil {
		fault.Sent = answer.No // it changed nothing
		return fault
	}
	told, err := json.Marshal(File{Name: f.name, Size: max(f.Size, 0), Offset: a.Offset, Mime: f.mime})
	if err != nil {
		return s.fault(err)
	}
	r.Send(nats.Header{subjects.HeaderContentType: {f.mime}, subjects.HeaderFile: {string(told)}}, f.data)
	return nil
}

// inStore answers where the object is; or which job is to make it, where that takes longer than the caller waits.
func (s *Service) inStore(ctx context.Context, r *answer.Request, a *asked) *answer.Fault {
	same, err := json.Marshal(a)
	if err != nil {
		return s.fault(err)
	}
	value, err := s.share(ctx, string(same), func(ctx context.Context) (any, error) { return s.toStore(ctx, a) })
	if err != nil {
		return s.fault(err)
	}
	j, _ := value.(*job)
	var file *File
	if !a.Job {
		wait, cancel := before(ctx)
		file, err = j.await(wait)
		cancel()
	}
	switch {
	case err != nil:
		return s.fault(err)
	case file == nil && s.ctx.Err() != nil:
		return s.fault(errLeaving)
	case file == nil:
		return r.JSON(map[string]Job{"job": j.tell()}, nil)
	}
	return r.JSON(map[string]*File{"file": file}, nil)
}

// before ends before the caller stops waiting, so that it hears of the job.
func before(ctx context.Context) (context.Context, context.CancelFunc) {
	at, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, at.Add(-min(time.Until(at)/10, time.Second)))
}

// listJobs tells of the jobs that wait or are at work.
func (s *Service) listJobs(r *answer.Request) *answer.Fault {
	if err := answer.ReadJSON(r.Data(), &struct{}{}); err != nil {
		return answer.Refuse(400, subjects.FileList+": "+err.Error())
	}
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.jobs))
	s.mu.Unlock()
	told := []Job{}
	for _, j := range all {
		told = append(told, j.tell())
	}
	slices.SortFunc(told, func(a, b Job) int { return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID)) })
	return r.JSON(map[string][]Job{"jobs": told}, nil)
}

// cancelJob ends one, and takes away what there is of its object.
func (s *Service) cancelJob(r *answer.Request) *answer.Fault {
	var in struct {
		Job string `json:"job"`
	}
	if err := answer.ReadJSON(r.Data(), &in); err != nil {
		return answer.Refuse(400, subjects.FileCancel+": "+err.Error())
	}
	s.mu.Lock()
	var found *job
	for _, j := range s.jobs {
		if j.id == in.Job {
			found = j
		}
	}
	s.mu.Unlock()
	if found == nil {
		return answer.Refuse(404, subjects.FileCancel+": there is no such job at work")
	}
	found.cancel(errCancelled)
	select {
	case <-found.done:
	case <-s.ctx.Done():
		return s.fault(errLeaving)
	}
	if _, err := found.await(s.ctx); !errors.Is(err, errCancelled) {
		return answer.Refuse(409, subjects.FileCancel+": the job had ended")
	}
	return r.JSON(map[string]string{"cancelled": in.Job}, nil)
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
	case errors.Is(err, errCancelled):
		f = answer.Fault{Code: 410, Text: "the job was cancelled (tg.file cancel)"}
	case errors.Is(err, errLeaving), s.ctx.Err() != nil && errors.Is(err, context.Canceled):
		f = *answer.Later("the account is being stopped here")
	case full(err):
		f = answer.Fault{Code: 507, Text: err.Error()}
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
