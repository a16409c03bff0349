package dialogs

import (
	"testing"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// Chats that come and go while others wait take no more room than those that wait.
func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	peer := func(id int64) updates.Peer { return updates.Peer{Kind: updates.PeerUser, ID: id} }
	for id := range int64(10) {
		q.push(peer(id))
	}
	for id := range int64(10_000) {
		q.push(peer(id%7 + 10))
		q.remove(peer(id%7 + 10))
	}
	if len(q.order) > 100 {
		t.Errorf("%d for %d that wait", len(q.order), q.len())
	}
	q.push(peer(12))
	for _, want := range []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12} {
		if p, ok := q.take(); !ok || p != peer(want) {
			t.Fatal(p, ok, want)
		}
	}
	if p, ok := q.take(); ok || q.len() != 0 {
		t.Error(p, q.len())
	}
}
