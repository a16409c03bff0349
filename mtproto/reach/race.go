package reach

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	raceStep = 300 * time.Millisecond // head start of an attempt before the next one begins too (A35)
	raceMost = 4                      // attempts at once
)

// attempt tries to connect.
type attempt func(ctx context.Context) (*Conn, error)

// race takes the first connection that comes about. Attempts start one after the other, the next one at once where one has
// failed. The losers are closed when they come in.
func race(ctx context.Context, attempts []attempt) (*Conn, error) {
	if len(attempts) == 1 { // no goroutine for the common case
		return attempts[0](ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := runners{results: make(chan outcome), gone: make(chan struct{})}
	defer close(r.gone)
	return r.run(ctx, attempts[:min(len(attempts), raceMost)])
}

type outcome struct {
	conn *Conn
	err  error
}

type runners struct {
	results chan outcome
	gone    chan struct{} // closed: nobody takes results any more
}

func (r *runners) start(ctx context.Context, a attempt) {
	conn, err := a(ctx)
	select {
	case r.results <- outcome{conn, err}:
	case <-r.gone:
		if err == nil {
			_ = conn.Close()
		}
	}
}

func (r *runners) run(ctx context.Context, attempts []attempt) (*Conn, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failed []error
	for started := 0; ; {
		select {
		case <-timer.C:
			if started < len(attempts) {
				go r.start(ctx, attempts[started])
				started++
				timer.Reset(raceStep)
			}
		case out := <-r.results:
			if out.err == nil {
				return out.conn, nil
			}
			failed = append(failed, out.err)
			if len(failed) == len(attempts) {
				return nil, fmt.Errorf("no address answers: %w", errors.Join(failed...))
			}
			timer.Reset(0)
		}
	}
}
