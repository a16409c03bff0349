package stream

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestQueue(t *testing.T) {
	drained := 0
	q := &queue{most: 4 * messageWeight, more: make(chan struct{}, 1), drained: func() { drained++ }}
	if q.emptied() != nil || !q.oldest().IsZero() || q.isFull() {
		t.Error("it is empty")
	}
	for n := range 4 {
		q.add(group(false, n))
	}
	emptied := q.emptied()
	if emptied == nil || !q.isFull() || q.messages() != 4 || len(q.peek(nil)) != 4 {
		t.Errorf("%d messages, %d bytes", q.messages(), q.waiting())
	}
	if q.drop(1); drained != 0 || !q.isFull() {
		t.Error("more than half waits")
	}
	if q.drop(2); drained != 1 || q.isFull() {
		t.Errorf("told %d times", drained)
	}
	q.drop(1)
	select {
	case <-emptied:
	default:
		t.Error("nothing waits")
	}
	if drained != 1 || q.waiting() != 0 || q.emptied() != nil {
		t.Errorf("%d bytes", q.waiting())
	}
}

func TestQueueTellsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{most: 1 << 20, more: make(chan struct{}, 1)}
		first := time.Now()
		q.add(group(false, 1))
		time.Sleep(time.Second)
		q.add(group(false, 2))
		if got := q.oldest(); !got.Equal(first) {
			t.Error(got)
		}
		q.drop(1)
		if got := q.oldest(); !got.Equal(first.Add(time.Second)) {
			t.Error(got)
		}
	})
}

// What takes another form is weighed anew.
func TestQueueExchanges(t *testing.T) {
	q := &queue{most: 1 << 20, more: make(chan struct{}, 1)}
	g := group(false, 1)
	q.add(g)
	q.exchange(g, group(true, 1, 2).Messages, true)
	if q.messages() != 2 || q.waiting() != g.size() || !g.Whole {
		t.Errorf("%d messages, %d bytes, want %d", q.messages(), q.waiting(), g.size())
	}
}
