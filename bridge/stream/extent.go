package stream

import (
	"context"
	"sync"
	"time"
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
