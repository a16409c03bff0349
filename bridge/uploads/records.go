package uploads

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/files"
)

// Records is the bucket of how far uploads have come.
type Records struct{ kv jetstream.KeyValue }

// OpenRecords opens it.
func OpenRecords(ctx context.Context, s *storage.Storage) (*Records, error) {
	kv, err := s.Bucket(ctx, storage.Transfers)
	if err != nil {
		return nil, err
	}
	return &Records{kv}, nil
}

// record is what is known of an upload of more than 10 MiB: smaller ones begin anew.
type record struct {
	ID       int64  `json:"id"`        // the file's at Telegram
	PartSize int    `json:"part_size"` // bytes
	Up       []byte `json:"up"`        // a bit for each part that is up
	Verified bool   `json:"verified"`  // all of it is up, and was what the object says
}

const (
	partMost  = 512 << 10
	partsMost = 8000
)

// readRecord reads one. What makes no sense is as if there were none.
func readRecord(data []byte) (r record, err error) {
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, err
	}
	if r.ID == 0 || r.PartSize < 1<<10 || r.PartSize > partMost || partMost%r.PartSize != 0 || len(r.Up) > partsMost/8 {
		return record{}, errors.New("a record that makes no sense")
	}
	return r, nil
}

func (r *record) has(part int) bool { return part/8 < len(r.Up) && r.Up[part/8]>>(part%8)&1 != 0 }

func (r *record) set(part int) {
	for part/8 >= len(r.Up) {
		r.Up = append(r.Up, 0)
	}
	r.Up[part/8] |= 1 << (part % 8)
}

// key is where the record of an upload is: that of these contents, for this user.
func (u *Uploads) key(info objects.Info) string {
	h := sha256.New()
	for _, part := range []string{strconv.FormatInt(u.c.User, 10), info.Bucket, info.Name, info.ID, info.Digest, strconv.FormatInt(info.Size, 10)} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) //nolint:gosec // names are short
		h.Write([]byte(part))
	}
	return u.c.Account + "." + hex.EncodeToString(h.Sum(nil)[:16])
}

const (
	saveEvery = time.Second      // while parts come up
	saveParts = 16               // the same, when they come fast
	saveMost  = 10 * time.Second // for one record
)

// tracker writes down how far an upload has come. A record that cannot be written costs what it would have saved.
type tracker struct {
	files.Progress
	up  *upload
	key string

	mu      sync.Mutex
	record  record
	saved   time.Time
	unsaved int // parts
	saving  sync.Mutex
}

// track goes on with the record of an upload.
func (u *Uploads) track(ctx context.Context, up *upload) *tracker {
	t := &tracker{up: up, key: u.key(up.info)}
	if u.c.Records != nil {
		one, cancel := context.WithTimeout(ctx, saveMost)
		defer cancel()
		entry, err := u.c.Records.kv.Get(one, t.key)
		if err == nil {
			t.record, err = readRecord(entry.Value())
		}
		if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
			u.c.Log.Warn("an upload begins anew: its record cannot be read", "err", err)
		}
	}
	t.ID, t.PartSize = t.record.ID, t.record.PartSize
	t.Begun, t.Has, t.Saved = t.begun, t.has, t.sent
	for part := 0; int64(part)*int64(t.PartSize) < up.info.Size && t.PartSize > 0; part++ {
		if t.record.has(part) {
			up.sent.Add(t.bytes(part))
		}
	}
	return t
}

// bytes is how many a part has.
func (t *tracker) bytes(part int) int64 {
	at := int64(part) * int64(t.record.PartSize)
	return max(min(int64(t.record.PartSize), t.up.info.Size-at), 0)
}

func (t *tracker) verified() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.record.Verified
}

func (t *tracker) begun() error {
	t.mu.Lock()
	t.record.ID, t.record.PartSize = t.ID, t.PartSize
	t.mu.Unlock()
	t.save(t.up.u.ctx)
	return nil
}

func (t *tracker) has(part int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.record.has(part)
}

func (t *tracker) sent(part int) {
	t.mu.Lock()
	t.record.set(part)
	t.up.sent.Add(t.bytes(part))
	t.unsaved++
	due := time.Since(t.saved) >= saveEvery || t.unsaved >= saveParts
	t.mu.Unlock()
	t.up.tell()
	if due && t.saving.TryLock() {
		defer t.saving.Unlock()
		t.write(t.up.u.ctx)
	}
}

func (t *tracker) done(ctx context.Context) {
	t.mu.Lock()
	t.record.Verified = true
	t.mu.Unlock()
	t.up.sent.Store(t.up.info.Size)
	t.save(context.WithoutCancel(ctx))
}

// save writes the record, after whoever does.
func (t *tracker) save(ctx context.Context) {
	t.saving.Lock()
	defer t.saving.Unlock()
	t.write(ctx)
}

// write writes the record, unless nothing is known yet.
func (t *tracker) write(ctx context.Context) {
	if t.up.u.c.Records == nil {
		return
	}
	t.mu.Lock()
	t.saved, t.unsaved = time.Now(), 0
	data, err := json.Marshal(t.record)
	known := t.record.ID != 0
	t.mu.Unlock()
	if err == nil && known {
		one, cancel := context.WithTimeout(ctx, saveMost)
		defer cancel()
		_, err = t.up.u.c.Records.kv.Put(one, t.key, data)
	}
	if err != nil {
		t.up.u.c.Log.Warn("how far an upload has come is not written down", "err", err)
	}
}

// drop takes the record away.
func (t *tracker) drop(ctx context.Context) { t.up.u.dropRecord(ctx, t.key) }

func (u *Uploads) dropRecord(ctx context.Context, key string) {
	if u.c.Records == nil {
		return
	}
	one, cancel := context.WithTimeout(ctx, saveMost)
	defer cancel()
	if err := u.c.Records.kv.Purge(one, key); err != nil {
		u.c.Log.Warn("the record of an upload is not taken away", "err", fmt.Sprint(err))
	}
}

// lost has a file that Telegram does not have any more brought up again when it is named next.
func (u *Uploads) lost(ctx context.Context, up *upload) {
	u.mu.Lock()
	known := u.all[up.info] == up
	u.forgetLocked(up)
	u.mu.Unlock()
	if known {
		u.dropRecord(ctx, u.key(up.info))
	}
}
