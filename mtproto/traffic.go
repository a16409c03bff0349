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
	"github.com/natsgram/natsgram/tl/codec"
)

// Traffic is the direction of file traffic, which has sessions of its own (D9).
type Traffic uint8

// The directions.
const (
	Download Traffic = iota
	Upload
)

// use is what a link is for.
type use uint8

const (
	forCalls use = iota
	forDownload
	forUpload
	forCDN
)

// errand is what a link is for, and what it has to say there yet.
type errand struct {
	use   use
	greet bool // calls are to be wrapped in initConnection: none was answered yet (D1). Under the link's lock
}

// TDLib's numbers of sessions (D10).
const (
	uploadsMain   = 4 // to data centres 2 and 4
	downloadsMain = 2
	sessionsMost  = 8 // of premium accounts, and to upload elsewhere
)

// Parts of files wait in the buffers of slow connections, and pings behind them.
const (
	filesDead  = 40 * time.Second
	filesWrite = time.Minute
)

// ErrNotFile says that a method has no business on connections for files (D9, D13).
var ErrNotFile = errors.New("mtproto: not a method of file traffic")

// traffic is all of a client's file traffic.
type traffic struct {
	premium atomic.Bool

	mu    sync.Mutex
	links map[pier][]*link
	cdn   cdnConfig
	media map[int]bool          // which data centres have addresses for media, as far as that was asked
	lanes map[int]chan struct{} // of those that have none: an element for each call under way
	slow  [2]time.Time          // when it was last said that downloads, and uploads, are
}

// pier is where files of one direction go through.
type pier struct {
	id  int
	use use
}

// InvokeFile makes a call of file traffic, upload.*, at a data centre, 0 for the home. It goes over sessions of their own,
// without updates, to the data centre's addresses for media, several in parallel (D9, D10). Where a data centre has no
// such address, it goes over the connection that is there: a second one might cost the account (D8).
//
// It is otherwise as [Client.Invoke], except that FILE_MIGRATE_X is the caller's to follow, with this call and those to
// come for the same file.
func (c *Client) InvokeFile(ctx context.Context, id int, t Traffic, query []byte) ([]byte, error) {
	a := attempts{m: c.method(query), query: query, id: id}
	if !strings.HasPrefix(a.m.name, "upload.") || a.m.name == cdnMethod {
		return nil, a.failed(SentNo, ErrNotFile)
	}
	if err := c.running(ctx); err != nil {
		return nil, a.failed(SentNo, err)
	}
	u := forDownload
	if t == Upload {
		u = forUpload
	}
	for {
		body, e := c.tryFile(ctx, &a, u)
		if e == nil {
			return body, nil
		}
		if err := c.mendFile(ctx, &a, e); err != nil {
			return nil, err
		}
	}
}

func (c *Client) tryFile(ctx context.Context, a *attempts, u use) ([]byte, *Error) {
	id, home := a.id, c.home.Load()
	if id == 0 {
		id = home.id
	}
	if id < 1 || id > dc.MaxID {
		return nil, a.failed(SentNo, fmt.Errorf("%w %d", ErrNoDC, id))
	}
	if !c.HasMediaAddress(id) {
		return c.tryNarrow(ctx, id, a)
	}
	if id != home.id && !c.authorized(id) {
		if _, err := c.foreign(ctx, id); err != nil {
			return nil, a.failed(SentNo, err)
		}
	}
	return c.doFile(ctx, id, u, a)
}

func (c *Client) doFile(ctx context.Context, id int, u use, a *attempts) ([]byte, *Error) {
	l, err := c.fileLink(id, u)
	if err != nil {
		return nil, a.failed(SentNo, err)
	}
	header := l.header()
	query := make([]byte, 0, len(header)+len(a.query))
	body, e := l.do(ctx, a.m, append(append(query, header...), a.query...), nil)
	l.met(e)
	return body, e
}

// mendFile is mend, but for what differs on these connections.
func (c *Client) mendFile(ctx context.Context, a *attempts, e *Error) error {
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
		return c.slowDown(ctx, a, e)
	}
	return c.mend(ctx, a, e)
}

// speedSaid is how often it is said at most that files go slowly.
const speedSaid = time.Minute

// slowDown waits as long as Telegram says: this call alone, as others of the file may go meanwhile. A limit of speed comes
// again and again in each larger file, so that nothing bounds the sum of its waits but what the caller says by his context;
// a FLOOD_WAIT may be as long as one of other calls, each by itself.
func (c *Client) slowDown(ctx context.Context, a *attempts, e *Error) error {
	d := RetryAfter(e)
	limit, limited := ctx.Value(floodKey{}).(time.Duration)
	if limited {
		a.flooded += d
	} else if a.flooded, limit = d, c.o.Limits.FloodWait; e.Kind() == kindSpeed {
		limit = d
	}
	waits := a.flooded <= limit && !outlasts(ctx, d)
	switch {
	case e.Kind() != kindSpeed:
		c.emit(FloodWait{Method: a.m.name, Wait: d, Waits: waits})
	case waits && c.files.saySlow(time.Now(), a.m.upload()):
		c.emit(SpeedLimited{Upload: a.m.upload(), Wait: d})
	}
	if !waits {
		return e
	}
	if err := c.sleep(ctx, d+floodJitter()); err != nil {
		return a.failed(e.Sent, err)
	}
	return nil
}

// upload says whether a method of file traffic sends a file.
func (m method) upload() bool { return strings.HasPrefix(m.name, "upload.save") }

// saySlow says whether it is to be said, again, that a direction is slow.
func (f *traffic) saySlow(now time.Time, up bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := &f.slow[0]
	if up {
		last = &f.slow[1]
	}
	if !last.IsZero() && now.Sub(*last) < speedSaid {
		return false
	}
	*last = now
	return true
}

// HasMediaAddress says whether a data centre, 0 for the home, has an address for files alone, where parallel connections are in
// order (D8). Where it has none, parts of files go between the account's calls and updates, so that they should be small.
func (c *Client) HasMediaAddress(id int) bool {
	if id == 0 {
		id = c.Home()
	}
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	has, known := c.files.media[id]
	if !known && id > 0 && id <= dc.MaxID {
		has = slices.ContainsFunc(c.addressesFor(id, 0, dc.Want{Media: true}), func(o dc.Option) bool { return o.MediaOnly })
		if c.files.media == nil {
			c.files.media = map[int]bool{}
		}
		c.files.media[id] = has
	}
	return has
}

// narrowMost is how many calls of file traffic are under way at once at a data centre without an address for media: others
// that wait for the same connection wait for no more than these.
const narrowMost = 2

// tryNarrow makes a call of file traffic over the connection of all other calls.
func (c *Client) tryNarrow(ctx context.Context, id int, a *attempts) ([]byte, *Error) {
	c.files.mu.Lock()
	lane := c.files.lanes[id]
	if lane == nil {
		lane = make(chan struct{}, narrowMost)
		if c.files.lanes == nil {
			c.files.lanes = map[int]chan struct{}{}
		}
		c.files.lanes[id] = lane
	}
	c.files.mu.Unlock()
	select {
	case lane <- struct{}{}:
	case <-ctx.Done():
		return nil, a.failed(SentNo, ctx.Err())
	}
	defer func() { <-lane }()
	return c.try(ctx, a)
}

// readdressed forgets which data centres have addresses for media.
func (f *traffic) readdressed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.media = nil
}

// addresses are those that the link may go to: of file traffic only media addresses, of a CDN only its own.
func (l *link) addresses(failures int) []dc.Option {
	switch l.use {
	case forCalls:
		return l.c.addresses(l.id, failures)
	case forCDN:
		return l.c.addressesFor(l.id, failures, dc.Want{CDN: true})
	}
	media := slices.DeleteFunc(l.c.addressesFor(l.id, 0, dc.Want{Media: true}), func(o dc.Option) bool { return !o.MediaOnly })
	return rotate(media, failures)
}

func rotate(all []dc.Option, k int) []dc.Option {
	if len(all) == 0 {
		return all
	}
	k %= len(all)
	return append(all[k:len(all):len(all)], all[:k]...)
}

// limits are the link's own.
func (l *link) limits() Limits {
	limits := l.c.o.Limits
	if l.use != forCalls {
		limits.Write = max(limits.Write, filesWrite)
		limits.Session.DeadAfter = max(limits.Session.DeadAfter, filesDead)
	}
	return limits
}

// fileLink is the least busy session of a direction. There is one more while all are busy and fewer than may be.
func (c *Client) fileLink(id int, u use) (*link, error) {
	f, at := &c.files, pier{id, u}
	f.mu.Lock()
	defer f.mu.Unlock()
	var best *link
	least := 0
	for _, l := range f.links[at] {
		if n, open := l.load(); open && (best == nil || n < least) {
			best, least = l, n
		}
	}
	if best != nil && (least == 0 || len(f.links[at]) >= f.most(at)) {
		return best, nil
	}
	l, err := c.startFileLink(at)
	if err != nil {
		return nil, err
	}
	if f.links == nil {
		f.links = map[pier][]*link{}
	}
	f.links[at] = append(f.links[at], l)
	return l, nil
}

func (c *Client) startFileLink(at pier) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live() {
		return nil, c.endingLocked()
	}
	l := newLink(c, at.id)
	l.errand = errand{use: at.use, greet: true}
	c.life.wg.Go(func() {
		l.run(c.life.ctx)
		c.files.forget(at, l)
	})
	return l, nil
}

func (f *traffic) forget(at pier, l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.links[at] = slices.DeleteFunc(f.links[at], func(o *link) bool { return o == l })
}

// most is how many sessions there may be (D10).
func (f *traffic) most(at pier) int {
	switch {
	case f.premium.Load(), at.use == forUpload && at.id != 2 && at.id != 4:
		return sessionsMost
	case at.use == forUpload:
		return uploadsMain
	}
	return downloadsMain
}

// load is how many calls the link has.
func (l *link) load() (calls int, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls) + len(l.held), l.closed == nil
}

// header is what stands before a call on a link for files: no method but those of files is called there, so that
// initConnection goes around the first of them (D1, D9).
func (l *link) header() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.use == forCDN {
		return l.c.files.cdn.header
	}
	quiet := l.c.quiet
	if !l.greet {
		return quiet
	}
	hello := l.c.hellos[l.told]
	return append(slices.Clone(hello[:len(hello)-len(l.c.getConfig)]), quiet...)
}

// met notes what an answer says about the link having been introduced.
func (l *link) met(e *Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case e == nil:
		l.greet = false
	case e.Code != 0 && react(e.Code, e.Kind()) == rewrap:
		l.greet = true
	}
}

// beginFiles lets calls through on a link for files. The lock is held.
func (l *link) beginFiles(way int) {
	l.told, l.greet = way, true
	if l.parting.IsZero() {
		l.reopen()
	}
}

// prepareFiles encodes what stands before calls of file traffic.
func (c *Client) prepareFiles() error {
	without, err := c.o.Schema.Encode(nil, codec.M{"_": "invokeWithoutUpdates", "query": codec.Raw(c.getConfig)})
	if err != nil {
		return fmt.Errorf("mtproto: schema: %w", err)
	}
	c.quiet = without[:len(without)-len(c.getConfig)]
	c.files.cdn.header, err = c.cdnHeader()
	return err
}

// helper says that this link is beside the one for calls, whose business it is to give up the home's key.
func (l *link) helper() bool { return l.use != forCalls && l.id == l.c.Home() }

// Premium says whether the account was a premium one when it was last looked at.
func (c *Client) Premium() bool { return c.files.premium.Load() }
