package peers

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// A cluster takes one message at a time that names the mark of the last erasure. However many names are found at once, all are kept.
func TestManyNamesAreKeptInACluster(t *testing.T) {
	o := storage.Options{}
	o.Replicas.Value = 3
	store, err := NewStore(t.Context(), storage.Daemon(embeddedtest.Cluster(t), o, nil))
	if err != nil {
		t.Fatal(err)
	}
	d, _ := owner(t, store, 1)
	if err := d.Forget(t.Context(), subjects.User, 5, nil, 1, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	in := d.account.era(t.Context())
	var work sync.WaitGroup
	for i := range 40 {
		work.Go(func() {
			d.account.putName(t.Context(), fmt.Sprint("name", i), alias{peer: peer{subjects.User, int64(100 + i)}}, in)
		})
	}
	work.Wait()
	kept, err := 0, error(nil)
	for begun := time.Now(); err == nil && kept < 40 && time.Since(begun) < 20*time.Second; time.Sleep(10 * time.Millisecond) { // a copy may not have the last one yet
		kept = 0
		err = d.account.names(t.Context(), func(string, peer) { kept++ })
	}
	if err != nil || kept != 40 {
		t.Errorf("%d names are kept: %v", kept, err)
	}
}
