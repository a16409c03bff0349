package peers

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

// In a bucket that is full it is told apart who had to make room, and whom somebody has taken out.
func TestMissingFromAFullBucket(t *testing.T) {
	js, err := jetstream.New(embeddedtest.Connect(t, embeddedtest.Start(t)))
	if err != nil {
		t.Fatal(err)
	}
	store, err := NewStore(t.Context(), storage.Daemon(js, storage.Options{Limits: map[string]int64{storage.Peers: 64 << 10}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	d, g := owner(t, store, 1)
	defer d.Close(t.Context())
	for id := range int64(400) {
		d.Learn(g.encode(called(id+1, id+1, "somebody_"+strings.Repeat("x", 20))))
	}
	if !d.SaveMark(t.Context(), 1, time.Unix(1, 0)) {
		t.Fatal("no mark")
	}
	st, err := js.Stream(t.Context(), "KV_TG_PEERS")
	if err != nil {
		t.Fatal(err)
	}
	info, err := st.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.FirstSeq < 2 || !storage.PushesOut(info) {
		t.Fatalf("nobody had to make room: %+v", info.State)
	}
	if d.Missing(t.Context()) {
		t.Error("who had to make room counts as lost")
	}
	for seq := info.State.FirstSeq + 1; seq < info.State.LastSeq; seq++ { // the oldest stays, and the mark
		if err := st.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Put(t.Context(), "other.user.1", []byte(strings.Repeat("x", 59<<10))); err != nil { // of another account
		t.Fatal(err)
	}
	if info, err = st.Info(t.Context()); err != nil || !storage.PushesOut(info) {
		t.Fatalf("%v, not full: %+v", err, info.State)
	}
	if !d.Missing(t.Context()) {
		t.Error("it is not noticed")
	}
}
