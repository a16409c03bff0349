package once

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

func aboutEve(result []byte) bool { return bytes.Contains(result, []byte("eve")) }

// An answer that is still on its way to the bucket when it is erased does not come there any more, whole or in chunks; nor one that was kept for a
// request without an id, and of which nobody knows.
func TestErasedIsNotStoredLate(t *testing.T) {
	large := strings.Repeat("eve ", MaxResult/2)
	for name, result := range map[string]string{"whole": "to eve", "in chunks": large, "without an id": large} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for as long as an answer may take
			hold := embeddedtest.Hold(embeddedtest.Start(t))
			js, err := jetstream.New(embeddedtest.Connect(t, hold))
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewStore(t.Context(), storage.Daemon(js, storage.Options{}, nil))
			if err != nil {
				t.Fatal(err)
			}
			g := newRig(t)
			j := newOwner(g, s)
			var r *Run
			if name != "without an id" {
				r = g.runs(j, ask("1", "1"))
			}
			hold.Back(func(subject string) bool {
				key, ok := strings.CutPrefix(subject, "$KV.TG_ONCE.")
				return ok && (name != "without an id" || strings.Count(key, ".") == 1) // of that the record alone: the chunks came
			})
			stored := make(chan struct{})
			go func() {
				defer close(stored)
				if r == nil {
					_, _ = j.Keep(t.Context(), "", ask("1", "1").Hash, []byte(result))
				} else {
					r.Done(t.Context(), []byte(result), []byte("left of eve"))
				}
			}()
			for begun := time.Now(); len(hold.Held()) == 0; time.Sleep(time.Millisecond) {
				if time.Since(begun) > 20*time.Second {
					t.Fatal("nothing is held back")
				}
			}
			if r != nil { // until it is known that it is not stored
				<-stored
			}
			hold.Back(nil)
			if _, _, err := j.Erase(t.Context(), aboutEve, false); err != nil {
				t.Fatal(err)
			}
			<-stored
			hold.Release(t)
			g.runs(j, ask("2", "2")).Done(t.Context(), []byte("ok"), nil) // behind it
			j.Close(t.Context())
			read, erased, err := newOwner(g, s).Erase(t.Context(), aboutEve, true)
			if err != nil || erased > 0 {
				t.Errorf("%d of %d answers are about her, %v", erased, read, err)
			}
			if r != nil {
				if r, a, f := g.begin(newOwner(g, s), ask("1", "1")); r != nil || f != nil || len(a.Result) > 0 || !a.Left {
					t.Errorf("%v %+v %v", r, a, f)
				}
			}
		})
	}
}

// Answers that wait to be stored are erased as well.
func TestErasedWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		j := g.owner()
		one, other := g.runs(j, ask("1", "1")), g.runs(j, ask("2", "2"))
		g.set(errors.New("away"), nil)
		one.Done(t.Context(), []byte("to eve"), nil)
		other.Done(t.Context(), []byte("to alice"), nil)
		if _, _, err := j.Erase(t.Context(), aboutEve, false); err == nil {
			t.Error("it is erased while the bucket is away")
		}
		g.set(nil, nil)
		if read, erased, err := j.Erase(t.Context(), aboutEve, true); read != 2 || erased != 1 || err != nil || j.Unsaved() != 2 {
			t.Errorf("dry: %d of %d, %v", erased, read, err)
		}
		if read, erased, err := j.Erase(t.Context(), aboutEve, false); read != 2 || erased != 1 || err != nil || j.Unsaved() != 1 {
			t.Errorf("%d of %d, %v", erased, read, err)
		}
		if r, a, f := g.begin(j, ask("1", "1")); r != nil || f != nil || len(a.Result) > 0 || !a.Left {
			t.Errorf("%v %+v %v", r, a, f)
		}
		time.Sleep(2 * saveEvery)
		synctest.Wait()
		g.answered(g.owner(), ask("2", "2"), "to alice")
		j.Close(t.Context())
		if _, erased, err := g.owner().Erase(t.Context(), aboutEve, true); erased > 0 || err != nil {
			t.Errorf("%d, %v", erased, err)
		}
	})
}
