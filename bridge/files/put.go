package files

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/files/jobs"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/uploads"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// toPut is a request for that.
type toPut struct {
	Object string `json:"object"`        // BUCKET/NAME, or as it stands in a call
	Job    bool   `json:"job,omitempty"` // the answer is not to wait
}

// put has an object brought to Telegram by a job, and answers with the InputFile that it is then.
func (s *Service) put(r *answer.Request, begun time.Time) *answer.Fault {
	var in toPut
	if err := answer.ReadJSON(r.Data(), &in); err != nil {
		return answer.Refuse(400, subjects.FilePut+": "+err.Error())
	}
	limit, fault := s.within(r.Header())
	if fault != nil {
		return fault
	}
	if s.c.Uploads == nil {
		return s.fault(context.Canceled)
	}
	read := objects.Parse
	if objects.Is(in.Object) {
		read = objects.ParseText
	}
	ref, err := read(in.Object)
	if err != nil {
		return answer.Refuse(400, subjects.FilePut+": object: "+err.Error())
	}
	ctx, cancel := context.WithDeadline(gate.WithCaller(s.ctx, r.Caller()), begun.Add(limit))
	defer cancel()
	f, fault := s.c.Uploads.FindObject(ctx, ref)
	if fault != nil {
		return fault
	}
	asked, err := json.Marshal(in)
	if err != nil {
		return s.fault(err)
	}
	record := &jobs.Record{Bucket: ref.Bucket, Object: ref.Name, Key: f.ID, Asked: asked}
	u := &upload{s: s, ref: ref}
	u.file.Store(f)
	j, err := s.jobs.Start(ctx, jobs.Put, record, in.Job, u)
	if err != nil {
		return s.fault(err)
	}
	return s.answerJob(ctx, r, j, in.Job)
}

// upload brings an object to Telegram: the work of a job. How far it is stands in the uploads' own record, as calls that name the object
// may be waiting for it too.
type upload struct {
	s     *Service
	ref   objects.Ref
	file  atomic.Pointer[uploads.File] // nil: it has to be found again
	noted bool
}

// noteOver is how large an object is that is worth a record: smaller ones are up before that is written.
const noteOver = 10 << 20

// Do brings what is missing to Telegram.
func (u *upload) Do(ctx context.Context, j *jobs.Job) (any, error) {
	file, err := u.find(ctx, j.Record())
	if err != nil {
		return nil, err
	}
	if !u.noted && (file.Size > noteOver || j.Loud()) {
		u.noted = true
		if err := j.Save(ctx); err != nil {
			u.s.c.Log.Warn("an upload is not written down", "job", j.ID(), "err", err)
		}
	}
	file.Job = j
	in, fault := file.Up(ctx)
	if fault != nil {
		return nil, fault
	}
	body, err := u.s.inJSON(in)
	return json.RawMessage(body), err
}

func (u *upload) find(ctx context.Context, r *jobs.Record) (*uploads.File, error) {
	if f := u.file.Load(); f != nil {
		return f, nil
	}
	f, fault := u.s.c.Uploads.FindObject(ctx, u.ref)
	if fault != nil {
		return nil, fault
	}
	if f.ID != r.Key {
		return nil, answer.Refuse(410, "put: there is another object now")
	}
	u.file.Store(f)
	return f, nil
}

// At is how far it is.
func (u *upload) At() jobs.At {
	f := u.file.Load()
	if f == nil {
		return jobs.At{Size: -1}
	}
	done, begun := f.Progress()
	return jobs.At{Begun: begun, Name: f.Name(), Size: f.Size, Done: done}
}

// Undo ends the upload of a job that was cancelled, unless a call waits for it. What of it is up Telegram forgets by itself.
func (u *upload) Undo(ctx context.Context, _ *jobs.Record, why error) error {
	if f := u.file.Load(); f != nil && errors.Is(why, jobs.ErrCancelled) {
		f.Abandon(ctx)
	}
	return nil
}

// revive makes the work of a job that a former owner began.
func (s *Service) revive(kind jobs.Kind, r *jobs.Record) (w jobs.Work, loud bool) {
	if kind == jobs.Put {
		var in toPut
		_ = json.Unmarshal(r.Asked, &in) // else it is not loud
		return &upload{s: s, ref: objects.Ref{Bucket: r.Bucket, Name: r.Object}}, in.Job
	}
	d := &download{s: s}
	d.down.Store(r.Bytes)
	if json.Unmarshal(r.Asked, &d.asked) != nil {
		r.Key = "" // there is nothing to go on with
	}
	return d, d.asked.Job
}

func (s *Service) inJSON(m codec.M) ([]byte, error) {
	schema := s.c.Client.Schema()
	b, err := schema.Encode(nil, m)
	if err != nil {
		return nil, err
	}
	return schema.AppendJSON(nil, b, schema.AnyObject())
}
