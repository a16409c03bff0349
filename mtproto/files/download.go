package files

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/natsgram/natsgram/tl/codec"
)

// Source is a file that Telegram has.
type Source struct {
	// Location is an InputFileLocation, or an InputWebFileLocation: then DC is the webfile_dc_id of help.getConfig.
	Location codec.M

	// DC is where the file is, as its document or photo says; 0: ask at home, and be told.
	DC int

	// Size is the file's in bytes, or less than 0 if that is not known.
	Size int64

	// Offset and Limit choose the bytes from Offset on, Limit of them at most; 0: all that follow. Of a file that is shorter, there are
	// fewer.
	Offset, Limit int64

	// Refresh finds the file again where Telegram says that its reference has expired: it asks for the message or whatever
	// else the file came from, and returns the new location (D15); [Files.Refetch] makes one. Without it that error is the download's.
	Refresh func(ctx context.Context) (codec.M, error)
}

// Download writes a file to w, parts in any order, several at once, each where it stands in the file, and returns how many bytes it
// wrote. What w has after an error is not all of it; nothing in it is unchecked.
func (f *Files) Download(ctx context.Context, from Source, w io.WriterAt) (int64, error) {
	d := f.begin(from)
	err := d.run(ctx, func(at int64, data []byte) error {
		_, err := w.WriteAt(data, at)
		return err
	}, nil)
	return d.result(err)
}

// Copy writes a file to w from beginning to end, while the next parts are under way already.
func (f *Files) Copy(ctx context.Context, from Source, w io.Writer) (int64, error) {
	d := f.begin(from)
	var written int64
	err := d.run(ctx, nil, func(data []byte) error {
		n, err := w.Write(data)
		written += int64(n)
		return err
	})
	if _, err := d.result(err); err != nil {
		return written, err
	}
	return written, nil
}

// window is how much is asked for at once: it divides 1 MiB, and begins at its own multiples, so that all rules for offset
// and limit are kept (D12).
const (
	window      = 512 << 10
	windowSmall = 128 << 10 // the same, where others wait for the connection
)

// download is one file on its way.
type download struct {
	f    *Files
	from Source
	path *path
	end  atomic.Int64 // of the file, as far as it is known
}

func (f *Files) begin(from Source) *download {
	d := &download{f: f, from: from, path: newPath(f, from)}
	d.end.Store(from.stop())
	return d
}

// stop is where the bytes end that are wanted, as far as it is known.
func (s *Source) stop() int64 {
	end := int64(math.MaxInt64)
	if s.Size >= 0 {
		end = s.Size
	}
	if s.Limit > 0 && s.Limit < end-s.Offset {
		end = s.Offset + s.Limit
	}
	return end
}

// check refuses a range that is none.
func (s *Source) check() error {
	if s.Offset < 0 || s.Limit < 0 {
		return fmt.Errorf("%w: offset %d, limit %d", ErrRange, s.Offset, s.Limit)
	}
	return nil
}

// pending is a window on its way.
type pending struct {
	at   int64
	n    int64
	got  piece
	done chan struct{}
}

// run fetches windows in parallel. Anyhow is given each when it comes, from any goroutine; inOrder one after another. Either
// may be nil.
func (d *download) run(ctx context.Context, anyhow func(int64, []byte) error, inOrder func([]byte) error) error {
	if err := d.from.check(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan *pending, d.f.parallel()-1)
	room := make(chan struct{}, d.f.parallel())
	group.Go(func() error {
		defer close(queue)
		return d.plan(ctx, group, room, queue, anyhow)
	})
	group.Go(func() error { return d.deliver(ctx, room, queue, inOrder) })
	return group.Wait()
}

// plan starts the fetching of one window after another. The first one is waited for: it tells where the file is, so that not
// all of them have to be sent there.
func (d *download) plan(ctx context.Context, group *errgroup.Group, room chan struct{}, queue chan *pending, use func(int64, []byte) error) error {
	var n int64
	first := d.from.Offset - d.from.Offset%windowSmall
	for at := first; at < d.end.Load(); at += n {
		n = d.window(at)
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		p := &pending{at: at, n: n, done: make(chan struct{})}
		group.Go(func() error { return d.fetch(ctx, p, use) })
		select {
		case queue <- p:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if at == first {
			select {
			case <-p.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// window is how much to ask for at a place.
func (d *download) window(at int64) int64 {
	if at%window == 0 && !d.f.narrow(d.path.dc()) {
		return window
	}
	return windowSmall
}

// fetch brings a window.
func (d *download) fetch(ctx context.Context, p *pending, use func(int64, []byte) error) error {
	n := min(p.n, d.end.Load()-p.at)
	if n <= 0 {
		close(p.done)
		return nil
	}
	got, err := d.path.read(ctx, p.at, n)
	if err != nil {
		return err
	}
	if size := int64(len(got.data)); size < n {
		d.ends(p.at + size)
	}
	at := max(p.at, d.from.Offset)
	got.data = part(got.data, at-p.at, n)
	if use != nil {
		if len(got.data) > 0 {
			if err := use(at, got.data); err != nil {
				return err
			}
		}
		got.giveBack()
		got = piece{}
	}
	p.got = got
	close(p.done)
	return nil
}

// ends notes that the file is not longer.
func (d *download) ends(at int64) {
	for {
		old := d.end.Load()
		if at >= old || d.end.CompareAndSwap(old, at) {
			return
		}
	}
}

// deliver hands windows on in their order.
func (d *download) deliver(ctx context.Context, room chan struct{}, queue chan *pending, use func([]byte) error) error {
	for p := range queue {
		select {
		case <-p.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		<-room
		if use == nil {
			continue
		}
		if len(p.got.data) > 0 {
			if err := use(p.got.data); err != nil {
				return err
			}
		}
		p.got.giveBack()
	}
	return nil
}

// result is what comes of a download.
func (d *download) result(err error) (int64, error) {
	end := d.end.Load()
	if err != nil {
		return 0, err
	}
	n := max(end-d.from.Offset, 0)
	if d.from.Size >= 0 && end != d.from.stop() {
		return n, fmt.Errorf("%w: it ends at %d instead of %d", ErrSize, end, d.from.Size)
	}
	return n, nil
}
