// Package uploads brings objects of NATS to Telegram, for calls that name them in the place of an InputFile (design §13).
//
// An object is brought up once for all who name it, and is used again for as long as Telegram keeps what was uploaded. An upload goes
// on when nobody waits for it any more, so that whoever asks again finds it farther. How far one has come is in a bucket: after
// a crash, and with the next owner of the account, it goes on from there.
package uploads

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/mtproto/files"
)

// Config of an account's uploads.
type Config struct {
	Account string
	User    int64 // the account's
	// Client makes the calls of others: as far as they may be made.
	Client    files.Client
	JetStream jetstream.JetStream
	Records   *Records // nil: what is not up is lost in a crash
	// Own is the object store that is there for files; Make makes it where it is missing.
	Own  string
	Make func(ctx context.Context) error
	// Allowed reports whether callers may name objects of a bucket.
	Allowed func(bucket string) bool
	// Explain makes a fault of an error of the client's.
	Explain func(error) answer.Fault
	// Progress is told each second how far a large file is; nil: nobody listens.
	Progress func(fields map[string]any)
	// Ended is told of each file that is up, or is not: with the code of the error. Nil: nobody counts.
	Ended func(code int)
	Log   *slog.Logger
}

const (
	// keepFor is how long a file that is up is used again. Telegram keeps parts for hours, and says so when it does not have one any more.
	keepFor = 12 * time.Hour
	// most is how many files are known that are up, or on their way.
	most = 1000
	// roomForAll is how many bytes may be on their way at once, with what it takes to send them.
	roomForAll = 32 << 20
	// roomMost is what a large file takes: its parts that are under way, as they are read and as they are sent.
	roomMost = 16 << 20
	// roomLeast is what any file takes.
	roomLeast = 1 << 20
)

// Uploads are those of an account, while its owner has it.
type Uploads struct {
	c      Config
	files  *files.Files
	ctx    context.Context //nolint:containedctx // the owner's life
	cancel context.CancelFunc
	work   sync.WaitGroup
	room   *semaphore.Weighted

	mu     sync.Mutex
	all    map[objects.Info]*upload
	closed bool
}

// New makes the uploads of an account, none so far.
func New(c Config) *Uploads {
	if c.Progress == nil {
		c.Progress = func(map[string]any) {}
	}
	if c.Ended == nil {
		c.Ended = func(int) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	u := &Uploads{c: c, files: files.New(c.Client), room: semaphore.NewWeighted(roomForAll), all: map[objects.Info]*upload{}}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	return u
}

// Close ends what is on its way. How far it has come is known to the next owner. Nil Uploads have nothing.
func (u *Uploads) Close() {
	if u == nil {
		return
	}
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.cancel()
	u.work.Wait()
}

// Working is how many files are on their way. Nil Uploads have none.
func (u *Uploads) Working() (n int) {
	if u == nil {
		return 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, up := range u.all {
		if up.begun && !up.isOver() {
			n++
		}
	}
	return n
}

// Find finds the object that a text names, and sends nothing of it.
func (u *Uploads) Find(ctx context.Context, text string) (*File, *answer.Fault) {
	ref, err := objects.ParseText(text)
	if err != nil {
		return nil, answer.Refuse(400, err.Error())
	}
	return u.FindObject(ctx, ref)
}

// FindObject is Find for who has read the text.
func (u *Uploads) FindObject(ctx context.Context, ref objects.Ref) (*File, *answer.Fault) {
	if !u.c.Allowed(ref.Bucket) {
		return nil, answer.Refuse(403, "objects of the bucket "+ref.Bucket+" are not sent (NATSGRAM_FILES_BUCKETS="+ref.Bucket+" allows it)")
	}
	if fault := u.ofAnother(ref, objects.OwnerOf(ref.Name)); fault != nil { // whether there is one, or not
		return nil, fault
	}
	info, err := objects.Find(ctx, u.c.JetStream, ref)
	if errors.Is(err, objects.ErrMissing) && ref.Bucket == u.c.Own {
		if failed := u.c.Make(ctx); failed != nil { // so that it can be put there now
			return nil, u.fault(ref, failed)
		}
	}
	if err != nil {
		return nil, u.fault(ref, err)
	}
	if fault := u.ofAnother(ref, info.Owner); fault != nil {
		return nil, fault
	}
	if info.Size == 0 {
		return nil, answer.Refuse(400, ref.String()+": it is empty, and Telegram takes no empty files")
	}
	return &File{u: u, Info: info}, nil
}

// ofAnother refuses a file of another account in the object store that all share: whoever may make calls of one account is not to be
// sent the files of another.
func (u *Uploads) ofAnother(ref objects.Ref, owner string) *answer.Fault {
	if ref.Bucket != u.c.Own || owner == "" || owner == u.c.Account {
		return nil
	}
	return answer.Refuse(403, ref.String()+": it is a file of another account; "+
		"an object store of NATSGRAM_FILES_BUCKETS is for what accounts share")
}

// begin finds the upload of an object, or begins one. The caller waits for it, until leave.
func (u *Uploads) begin(ctx context.Context, f *File) (*upload, *answer.Fault) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil, answer.Later("the account is being stopped here")
	}
	if up := u.all[f.Info]; up != nil && !up.expired(time.Now()) {
		up.waiting++
		if f.Job != nil {
			up.job = f.Job
		}
		return up, nil
	}
	if len(u.all) >= most && !u.forgetOldest() {
		return nil, answer.Later("too many files are on their way to Telegram")
	}
	up := &upload{u: u, info: f.Info, job: f.Job, over: make(chan struct{}), waiting: 1}
	var life context.Context
	life, up.cancel = context.WithCancel(gate.WithCaller(u.ctx, gate.CallerOf(ctx)))
	u.all[f.Info] = up
	u.work.Go(func() { up.run(life) })
	return up, nil
}

// leave says that somebody does not wait any more. What nobody waits for, and has not begun, does not begin.
func (u *Uploads) leave(up *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if up.waiting--; up.waiting == 0 && !up.begun {
		up.cancel()
		u.forgetLocked(up)
	}
}

// forget has an object brought up again when it is named again.
func (u *Uploads) forget(up *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forgetLocked(up)
}

func (u *Uploads) forgetLocked(up *upload) {
	if u.all[up.info] == up {
		delete(u.all, up.info)
	}
}

// forgetOldest makes room for another one. False: all are on their way.
func (u *Uploads) forgetOldest() bool {
	var oldest *upload
	for _, up := range u.all {
		if up.isOver() && (oldest == nil || up.ended.Before(oldest.ended)) {
			oldest = up
		}
	}
	if oldest != nil {
		delete(u.all, oldest.info)
	}
	return oldest != nil
}
