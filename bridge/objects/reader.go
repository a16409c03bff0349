package objects

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
)

// Reader reads an object. It is an io.ReaderAt that is best at going forward: it holds one chunk, and remembers where some of the others
// begin. It is safe for concurrent use, one read after the other.
type Reader struct {
	ctx     context.Context //nolint:containedctx // io.ReaderAt has none
	stream  jetstream.Stream
	subject string
	info    Info

	mu     sync.Mutex
	chunk  []byte // that was read last
	at     int64  // where it begins
	next   uint64 // the sequence from which the one after it is looked for
	marks  []mark // some beginnings of chunks, ascending
	sum    hash.Hash
	summed int64 // bytes from the beginning that are in sum: all that was read, as nobody gets anywhere but by what is before it
}

// mark is where a chunk begins in the object, and from which sequence on it is found.
type mark struct {
	at  int64
	seq uint64
}

// markEvery is how far the places are apart that are remembered, in bytes.
const markEvery = 1 << 20

// Open begins to read an object that was found. Reads end with ctx.
func Open(ctx context.Context, js jetstream.JetStream, info Info) (*Reader, error) {
	stream, err := js.Stream(ctx, "OBJ_"+info.Bucket)
	if err != nil {
		return nil, missing(err)
	}
	return &Reader{
		ctx: ctx, stream: stream, subject: "$O." + info.Bucket + ".C." + info.ID, info: info,
		next: 1, marks: []mark{{0, 1}}, sum: sha256.New(),
	}, nil
}

// ReadAt reads as io.ReaderAt has it.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if off < 0 {
		return 0, fmt.Errorf("%w: a place before its beginning", ErrDamaged)
	}
	for n < len(p) {
		if off >= r.info.Size {
			return n, io.EOF
		}
		if err := r.seek(off); err != nil {
			return n, err
		}
		m := copy(p[n:], r.chunk[off-r.at:])
		n += m
		off += int64(m)
	}
	return n, nil
}

// seek has the chunk at hand in which a byte is.
func (r *Reader) seek(off int64) error {
	if off < r.at {
		i := len(r.marks) - 1
		for r.marks[i].at > off {
			i--
		}
		r.chunk, r.at, r.next = nil, r.marks[i].at, r.marks[i].seq
	}
	for off >= r.at+int64(len(r.chunk)) {
		if err := r.forward(); err != nil {
			return err
		}
	}
	return nil
}

// forward goes on to the next chunk.
func (r *Reader) forward() error {
	m, err := r.get()
	if err != nil {
		return err
	}
	at := r.at + int64(len(r.chunk))
	switch end := at + int64(len(m.Data)); {
	case end > r.info.Size:
		return fmt.Errorf("%w: it has more bytes than it says", ErrDamaged)
	case end < r.info.Size && len(m.Data) < chunkLeast: // whoever writes them could keep us at it for ever
		return fmt.Errorf("%w: it comes in pieces of %d bytes", ErrDamaged, len(m.Data))
	}
	if last := r.marks[len(r.marks)-1]; at >= last.at+markEvery {
		r.marks = append(r.marks, mark{at, m.Sequence})
	}
	r.chunk, r.at, r.next = m.Data, at, m.Sequence+1
	if at == r.summed {
		r.sum.Write(m.Data)
		r.summed += int64(len(m.Data))
	}
	return nil
}

// chunkLeast is how many bytes a chunk has that is not the last one.
const chunkLeast = 512

const (
	getMost  = 10 * time.Second // for one chunk
	holdMost = 2 * time.Minute  // for NATS to come back
)

// get reads the next chunk. What NATS does not answer is asked again for a while.
func (r *Reader) get() (m *jetstream.RawStreamMsg, err error) {
	until := time.Now().Add(holdMost)
	err = retry.Do(r.ctx, retry.Backoff{Min: 50 * time.Millisecond, Max: 2 * time.Second}, func(ctx context.Context) (bool, error) {
		one, cancel := context.WithTimeout(ctx, getMost)
		defer cancel()
		m, err = r.stream.GetMsg(one, r.next, jetstream.WithGetMsgSubject(r.subject))
		return transient(err) && time.Now().Before(until), err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("%w: it has fewer bytes than it says, or was taken away", ErrDamaged)
	}
	return m, err
}

func transient(err error) bool {
	for _, e := range []error{context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting, jetstream.ErrNoStreamResponse} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Verify compares all of the object with its digest. It reads what nobody has read yet.
func (r *Reader) Verify() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.summed < r.info.Size {
		if err := r.seek(r.summed); err != nil {
			return err
		}
	}
	const kind = "SHA-256="
	want, ok := strings.CutPrefix(r.info.Digest, kind)
	if have := base64.URLEncoding.EncodeToString(r.sum.Sum(nil)); !ok || strings.TrimRight(want, "=") != strings.TrimRight(have, "=") {
		return fmt.Errorf("%w: its bytes do not have the digest that it says", ErrDamaged)
	}
	return nil
}
