package files

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/files/jobs"
	"github.com/natsgram/natsgram/bridge/files/source"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/parts"
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
	if r.Size() > askMost {
		return answer.Refuse(400, "the request has "+strconv.Itoa(r.Size())+" bytes, more than any that there is has")
	}
	if _, ok := parts.Wanted(r.Header()); !ok {
		return answer.Refuse(400, subjects.HeaderReply+": want "+subjects.ReplyParts)
	}
	a, fault := source.Read(r.Data())
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
	if a.InAnswer() {
		return s.inAnswer(ctx, r, &a)
	}
	return s.inStore(ctx, r, &a)
}

// loaded is a file, with the bytes that were asked for.
type loaded struct {
	*source.Found
	data []byte
}

// inAnswer answers with the bytes. Who asks for the same at the same time gets them from one download.
func (s *Service) inAnswer(ctx context.Context, r *answer.Request, a *source.Asked) *answer.Fault {
	same, err := json.Marshal(a)
	if err != nil {
		return s.fault(err)
	}
	value, err := s.flights.share(ctx, string(same), func(ctx context.Context) (any, error) {
		f, err := s.finder.Find(ctx, a)
		if err != nil {
			return nil, err
		}
		where, err := s.finder.Digest(f.Location) // with its access hash: who does not know that gets nothing of what another asks for
		if err != nil {
			return nil, err
		}
		return s.flights.share(ctx, a.Ranged("file "+where), func(ctx context.Context) (any, error) {
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
	told, err := json.Marshal(File{Name: f.Name, Size: max(f.Size, 0), Offset: a.Offset, Mime: f.Mime})
	if err != nil {
		return s.fault(err)
	}
	r.Send(nats.Header{subjects.HeaderContentType: {f.Mime}, subjects.HeaderFile: {string(told)}}, f.data)
	return nil
}

// inStore answers where the object is; or which job is to make it, where that takes longer than the caller waits.
func (s *Service) inStore(ctx context.Context, r *answer.Request, a *source.Asked) *answer.Fault {
	same, err := json.Marshal(a)
	if err != nil {
		return s.fault(err)
	}
	value, err := s.flights.share(ctx, string(same), func(ctx context.Context) (any, error) { return s.toStore(ctx, a) })
	if err != nil {
		return s.fault(err)
	}
	j, _ := value.(*jobs.Job)
	return s.answerJob(ctx, r, j, a.Job)
}

// answerJob answers with what came of a job, or with the job where the caller cannot wait for it, or does not want to.
func (s *Service) answerJob(ctx context.Context, r *answer.Request, j *jobs.Job, leave bool) *answer.Fault {
	if !leave {
		wait, cancel := before(ctx)
		file, done, err := j.Await(wait)
		cancel()
		switch {
		case err != nil:
			return s.fault(err)
		case done:
			return r.JSON(map[string]any{"file": file}, nil)
		case s.ctx.Err() != nil:
			return s.fault(jobs.ErrLeaving)
		}
	}
	return r.JSON(map[string]jobs.Told{"job": j.Tell()}, nil)
}

// toStore has a file put into an object store: by a job of its own, by one that does so already, or not, where it is there.
func (s *Service) toStore(ctx context.Context, a *source.Asked) (*jobs.Job, error) {
	if s.c.Store == nil {
		return nil, answer.Refuse(404, "get: to: files are put into no object store here")
	}
	f, err := s.finder.Find(ctx, a)
	if err != nil {
		return nil, err
	}
	bucket, object, fault := a.Target()
	if fault != nil {
		return nil, fault
	}
	bucket = cmp.Or(bucket, s.c.Store.own())
	if !slices.Contains(append([]string{s.c.Store.own()}, s.c.Buckets...), bucket) {
		return nil, answer.Refuse(403, "get: to: files are not put into the object store "+bucket+" (NATSGRAM_FILES_BUCKETS)")
	}
	if owner := objects.OwnerOf(object); bucket == s.c.Store.own() && owner != "" && owner != s.c.Account {
		return nil, answer.Refuse(403, "get: to: "+answer.Quote(object)+" is a name for files of another account: choose another")
	}
	asked, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	record := &jobs.Record{Bucket: bucket, Object: cmp.Or(object, objectName(s.c.Account, f, a)), Key: a.Ranged(f.Key), Asked: asked}
	return s.jobs.Start(ctx, jobs.Get, record, a.Job, &download{s: s, asked: *a, found: f})
}

// objectName is what an object is called that nobody named: by the file's id, so that the same file has the same one.
func objectName(account string, f *source.Found, a *source.Asked) string {
	ext := path.Ext(f.Name)
	if len(ext) > 10 || strings.ContainsFunc(ext, func(r rune) bool { return r > unicode.MaxASCII }) { // nats.js reads no objects with such names
		ext = ""
	}
	return account + "/" + a.Ranged(f.Key) + ext
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
	return r.JSON(map[string][]jobs.Told{"jobs": s.jobs.List()}, nil)
}

// cancelJob ends one, and takes away what there is of its object.
func (s *Service) cancelJob(r *answer.Request) *answer.Fault {
	var in struct {
		Job string `json:"job"`
	}
	if err := answer.ReadJSON(r.Data(), &in); err != nil {
		return answer.Refuse(400, subjects.FileCancel+": "+err.Error())
	}
	switch there, cancelled := s.jobs.Cancel(in.Job); {
	case !there:
		return answer.Refuse(404, subjects.FileCancel+": there is no such job at work")
	case !cancelled && s.ctx.Err() != nil:
		return s.fault(jobs.ErrLeaving)
	case !cancelled:
		return answer.Refuse(409, subjects.FileCancel+": the job had ended")
	}
	return r.JSON(map[string]string{"cancelled": in.Job}, nil)
}

// fetch brings the bytes that are asked for.
func (s *Service) fetch(ctx context.Context, f *source.Found, a *source.Asked) ([]byte, error) {
	from := f.Source
	from.Offset, from.Limit = a.Offset, a.Limit
	want := f.Part(a)
	if want < 0 {
		want = a.Limit
	}
	if want > partsMost {
		return nil, tooMuch(want)
	}
	leave, err := place(ctx, s.places)
	if err != nil {
		return nil, err
	}
	defer leave()
	b := &bounded{most: partsMost}
	_, err = s.files.Copy(ctx, from, b)
	switch {
	case err == nil:
		s.c.Ended("answer", 0)
	case ctx.Err() == nil: // else nobody waits any more
		s.c.Ended("answer", s.fault(err).Code)
	}
	return b.Bytes(), err
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
	case errors.Is(err, jobs.ErrCancelled):
		f = answer.Fault{Code: 410, Text: "the job was cancelled (tg.file cancel)"}
	case errors.Is(err, jobs.ErrLeaving), s.ctx.Err() != nil && errors.Is(err, context.Canceled):
		f = *answer.Later("the account is being stopped here")
	case objects.IsFull(err):
		f = answer.Fault{Code: 507, Text: "get: " + err.Error() + " (NATSGRAM_LIMITS, NATSGRAM_FILES_AGE)"}
	case errors.Is(err, objects.ErrNoBucket):
		f = answer.Fault{Code: 404, Text: "get: to: " + err.Error()}
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
