package mtproto

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// life is Run's: when it begins, what it waits for, and why it ends.
type life struct {
	begun chan struct{} // closed when Run begins
	over  chan struct{} // closed when Run ends
	wall  func() time.Time
	wg    sync.WaitGroup

	mu     sync.Mutex
	ctx    context.Context //nolint:containedctx // the parent of all links'
	cancel context.CancelCauseFunc
	ended  bool  // nothing new is done
	why    error // why Run ends, if not for its context

	toDestroy map[int]DCState // keys that Run destroys in the end; set before Run ends
}

// begin is once for each client. Whoever waits for Run is to be told once there is a link.
func (l *life) begin(ctx context.Context, cancel context.CancelCauseFunc) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx != nil {
		return errors.New("mtproto: a client runs once")
	}
	l.ctx, l.cancel = ctx, cancel
	return nil
}

// end waits for all that is done in the background. Nothing more is begun.
func (l *life) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.wg.Wait()
}

// background does something that Run waits for. It returns false if Run has not begun, or is ending.
func (l *life) background(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx == nil || l.ended || l.ctx.Err() != nil {
		return false
	}
	l.wg.Go(f)
	return true
}

// running waits for Run.
func (l *life) running(ctx context.Context) error {
	select {
	case <-l.begun:
		return ctx.Err()
	default:
	}
	select {
	case <-l.begun:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sleep waits for d. It fails when ctx or Run ends before.
func (l *life) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.over:
		return l.ending()
	}
}

// fatal ends Run for a reason that no reconnection cures.
func (l *life) fatal(why error) {
	l.mu.Lock()
	if l.why == nil {
		l.why = why
	}
	l.mu.Unlock()
	l.cancel(why)
}

// reason returns what Run does.
func (l *life) reason(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return l.why
	}
	return ctx.Err()
}

// ending returns what calls are told when Run ends.
func (l *life) ending() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return fmt.Errorf("%w: %w", ErrClosed, l.why)
	}
	return ErrClosed
}

// wallClock goes on while the machine sleeps.
func wallClock() time.Time { return time.Now().Round(0) }

// gate is open or shut, and can be waited for.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed while it is open
}

func newGate() gate { return gate{open: make(chan struct{})} }

// opened is closed once the gate is open.
func (g *gate) opened() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// set opens the gate, or shuts it.
func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := false
	select {
	case <-g.open:
		was = true
	default:
	}
	switch {
	case open && !was:
		close(g.open)
	case was && !open:
		g.open = make(chan struct{})
	}
}
