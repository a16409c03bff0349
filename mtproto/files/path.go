package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

const (
	changesMost   = 8 // of the way to a file, for one window
	redirectsMost = 3 // to a CDN, for one file
)

// path is the way to the bytes of a file: where it is, under which reference, and whether a CDN has it.
type path struct {
	f       *Files
	refresh func(context.Context) (codec.M, error)
	turn    chan struct{} // has an element while somebody looks for another way

	mu        sync.Mutex
	now       stand
	redirects int
}

// stand is a path at one time.
type stand struct {
	n        int // counts changes
	dc       int
	location codec.M
	cdn      *cdn // nil: from the data centre itself
	noCDN    bool
	hashes   *hashes
}

func newPath(f *Files, from Source) *path {
	return &path{f: f, refresh: from.Refresh, turn: make(chan struct{}, 1), now: stand{
		dc: from.DC, location: from.Location, noCDN: f.NoCDN, hashes: newHashes(!f.NoVerify && !onWeb(from.Location)),
	}}
}

// dc is the data centre that the file is at, as far as that is known; 0: the home.
func (p *path) dc() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now.dc
}

// redirect is the answer that a CDN has the file.
type redirect struct{ cdn *cdn }

func (r *redirect) Error() string { return "files: the file is on a CDN" }

// piece is some bytes of a file, and whose they are: they are given back with loan, if it is not nil, when nobody needs them any more.
type piece struct {
	data []byte
	loan *mtproto.Loan
}

func (p piece) giveBack() {
	if p.loan != nil {
		p.loan.Return()
	}
}

// read returns the n bytes at an offset, fewer at the end of the file. They have been checked.
func (p *path) read(ctx context.Context, at, n int64) (piece, error) {
	for changes := 0; ; changes++ {
		p.mu.Lock()
		now := p.now
		p.mu.Unlock()
		data, err := p.checked(ctx, &now, at, n)
		if err == nil {
			return data, nil
		}
		if changes == changesMost || ctx.Err() != nil {
			return piece{}, err
		}
		if err := p.change(ctx, now, err); err != nil {
			return piece{}, err
		}
	}
}

// change finds another way after an error. Nil: there is one.
func (p *path) change(ctx context.Context, was stand, err error) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return err
	}
	defer func() { <-p.turn }()
	p.mu.Lock()
	next, changed := p.now, p.now.n != was.n
	p.mu.Unlock()
	if changed {
		return nil // by somebody who was in the same place
	}
	if err := p.detour(ctx, &next, err); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	next.n++
	p.now = next
	return nil
}

// detour is what is done about an error on the way.
func (p *path) detour(ctx context.Context, s *stand, err error) error {
	var r *redirect
	switch {
	case errors.As(err, &r):
		if p.redirects++; p.redirects > redirectsMost {
			s.noCDN = true
			return nil
		}
		s.cdn, s.hashes = r.cdn, newHashes(true)
		s.hashes.add(r.cdn.hashes)
	case mtproto.IsKind(err, "FILE_MIGRATE") && argOf(err) > 0: // D12: the file's data centre is no matter of the account's
		s.dc = argOf(err)
	case expired(err):
		return p.renew(ctx, s, err)
	case s.cdn != nil:
		// D14: tokens end, and may be had anew. Of what else goes wrong at a CDN, wrong bytes above all, we want no more.
		s.noCDN = s.noCDN || !mtproto.IsKind(err, "FILE_TOKEN_INVALID", "REQUEST_TOKEN_INVALID")
		s.cdn, s.hashes = nil, newHashes(!p.f.NoVerify)
	default:
		return err
	}
	return nil
}

func expired(err error) bool {
	_, yes := mtproto.FileReference(err)
	return yes
}

// renew has the caller find the file's new reference (D15). The same one again does not help.
func (p *path) renew(ctx context.Context, s *stand, err error) error {
	if p.refresh == nil {
		return err
	}
	location, failed := p.refresh(ctx)
	if failed != nil {
		return fmt.Errorf("%w: no new reference: %w", err, failed)
	}
	before, _ := p.f.s.Encode(nil, s.location)
	after, failed := p.f.s.Encode(nil, location)
	if failed != nil {
		return failed
	}
	if bytes.Equal(before, after) {
		return err
	}
	s.location = location
	return nil
}

// checked reads, and compares with the hashes. Those of a CDN have to be there for every byte; those of a data centre,
// which is trusted, where Telegram has any (D12, D14).
func (p *path) checked(ctx context.Context, s *stand, at, n int64) (piece, error) {
	whole, err := p.raw(ctx, s, at, n)
	if err != nil {
		return piece{}, err
	}
	ranges, err := p.ranges(ctx, s, at, n)
	if err != nil {
		return piece{}, err
	}
	lo, hi := span(at, n, ranges)
	if lo < at || hi > at+n { // a hash is of more than we want
		whole.giveBack()
		if whole, err = p.raw(ctx, s, lo, hi-lo); err != nil {
			return piece{}, err
		}
	}
	if err := verify(whole.data, lo, ranges, s.cdn != nil); err != nil {
		return piece{}, err
	}
	whole.data = part(whole.data, at-lo, n)
	return whole, nil
}

// part is n bytes of data from an offset on, as far as there are any.
func part(data []byte, at, n int64) []byte {
	end := int64(len(data))
	return data[min(at, end):min(at+n, end)]
}

// raw reads bytes that nobody has checked.
func (p *path) raw(ctx context.Context, s *stand, at, n int64) (piece, error) {
	all := requests(at, n)
	if len(all) == 1 {
		one, err := p.piece(ctx, s, all[0])
		one.data = part(one.data, at-all[0].offset, n)
		return one, err
	}
	var data []byte
	for _, q := range all {
		next, err := p.piece(ctx, s, q)
		if err != nil {
			return piece{}, err
		}
		data = append(data, next.data...)
		short := len(next.data) < q.limit
		next.giveBack()
		if short {
			break
		}
	}
	return piece{data: part(data, at-all[0].offset, n)}, nil
}

// piece makes one request.
func (p *path) piece(ctx context.Context, s *stand, q request) (piece, error) {
	loan := new(mtproto.Loan)
	data, err := p.ask(mtproto.WithLoan(ctx, loan), s, q)
	if err == nil && len(data) > q.limit {
		err = fmt.Errorf("%w: %d bytes instead of %d", errAnswer, len(data), q.limit)
	}
	if err != nil {
		return piece{}, err
	}
	return piece{data, loan}, nil
}

func (p *path) ask(ctx context.Context, s *stand, q request) ([]byte, error) {
	if s.cdn != nil {
		return p.cdnPiece(ctx, s, q)
	}
	if onWeb(s.location) {
		return p.webPiece(ctx, s, q)
	}
	v, err := p.f.call(ctx, s.dc, mtproto.Download, codec.M{
		"_": "upload.getFile", "cdn_supported": !s.noCDN, "location": s.location, "offset": q.offset, "limit": q.limit,
	})
	if err != nil {
		return nil, err
	}
	switch v.Name() {
	case "upload.file":
		return v.Bytes("bytes"), nil
	case "upload.fileCdnRedirect":
		c, err := readCDN(v)
		if err != nil {
			return nil, err
		}
		return nil, &redirect{c}
	}
	return nil, fmt.Errorf("%w: %s", errAnswer, v.Name())
}

// onWeb reports whether a file is on the web, where Telegram fetches it, and has no hashes of it.
func onWeb(location codec.M) bool {
	name, _ := location["_"].(string)
	return strings.HasPrefix(name, "inputWebFile")
}

func (p *path) webPiece(ctx context.Context, s *stand, q request) ([]byte, error) {
	v, err := p.f.call(ctx, s.dc, mtproto.Download, codec.M{"_": "upload.getWebFile", "location": s.location, "offset": q.offset, "limit": q.limit})
	if err != nil {
		return nil, err
	}
	if v.Name() != "upload.webFile" {
		return nil, fmt.Errorf("%w: %s", errAnswer, v.Name())
	}
	return v.Bytes("bytes"), nil
}

// request is what one call asks for.
type request struct {
	offset int64
	limit  int
}

const (
	step = 4 << 10 // offset and limit are multiples of it, unless precise is set,
	mib  = 1 << 20 // which limit divides, and within one of which both ends lie (D12)
)

// requests cover n bytes. Each limit is a power of two from 4 KiB to the window's size, and each offset a multiple of its
// limit, which keeps all rules (D12).
func requests(at, n int64) (all []request) {
	for offset := at &^ (step - 1); offset < at+n; {
		limit := int64(window)
		for limit > step && (offset%limit != 0 || offset+limit/2 >= at+n) {
			limit /= 2
		}
		all = append(all, request{offset, int(limit)})
		offset += limit
	}
	return all
}
