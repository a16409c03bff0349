package once

import (
	"fmt"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

// A cluster takes one message at a time that names the mark of the last erasure. However many answers are kept at once, all are.
func TestManyAreKeptInACluster(t *testing.T) {
	o := storage.Options{}
	o.Replicas.Value = 3
	s, err := NewStore(t.Context(), storage.Daemon(embeddedtest.Cluster(t), o, nil))
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t)
	j := newOwner(g, s)
	if _, _, err := j.Erase(t.Context(), func([]byte) bool { return false }, false); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for i := range 40 {
		work.Go(func() {
			if _, err := j.Keep(t.Context(), "", ask("", fmt.Sprint(i)).Hash, []byte("an answer")); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	work.Wait()
}
