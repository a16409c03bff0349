package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// The first messages of a chat go behind all that the stream has, of a cluster too: where many chats begin at once, all of them come there.
func TestManyBeginInACluster(t *testing.T) {
	o := storage.Options{}
	o.Replicas.Value = 3
	s := NewStore(storage.Daemon(embeddedtest.Cluster(t), o, nil))
	shelves := make([]*shelf, 8)
	for i := range shelves {
		var err error
		if shelves[i], err = s.open(t.Context(), fmt.Sprint("a", i), 1, subjects.User, 5, func() bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	var work sync.WaitGroup
	for _, x := range shelves {
		work.Go(func() {
			err := retry.Do(t.Context(), writePause, func(ctx context.Context) (bool, error) {
				all := make([]message, 3)
				for i := range all {
					all[i] = message{i + 1, &nats.Msg{Subject: x.subject, Header: nats.Header{subjects.HeaderMessage: {fmt.Sprint(i + 1)}, subjects.HeaderUser: {"1"}}, Data: []byte("text")}}
				}
				_, err := x.put(ctx, all)
				if err != nil {
					err = errors.Join(err, x.read(ctx))
				}
				return true, err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
}
