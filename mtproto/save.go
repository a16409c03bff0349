package mtproto

import (
	"sync"
	"time"
)

// saver has the state saved, the newest one, one call at a time. Save may take its time: the vault of a daemon is at the other
// end of a network, and may be away. So what only saves work after a restart, salts, the clock and addresses, waits for
// nothing: a goroutine that reads from a socket has to go on, or the connection is taken for dead.
type saver struct {
	turn chan struct{} // has an element while Options.Save runs

	// Under the Client's lock.
	at     time.Time // when a state was last given to be saved
	wanted uint64    // counts changes that are to be saved
	saved  uint64    // up to which they are
	runs   bool      // a goroutine will save what is wanted
}

// change changes the state and saves it before it returns: keys, who is signed in, and where the account lives.
func (c *Client) change(f func(*State)) {
	c.mu.Lock()
	f(&c.state)
	c.saver.wanted++
	n := c.saver.wanted
	c.mu.Unlock()
	c.saver.turn <- struct{}{}
	defer func() { <-c.saver.turn }()
	c.saveUpTo(n)
}

// changeLater changes the state and has it saved soon, together with what is changed meanwhile.
func (c *Client) changeLater(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.state)
	c.saveSoon()
}

// saltsEvery is how often new salts alone are a reason to save.
const saltsEvery = 15 * time.Minute

// note changes the state, which is saved with the next change, or some time.
func (c *Client) note(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f(&c.state); time.Since(c.saver.at) > saltsEvery {
		c.saveSoon()
	}
}

// saveSoon has somebody save. When Run ends that is done in any case. The lock is held.
func (c *Client) saveSoon() {
	s := &c.saver
	s.wanted++
	if s.runs || c.life.ctx == nil || !c.live() {
		return
	}
	s.runs = true
	c.life.wg.Go(func() {
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		c.mu.Lock()
		n := s.wanted
		s.runs = false // what comes from here on is for another one
		c.mu.Unlock()
		c.saveUpTo(n)
	})
}

// saveUpTo returns when the n-th change is saved, or could not be: then it is with the next one. It is the caller's turn.
func (c *Client) saveUpTo(n uint64) {
	c.mu.Lock()
	if c.saver.saved >= n {
		c.mu.Unlock()
		return // with somebody else's
	}
	s := c.state.clone()
	c.saver.saved, c.saver.at = c.saver.wanted, time.Now()
	c.mu.Unlock()
	if c.o.Save == nil {
		return
	}
	if err := c.o.Save(s); err != nil {
		c.o.Log.Error("the state was not saved", "error", err)
		c.emit(SaveFailed{Err: err})
	}
}

// teller hands events to Options.Events, one at a time and in their order.
type teller struct {
	mu    sync.Mutex
	queue []Event
	busy  bool // somebody is handing them on
}

// emit hands an event on. Whoever emits one while another is being handed on leaves it to that goroutine, and waits for nobody.
func (c *Client) emit(e Event) {
	if c.o.Events == nil {
		return
	}
	t := &c.teller
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queue = append(t.queue, e); t.busy {
		return
	}
	for t.busy = true; len(t.queue) > 0; {
		next := t.queue[0]
		t.queue = t.queue[1:]
		t.mu.Unlock()
		c.o.Events(next)
		t.mu.Lock()
	}
	t.queue, t.busy = nil, false
}
