package mtproto

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
)

// Traffic is the direction of file traffic, which has sessions of its own (D9).
type Traffic uint8

// The directions.
const (
	Download Traffic = iota
	Upload
)

// ErrNotFile says that a method has no business on connections for files (D9, D13).
var ErrNotFile = errors.New("mtproto: not a method of file traffic")

// fileTraffic is all of a client's file traffic.
type fileTraffic struct {
	c       *Client
	premium atomic.Bool
	cdn     cdnConfig

	mu    sync.Mutex
	links map[dcPath][]*link
	media map[int]bool          // which data centres have addresses for media, as far as that was asked
	slots map[int]chan struct{} // of those that have none: an element for each call under way
	slow  [2]time.Time          // when it was last said that downloads, and uploads, are
}

// InvokeFile makes a call of file traffic, upload.*, at a data centre, 0 for the home. It goes over sessions of their own,
// without updates, to the data centre's addresses for media, several in parallel (D9, D10). Where a data centre has no
// such address, it goes over the connection that is there: a second one might cost the account (D8).
//
// The result may be lent, and calls may go together: see [WithLoan] and [WithCompany]. It is otherwise as [Client.Invoke], except that
// FILE_MIGRATE_X is the caller's to follow, with this call and those to come for the same file.
func (c *Client) InvokeFile(ctx context.Context, id int, t Traffic, query []byte) ([]byte, error) {
	a := c.attempts(id, query)
	a.company = companyOf(ctx)
	defer func() { a.company.come() }() // unless it has
	if !strings.HasPrefix(a.m.name, "upload.") || a.m.name == cdnMethod {
		return nil, a.failed(SentNo, ErrNotFile)
	}
	if err := c.life.running(ctx); err != nil {
		return nil, a.failed(SentNo, err)
	}
	use := forDownload
	if t == Upload {
		use = forUpload
	}
	for {
		body, e := c.files.try(ctx, a, use)
		if e == nil {
			return body, nil
		}
		if err := c.files.mend(ctx, a, e); err != nil {
			return nil, err
		}
	}
}

// try makes a call of file traffic once.
func (f *fileTraffic) try(ctx context.Context, a *attempts, use linkUse) ([]byte, *Error) {
	id, home := a.id, f.c.links.home.Load()
	if id == 0 {
		id = home.id
	}
	if id < 1 || id > dc.MaxID {
		return nil, a.failed(SentNo, fmt.Errorf("%w %d", ErrNoDC, id))
	}
	if !f.hasMediaAddress(id) {
		return f.tryNarrow(ctx, id, a)
	}
	if id != home.id && !f.c.store.authorized(id) {
		if _, err := f.c.links.foreign(ctx, id); err != nil {
			return nil, a.failed(SentNo, err)
		}
	}
	return f.do(ctx, dcPath{id, use}, a)
}

// do makes a call over a session for files.
func (f *fileTraffic) do(ctx context.Context, at dcPath, a *attempts) ([]byte, *Error) {
	l, err := a.company.over(func() (*link, error) { return f.link(at) })
	if err != nil {
		return nil, a.failed(SentNo, err)
	}
	how := manner{before: l.header(), loan: LoanOf(ctx), company: a.company}
	a.company = nil
	body, e := l.calls.do(ctx, a.m, a.query, how)
	l.noteWrap(e)
	return body, e
}

// mend is that of attempts, but for what differs on these connections.
func (f *fileTraffic) mend(ctx context.Context, a *attempts, e *Error) error {
	switch react(e.Code, e.Kind()) {
	case moveCall, moveHome:
		if e.Code != 0 {
			return e
		}
	case rewrap: // the link knows now that it has to
		if a.wraps++; a.wraps <= wrapsMost {
			return nil
		}
		return e
	case waitAlike, waitCall, waitSpeed:
		return f.slowDown(ctx, a, e)
	}
	return a.mend(ctx, e)
}

// slowEvery is how often it is said at most that files go slowly.
const slowEvery = time.Minute

// slowDown waits as long as Telegram says: this call alone, as others of the file may go meanwhile. A limit of speed comes
// again and again in each larger file, so that nothing bounds the sum of its waits but what the caller says by his context;
// a FLOOD_WAIT may be as long as one of other calls, each by itself.
func (f *fileTraffic) slowDown(ctx context.Context, a *attempts, e *Error) error {
	d := RetryAfter(e)
	limit, limited := ctx.Value(floodKey{}).(time.Duration)
	if limited {
		a.flooded += d
	} else if a.flooded, limit = d, f.c.o.Limits.FloodWait; e.Kind() == kindSpeed {
		limit = d
	}
	waits := a.flooded <= limit && !outlasts(ctx, d)
	switch {
	case e.Kind() != kindSpeed:
		f.c.events.emit(FloodWait{Method: a.m.name, Wait: d, Waits: waits})
	case waits && f.sayingSlow(time.Now(), a.m.isUpload()):
		f.c.events.emit(SpeedLimited{Upload: a.m.isUpload(), Wait: d})
	}
	if !waits {
		return e
	}
	if err := f.c.life.sleep(ctx, d+floodJitter()); err != nil {
		return a.failed(e.Sent, err)
	}
	return nil
}

// sayingSlow reports whether it is to be said, once more, that a direction is slow.
func (f *fileTraffic) sayingSlow(now time.Time, up bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := &f.slow[0]
	if up {
		last = &f.slow[1]
	}
	if !last.IsZero() && now.Sub(*last) < slowEvery {
		return false
	}
	*last = now
	return true
}

// HasMediaAddress reports whether a data centre, 0 for the home, has an address for files alone, where parallel connections
// are in order (D8). Where it has none, parts of files go between the account's calls and updates, so that they should be
// small.
func (c *Client) HasMediaAddress(id int) bool {
	if id == 0 {
		id = c.Home()
	}
	return c.files.hasMediaAddress(id)
}

func (f *fileTraffic) hasMediaAddress(id int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	has, known := f.media[id]
	if !known && id > 0 && id <= dc.MaxID {
		has = slices.ContainsFunc(f.c.addresses(id, dc.Want{Media: true}), func(o dc.Option) bool { return o.MediaOnly })
		if f.media == nil {
			f.media = map[int]bool{}
		}
		f.media[id] = has
	}
	return has
}

// readdressed forgets which data centres have addresses for media.
func (f *fileTraffic) readdressed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.media = nil
}

// narrowMost is how many calls of file traffic are under way at once at a data centre without an address for media: others
// that wait for the same connection wait for no more than these.
const narrowMost = 2

// tryNarrow makes a call of file traffic over the connection of all other calls.
func (f *fileTraffic) tryNarrow(ctx context.Context, id int, a *attempts) ([]byte, *Error) {
	f.mu.Lock()
	slot := f.slots[id]
	if slot == nil {
		slot = make(chan struct{}, narrowMost)
		if f.slots == nil {
			f.slots = map[int]chan struct{}{}
		}
		f.slots[id] = slot
	}
	f.mu.Unlock()
	select {
	case slot <- struct{}{}:
	case <-ctx.Done():
		return nil, a.failed(SentNo, ctx.Err())
	}
	defer func() { <-slot }()
	return a.try(ctx)
}

// link returns the least busy session of a path. There is one more while all are busy and fewer than may be.
func (f *fileTraffic) link(at dcPath) (*link, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var best *link
	least := 0
	for _, l := range f.links[at] {
		if n, taking := l.calls.load(); taking && (best == nil || n < least) {
			best, least = l, n
		}
	}
	if best != nil && (least == 0 || len(f.links[at]) >= at.most(f.premium.Load())) {
		return best, nil
	}
	l, err := f.start(at)
	if err != nil {
		return nil, err
	}
	if f.links == nil {
		f.links = map[dcPath][]*link{}
	}
	f.links[at] = append(f.links[at], l)
	return l, nil
}

// start makes a link for files.
func (f *fileTraffic) start(at dcPath) (*link, error) {
	l := newLink(f.c, at.id, at.use)
	if !f.c.life.background(func() {
		l.up.run(f.c.life.ctx)
		f.forget(l)
	}) {
		return nil, f.c.life.ending()
	}
	return l, nil
}

func (f *fileTraffic) forget(l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := l.path()
	f.links[at] = slices.DeleteFunc(f.links[at], func(o *link) bool { return o == l })
}

// Premium reports whether the account was a premium one when it was last looked at.
func (c *Client) Premium() bool { return c.files.premium.Load() }
