package mtproto

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/natsgram/natsgram/mtproto/dc"
)

// links are those for calls, one to each data centre that is needed, and which of them is the account's home.
type links struct {
	c      *Client
	home   atomic.Pointer[link]
	moving chan struct{} // has an element while the home moves

	mu  sync.Mutex
	all map[int]*link
}

// begin begins Run with the first link, the home for now.
func (d *links) begin(ctx context.Context, cancel context.CancelCauseFunc, id int) (*link, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.c.life.begin(ctx, cancel); err != nil {
		return nil, err
	}
	l := newLink(d.c, id, forCalls)
	d.all[id] = l
	d.home.Store(l)
	close(d.c.life.begun)
	return l, nil
}

// start makes the link to a data centre; nil: Run has not begun, or is ending. The lock is held.
func (d *links) start(id int) *link {
	l := newLink(d.c, id, forCalls)
	if !d.c.life.background(func() { l.up.run(d.c.life.ctx) }) {
		return nil
	}
	d.all[id] = l
	return l
}

// to finds or makes the link to a data centre.
func (d *links) to(id int) (*link, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.all[id]
	if l == nil {
		l = d.start(id)
	}
	if l == nil {
		return nil, d.c.life.ending()
	}
	return l, nil
}

// forget lets go of a link that has ended. The home, which can only be such a link if it became one this moment, gets a
// new one.
func (d *links) forget(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all[l.id] == l {
		delete(d.all, l.id)
	}
	if l.home() {
		if next := d.start(l.id); next != nil {
			d.home.Store(next)
		}
	}
}

// settle makes l, or the link that took its place, the home.
func (d *links) settle(l *link) *link {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all[l.id] != l {
		if next := d.start(l.id); next != nil {
			l = next
		}
	}
	d.home.Store(l)
	return l
}

// announced returns the way that initConnection last told a data centre of.
func (d *links) announced(id int) int {
	d.mu.Lock()
	l := d.all[id]
	d.mu.Unlock()
	if l == nil {
		return 0
	}
	l.conn.Lock()
	defer l.conn.Unlock()
	return l.init.announced
}

// foreign returns the link to another data centre than the home, with the account's authorization there.
func (d *links) foreign(ctx context.Context, id int) (*link, error) {
	if len(d.c.addresses(id, dc.Want{})) == 0 {
		return nil, fmt.Errorf("%w %d", ErrNoDC, id)
	}
	l, err := d.to(id)
	if err != nil {
		return nil, err
	}
	return l, d.c.transfers.bring(ctx, l)
}

// moveHome makes another data centre the account's home (D6). If somebody is signed in, that is brought along. Calls that
// are under way at the former home end there.
func (d *links) moveHome(ctx context.Context, from, to int) error {
	select {
	case d.moving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.moving }()
	former := d.home.Load()
	if former.id != from { // another call has moved it
		return nil
	}
	if to == from {
		return errors.New("mtproto: the home is to move to where it is")
	}
	l, err := d.foreign(ctx, to)
	if err != nil {
		return err
	}
	d.c.store.change(func(s *State) { s.Home = to })
	l = d.settle(l)
	former.conn.Wake() // it may be idle from now on
	l.conn.Wake()
	d.c.events.emit(Migrated{From: from, To: to})
	if l.calls.isOpen() {
		d.c.ready.set(true)
	}
	return nil
}

// follow makes the data centre the home that an error names.
func (d *links) follow(from int, e *Error) {
	if err := d.moveHome(d.c.life.ctx, from, e.Arg); err != nil {
		d.c.o.Log.Warn("the account lives elsewhere and could not be followed", "dc", e.Arg, "error", err)
	}
}
