package chats

import (
	"errors"
	"sync"

	"github.com/natsgram/natsgram/bridge/dialogs"
)

// inbox is what was stored of updates and is not folded in yet.
type inbox struct {
	mu    sync.Mutex
	last  uint64 // what is known to be stored
	live  bool   // what is stored comes in here; else it is read from the stream
	queue []stored
	facts int
	anew  bool // all that is known is lost
}

type stored struct {
	seq   uint64
	facts []dialogs.Fact
}

// errAnew begins again because all that is known is lost.
var errAnew = errors.New("the stream was made anew")

// mostFacts is how much may wait to be folded in; more is read from the stream again.
const mostFacts = 50_000

// add takes what was stored.
func (x *inbox) add(seq uint64, facts []dialogs.Fact) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = seq
	if !x.live {
		return
	}
	x.queue, x.facts = append(x.queue, stored{seq, facts}), x.facts+1+len(facts)
	if x.facts > mostFacts {
		x.live, x.queue, x.facts = false, nil, 0
	}
}

// lose notes that all that is known is lost.
func (x *inbox) lose() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.anew, x.live, x.queue, x.facts = true, false, nil, 0
}

// begin is for whoever reads the records now, and the stream behind them; last is what is known to be stored.
func (x *inbox) begin() (last uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.anew, x.live, x.queue, x.facts = false, false, nil, 0
	return x.last
}

// take takes out what waits, for somebody who has folded in all up to seq. live: there is nothing else; if not, the stream has to be read up
// to last first.
func (x *inbox) take(seq uint64) (queue []stored, last uint64, live bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.anew {
		return nil, 0, false, errAnew
	}
	queue, x.queue, x.facts = x.queue, nil, 0
	x.live = x.live || seq >= x.last
	return queue, x.last, x.live, nil
}
