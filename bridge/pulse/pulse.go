// Package pulse tells whether a loop is stuck: each of its turns begins and ends, and one that does not end is.
package pulse

import (
	"sync/atomic"
	"time"
)

// Pulse is a loop's. The zero value is a loop that waits. It is safe for concurrent use.
type Pulse struct{ begun atomic.Int64 }

// start is what turns are counted from: by the monotonic clock, which cannot be set.
var start = time.Now()

// Begin says that a turn begins.
func (p *Pulse) Begin() { p.begun.Store(max(int64(time.Since(start)), 1)) }

// End says that the loop waits for the next one.
func (p *Pulse) End() { p.begun.Store(0) }

// Busy is how long the present turn has taken; 0: the loop waits.
func (p *Pulse) Busy() time.Duration {
	begun := p.begun.Load()
	if begun == 0 {
		return 0
	}
	return max(time.Since(start)-time.Duration(begun), 1)
}
