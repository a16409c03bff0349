package records

import (
	"fmt"
	"testing"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

// Whoever writes right behind a write of which he has had no answer is told in a cluster too that something else is there, and not that it is on its
// way.
func TestBehindAnUnansweredWriteInACluster(t *testing.T) {
	o := storage.Options{}
	o.Replicas.Value = 3
	st := storage.Daemon(embeddedtest.Cluster(t), o, nil)
	r, err := Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		_, revision, err := r.History(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			if err := st.JetStream().Conn().PublishMsg(st.KeyMsg(storage.Positions, HistoryKey("main"), fmt.Append(nil, i), nil)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.SaveHistory(t.Context(), "main", nil, revision); err != ErrChanged { //nolint:errorlint // as it comes
			t.Errorf("%d: %v", i, err)
		}
	}
}
