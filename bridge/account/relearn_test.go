package account

import (
	"testing"

	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/subjects"
)

// Who reads the stream while the bucket of peers is lost does not say, when he is done, that the new one has all: what he had read before is not
// in it.
func TestBucketLostWhileLearning(t *testing.T) {
	s, _ := layer()
	x := relearning{directory: newDirectory(peers.Config{Schema: s, Account: "main", User: 1}, subjects.Scheme{})}
	first := x.lostSoFar()
	x.lost()
	second := x.lostSoFar()
	if x.caught(first); x.caughtUp.Load() {
		t.Error("it has all, as who began before the loss says")
	}
	if x.caught(second); !x.caughtUp.Load() {
		t.Error("who began behind the loss has read all, and it is not known")
	}
}
