package mtproto

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// floods remembers which methods have to wait (D17), so that a second call does not run into the flood wait of the first.
type floods struct {
	some  atomic.Bool
	mu    sync.Mutex
	until map[uint32]time.Time
}

// set has a method wait.
func (f *floods) set(id uint32, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until == nil {
		f.until = map[uint32]time.Time{}
	}
	if until.After(f.until[id]) {
		f.until[id] = until
	}
	f.some.Store(true)
}

// left is how long a method has to wait yet.
func (f *floods) left(id uint32) time.Duration {
	if !f.some.Load() {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	until, ok := f.until[id]
	if !ok {
		return 0
	}
	d := time.Until(until)
	if d <= 0 {
		delete(f.until, id)
		f.some.Store(len(f.until) > 0)
	}
	return d
}

// floodLimit is how long a call may wait by itself.
func (c *Client) floodLimit(ctx context.Context) time.Duration {
	if d, ok := ctx.Value(floodKey{}).(time.Duration); ok {
		return d
	}
	return c.o.Limits.FloodWait
}

// outlasts says that ctx ends before d has passed.
func outlasts(ctx context.Context, d time.Duration) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) <= d
}

// sleep waits for d. It fails when ctx or Run ends before.
func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.life.over:
		return c.ending()
	}
}

// floodJitter keeps callers that waited together from calling together.
func floodJitter() time.Duration { return time.Duration(rand.Int64N(int64(250 * time.Millisecond))) }
