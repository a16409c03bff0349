package uploads

import (
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/mtproto/files"
)

// upload is an object on its way to Telegram, or there.
type upload struct {
	u      *Uploads
	info   objects.Info
	cancel context.CancelFunc
	sent   atomic.Int64 // bytes
	told   atomic.Int64 // when it was told of last, in nanoseconds

	// These are the Uploads', under its lock.
	waiting int  // who waits for it
	begun   bool // bytes are being sent, or were
	job     Job  // that tells how far it is; nil: it does by itself

	over chan struct{} // closed when the rest is set
	file *files.Uploaded
	err  error
	// ended is when it was up.
	ended time.Time
}

func (up *upload) isOver() bool {
	select {
	case <-up.over:
		return true
	default:
		return false
	}
}

// expired reports whether Telegram may have lost it.
func (up *upload) expired(now time.Time) bool { return up.isOver() && now.Sub(up.ended) >= keepFor }

// run brings the object up.
func (up *upload) run(ctx context.Context) {
	defer up.cancel()
	defer close(up.over)
	defer func() {
		if what := recover(); what != nil {
			up.u.c.Log.Error("an upload made the program fail", "what", what, "stack", string(debug.Stack()))
			up.err = answer.Refuse(500, "natsgram failed on this file; its log tells more")
			up.u.forget(up)
		}
	}()
	if up.file, up.err = up.send(ctx); up.err != nil {
		up.u.forget(up)
		if ctx.Err() == nil { // else it was ended from here
			up.u.c.Ended(up.u.fault(up.info.Ref, up.err).Code)
		}
		return
	}
	up.ended = time.Now()
	up.u.c.Ended(0)
}

func (up *upload) send(ctx context.Context) (*files.Uploaded, error) {
	room := min(max(2*up.info.Size, roomLeast), roomMost)
	if err := up.u.room.Acquire(ctx, room); err != nil {
		return nil, err
	}
	defer up.u.room.Release(room)
	if !up.begins() {
		return nil, context.Canceled
	}
	// The reader outlives this: it is read again where Telegram has lost a part.
	r, err := objects.Open(up.u.ctx, up.u.c.JetStream, up.info)
	if err != nil {
		return nil, err
	}
	t := up.u.track(ctx, up)
	file, err := up.u.files.Resume(ctx, up.info.Title, r, up.info.Size, &t.Progress)
	if err != nil {
		t.save(context.WithoutCancel(ctx))
		return nil, err
	}
	if !t.verified() {
		if err := r.Verify(); err != nil {
			t.drop(ctx)
			return nil, err
		}
	}
	t.done(ctx)
	return file, nil
}

const tellEvery = time.Second

// tell tells how far a large file has come, now and then.
func (up *upload) tell() {
	now, before := time.Now().UnixNano(), up.told.Load()
	if now-before < int64(tellEvery) || !up.told.CompareAndSwap(before, now) {
		return
	}
	up.u.mu.Lock()
	job := up.job
	up.u.mu.Unlock()
	if job != nil {
		job.Progress()
		return
	}
	up.u.c.Progress(map[string]any{
		"bucket": up.info.Bucket, "object": up.info.Name, "done": up.sent.Load(), "size": up.info.Size, "to": "telegram",
	})
}

// begins notes that bytes are sent from now on, whoever waits.
func (up *upload) begins() bool {
	up.u.mu.Lock()
	defer up.u.mu.Unlock()
	up.begun = up.waiting > 0
	return up.begun
}

// fault tells why an object cannot be used. Nothing of the call that names it was sent.
func (u *Uploads) fault(ref objects.Ref, err error) *answer.Fault {
	var f answer.Fault
	var own *answer.Fault
	switch {
	case errors.As(err, &own):
		f = *own
	case errors.Is(err, objects.ErrMissing):
		f.Code = 404
	case errors.Is(err, objects.ErrDamaged), errors.Is(err, objects.ErrLink), errors.Is(err, files.ErrSize):
		f.Code = 400
	case errors.Is(err, files.ErrTooLarge):
		f.Code = 413
	case ofNATS(err):
		f = *answer.Later("")
	default:
		f = u.c.Explain(err)
	}
	if f.Text == "" {
		f.Text = err.Error()
	}
	f.Text, f.Sent = ref.String()+": "+f.Text, answer.No
	return &f
}

// ofNATS reports whether NATS could not be asked.
func ofNATS(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, jetstream.ErrNoStreamResponse)
}
