package uploads

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"path"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/codec"
)

// File is an object as one call uses it, or one caller.
type File struct {
	objects.Info
	u  *Uploads
	up *upload // the one that was given out last

	// Job is told when more of it is up, instead of [Config.Progress]; nil: that is.
	Job Job

	resent int
	anew   bool // it was brought up again as a whole
}

// Job is who tells how far a file is that somebody has a job for.
type Job interface{ Progress() }

// Name is the file's name.
func (f *File) Name() string { return f.Title }

// MimeType is the file's type, as the object says or as its name has it.
func (f *File) MimeType() string {
	guess, _, _ := mime.ParseMediaType(mime.TypeByExtension(path.Ext(f.Title)))
	return cmp.Or(f.Mime, guess, "application/octet-stream")
}

// Up brings the file to Telegram, unless it is there, and gives it as an InputFile. When ctx ends before, the upload goes on.
func (f *File) Up(ctx context.Context) (codec.M, *answer.Fault) {
	up, fault := f.u.begin(ctx, f)
	if fault != nil {
		return nil, fault
	}
	defer f.u.leave(up)
	select {
	case <-up.over:
	case <-ctx.Done():
		return nil, f.late(ctx, up)
	}
	if up.err != nil {
		return nil, f.u.fault(f.Ref, up.err)
	}
	f.up = up
	return up.file.InputFile(), nil
}

// Progress is how many bytes of the file are up, and whether any are being sent.
func (f *File) Progress() (done int64, begun bool) {
	f.u.mu.Lock()
	defer f.u.mu.Unlock()
	if up := f.u.all[f.Info]; up != nil {
		return up.sent.Load(), up.begun
	}
	return 0, false
}

// Abandon says that the file's job is over before the file is up. The upload ends, unless somebody else waits for it, and how far it was is
// forgotten.
func (f *File) Abandon(ctx context.Context) {
	f.u.mu.Lock()
	up := f.u.all[f.Info]
	stays := up != nil && (up.waiting > 0 || up.isOver())
	if up != nil {
		up.job = nil
	}
	if up != nil && !stays {
		up.cancel()
		f.u.forgetLocked(up)
	}
	f.u.mu.Unlock()
	if stays {
		return
	}
	if up != nil {
		<-up.over
	}
	f.u.dropRecord(ctx, f.u.key(f.Info))
}

// late tells somebody who cannot wait any longer.
func (f *File) late(ctx context.Context, up *upload) *answer.Fault {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return f.u.fault(f.Ref, ctx.Err())
	}
	const mib = 1 << 20
	return &answer.Fault{Code: 504, Sent: answer.No, RetryAfter: time.Second, Text: fmt.Sprintf(
		"%s: it is on its way to Telegram, %.1f of %.1f MiB are there; that goes on, and the same request goes on from there", f.Ref, float64(up.sent.Load())/mib, float64(f.Size)/mib)}
}

const (
	resendMost = 8 // parts, of a file that is used once; of more, the whole file is
)

// Mend does what the error of a call asks for that used the file: where Telegram lacks a part, that is sent again, or the whole file,
// once. True: the call may be made again, with what Up gives then. False without a fault: the error says nothing of this file.
func (f *File) Mend(ctx context.Context, err error) (again bool, fault *answer.Fault) {
	if f.up == nil {
		return false, nil
	}
	part, lacks := files.Lacks(err)
	switch {
	case lacks && part >= f.up.file.Parts:
		return false, nil // of another file of the same call
	case lacks && f.resent < resendMost:
		f.resent++
		if err := f.up.file.Resend(ctx, part); err != nil {
			return false, f.u.fault(f.Ref, err)
		}
		return true, nil
	case (lacks || files.Unfit(err)) && !f.anew:
		f.anew = true
		f.u.lost(ctx, f.up)
		return true, nil
	}
	return false, nil
}
