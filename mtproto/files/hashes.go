package files

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

// fileHash is the SHA-256 of a range of a file, as it is when it is decrypted (D14).
type fileHash struct {
	offset int64
	limit  int64
	sum    [sha256.Size]byte
}

func (h fileHash) end() int64 { return h.offset + h.limit }

// hashes are those that are known of a file, in order.
type hashes struct {
	asking chan struct{} // has an element while somebody asks for more

	mu   sync.Mutex
	all  []fileHash
	none bool // there are none, or they are not wanted
}

func newHashes(wanted bool) *hashes {
	return &hashes{asking: make(chan struct{}, 1), none: !wanted}
}

// readHashes reads FileHash objects, but for those that make no sense.
func readHashes(objects iter.Seq[codec.View]) (all []fileHash) {
	for v := range objects {
		h := fileHash{offset: v.Int("offset"), limit: v.Int("limit")}
		if n := copy(h.sum[:], v.Bytes("hash")); n == len(h.sum) && h.offset >= 0 && h.limit > 0 && h.limit <= mib {
			all = append(all, h)
		}
	}
	return all
}

func (h *hashes) add(more []fileHash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range more {
		i, known := slices.BinarySearchFunc(h.all, m.offset, func(a fileHash, at int64) int { return int(min(max(a.offset-at, -1), 1)) })
		if !known {
			h.all = slices.Insert(h.all, i, m)
		}
	}
}

// covering are the hashes of the ranges that bytes lie in, up to the first byte that none is known of.
func (h *hashes) covering(at, n int64) (found []fileHash, missing int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	missing = at
	for _, r := range h.all {
		if missing < at+n && r.offset <= missing && missing < r.end() {
			found = append(found, r)
			missing = r.end()
		}
	}
	return found, missing
}

func (h *hashes) useless() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.none
}

func (h *hashes) giveUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.none = true
}

// ranges are the hashes for n bytes at an offset, as far as Telegram has them. They are asked for at the data centre, of a
// CDN at the one that sent us there.
func (p *path) ranges(ctx context.Context, s *stand, at, n int64) ([]fileHash, error) {
	if s.hashes.useless() {
		return nil, nil
	}
	select {
	case s.hashes.asking <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.hashes.asking }()
	for asked := int64(-1); ; {
		found, missing := s.hashes.covering(at, n)
		if missing >= at+n || missing == asked {
			return found, nil
		}
		asked = missing
		more, err := p.askHashes(ctx, s, missing)
		switch {
		case err == nil:
			s.hashes.add(more)
		case s.cdn != nil || ctx.Err() != nil || expired(err):
			return nil, err
		default: // not every file has them
			s.hashes.giveUp()
			return nil, nil
		}
	}
}

// askHashes asks for hashes from an offset on.
func (p *path) askHashes(ctx context.Context, s *stand, at int64) ([]fileHash, error) {
	if s.cdn != nil {
		return p.f.hashes(ctx, s.dc, codec.M{"_": "upload.getCdnFileHashes", "file_token": s.cdn.token, "offset": at})
	}
	return p.f.hashes(ctx, s.dc, codec.M{"_": "upload.getFileHashes", "location": s.location, "offset": at})
}

// hashes makes a call that returns a Vector<FileHash>.
func (f *Files) hashes(ctx context.Context, dc int, call codec.M) ([]fileHash, error) {
	query, err := f.s.Encode(nil, call)
	if err != nil {
		return nil, err
	}
	body, err := f.c.InvokeFile(ctx, dc, mtproto.Download, query)
	if err != nil {
		return nil, err
	}
	t, ok := f.s.Type("Vector<FileHash>")
	if !ok {
		return nil, fmt.Errorf("%w: no FileHash in the schema", errAnswer)
	}
	return readHashes(f.s.Objects(body, t)), nil
}

// span is what has to be read to check n bytes at an offset.
func span(at, n int64, ranges []fileHash) (lo, hi int64) {
	lo, hi = at, at+n
	for _, r := range ranges {
		lo, hi = min(lo, r.offset), max(hi, r.end())
	}
	return lo, hi
}

// verify compares bytes with the hashes of all ranges that begin among them. All says that there is to be a hash for each
// byte.
func verify(data []byte, at int64, ranges []fileHash, all bool) error {
	next := at
	for _, r := range ranges {
		from, to := r.offset-at, r.end()-at
		if from < 0 || to > int64(len(data)) {
			return fmt.Errorf("%w: it lacks bytes before %d", ErrHash, r.end())
		}
		if sum := sha256.Sum256(data[from:to]); subtle.ConstantTimeCompare(sum[:], r.sum[:]) == 0 {
			return fmt.Errorf("%w: from %d to %d", ErrHash, r.offset, r.end())
		}
		if r.offset <= next {
			next = max(next, r.end())
		}
	}
	if all && next < at+int64(len(data)) {
		return fmt.Errorf("%w: there is none for the bytes from %d on", ErrHash, next)
	}
	return nil
}
