package stream

import (
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/room"
)

// queue is the groups that wait to be stored. It is safe for concurrent use; Run alone takes from it.
type queue struct {
	most    int64       // bytes that may wait before it is full
	room    *room.Share // of the daemon's memory; nil: as much as there is
	drained func()      // told when it has fallen below half of most after it was full; nil: nobody waits
	more    chan struct{}

	mu     sync.Mutex
	groups []*Group
	bytes  int64
	full   bool          // most was exceeded and drained not yet told
	empty  chan struct{} // closed when nothing waits; nil when it is so already
}

func (q *queue) add(g *Group) {
	q.mu.Lock()
	defer q.mu.Unlock()
	g.added = time.Now()
	q.groups = append(q.groups, g)
	q.bytes += g.size()
	q.room.Send(g.size())
	if q.bytes > q.most {
		q.full = true
	}
	if q.empty == nil {
		q.empty = make(chan struct{})
	}
	select {
	case q.more <- struct{}{}:
	default:
	}
}

func (q *queue) isFull() bool {
	q.mu.Lock()
	full := q.full
	q.mu.Unlock()
	return full || q.room.Full()
}

func (q *queue) waiting() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

func (q *queue) messages() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, g := range q.groups {
		n += len(g.Messages)
	}
	return n
}

// oldest is when the group that waits longest was added, zero when none waits.
func (q *queue) oldest() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.groups) == 0 {
		return time.Time{}
	}
	return q.groups[0].added
}

// emptied is closed when everything that waits has been stored; nil: nothing waits.
func (q *queue) emptied() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.empty
}

// peek gives the head of the queue, as much as one publish may hold.
func (q *queue) peek(dst []*Group) []*Group {
	q.mu.Lock()
	defer q.mu.Unlock()
	messages, bytes := 0, int64(0)
	for _, g := range q.groups {
		messages += len(g.Messages)
		bytes += g.size()
		if len(dst) > 0 && (messages > MaxGroup || bytes > maxBatchBytes) {
			break
		}
		dst = append(dst, g)
	}
	return dst
}

// drop takes n groups from the queue: they are stored.
func (q *queue) drop(n int) {
	drained, freed := q.take(n)
	q.room.Sent(freed)
	if drained && q.drained != nil {
		q.drained() // with no lock: it may look at the log
	}
}

func (q *queue) take(n int) (drained bool, freed int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range n {
		freed += q.groups[i].size()
		q.groups[i] = nil
	}
	q.bytes -= freed
	q.groups = q.groups[n:]
	if len(q.groups) == 0 {
		q.groups = nil
		if q.empty != nil {
			close(q.empty)
			q.empty = nil
		}
	}
	drained = q.full && q.bytes <= q.most/2
	q.full = q.full && !drained
	return drained, freed
}

// exchange has a group in the queue hold other messages.
func (q *queue) exchange(g *Group, messages []Message, whole bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := g.size()
	g.Messages, g.Whole = messages, whole
	q.bytes += g.size() - before
	q.room.Send(g.size() - before)
}
