package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/retry"
)

// extent is from where to where the stream goes, asked for once for all accounts of a daemon.
type extent struct {
	mu          sync.Mutex
	at          time.Time
	first, last uint64
}

// extentAge is how old an answer may be.
const extentAge = renewEvery / 4

func (s *Store) extent(ctx context.Context) (first, last uint64, err error) {
	x := &s.extents
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.at.IsZero() && time.Since(x.at) < extentAge {
		return x.first, x.last, nil
	}
	info, err := s.updates.Info(ctx)
	if err != nil {
		return 0, 0, err
	}
	x.at, x.first, x.last = time.Now(), info.State.FirstSeq, info.State.LastSeq
	return x.first, x.last, nil
}

// renew writes the owner record again when it stands in the older half of the stream, long before limits could reach it.
func (l *Log) renew(ctx context.Context) error {
	first, last, err := l.store.extent(ctx)
	if err != nil {
		l.opts.Log.Warn("looking at the stream", "err", err)
		return ctx.Err()
	}
	if epoch := l.epoch.Load(); epoch >= first+(last-first)/2 || last < epoch+renewAfter {
		return nil
	}
	return retry.Do(ctx, backoff, func(ctx context.Context) (again bool, err error) {
		err = l.claim(ctx, false)
		var fenced *FencedError
		if err == nil {
			l.trouble.over()
			return false, nil
		}
		if errors.As(err, &fenced) || ctx.Err() != nil {
			return false, err
		}
		l.trouble.note(err)
		l.troubled()
		return true, err
	})
}
