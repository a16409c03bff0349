// Package retry waits, and does again what failed.
package retry

import (
	"context"
	"errors"
	"time"
)

// Pause waits for d. Where ctx ends before, it returns at once, with the error of ctx.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Backoff is how long to wait between attempts: Min before the second, then twice as long each time, Max at most.
type Backoff struct{ Min, Max time.Duration }

// After is the wait that follows one of d; the first follows 0.
func (b Backoff) After(d time.Duration) time.Duration {
	if d <= 0 {
		return b.Min
	}
	return min(2*d, b.Max)
}

// Do attempts until attempt succeeds, says that another one is of no use, or ctx ends. It returns the error of the last attempt;
// where only the end of ctx kept it from another one, the error of ctx with it.
func Do(ctx context.Context, b Backoff, attempt func(context.Context) (again bool, err error)) error {
	for wait := b.After(0); ; wait = b.After(wait) {
		again, err := attempt(ctx)
		if err == nil || !again {
			return err
		}
		if ended := Pause(ctx, wait); ended != nil {
			return errors.Join(ended, err)
		}
	}
}
