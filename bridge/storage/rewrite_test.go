package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// stopping is a JetStream that calls stop when a stream has told what it has.
type stopping struct {
	jetstream.JetStream
	stop func()
}

func (s stopping) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	st, err := s.JetStream.Stream(ctx, name)
	return stoppingStream{st, s.stop}, err
}

type stoppingStream struct {
	jetstream.Stream
	stop func()
}

func (s stoppingStream) Info(ctx context.Context, o ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	info, err := s.Stream.Info(ctx, o...)
	s.stop()
	return info, err
}

// Whoever stops a rewriting is not told that all of it is done, whenever that was: what opens the rest may be taken away then. It goes on when it is
// asked for again.
func TestRewriteThatIsStopped(t *testing.T) {
	js := newJS(t)
	kv, err := Daemon(js, Options{}, nil).Bucket(soon(t), Peers)
	if err != nil {
		t.Fatal(err)
	}
	const some = rewriters + 4
	for i := range some {
		if _, err := kv.PutString(soon(t), fmt.Sprint("key", i), "a"); err != nil {
			t.Fatal(err)
		}
	}
	stopped := func(when string, at int, by func(stop func()) (jetstream.JetStream, func())) {
		t.Helper()
		ctx, stop := context.WithCancel(soon(t))
		defer stop()
		js, meanwhile := by(stop)
		if err := Daemon(js, Options{}, nil).Rewrite(ctx, Peers, func(string, []byte) ([]byte, error) { meanwhile(); return nil, nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: stopped behind %d of %d: %v", when, at, some, err)
		}
	}
	stopped("before the first", 0, func(stop func()) (jetstream.JetStream, func()) { return stopping{js, stop}, func() {} })
	stopped("and none of those under way notices", rewriters, func(stop func()) (jetstream.JetStream, func()) {
		var all sync.WaitGroup
		all.Add(rewriters)
		return js, func() {
			all.Done()
			all.Wait()
			stop()
		}
	})
	var mu sync.Mutex
	for _, want := range []int{some, 0} {
		n := 0
		if err := Daemon(js, Options{}, nil).Rewrite(soon(t), Peers, func(_ string, value []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			if string(value) == "b" {
				return nil, nil
			}
			n++
			return []byte("b"), nil
		}); err != nil {
			t.Fatal(err)
		}
		if n != want {
			t.Errorf("%d written anew, want %d", n, want)
		}
	}
}

// What somebody writes meanwhile is not written over, and is rewritten as well; what is deleted stays so; one that cannot be rewritten is told of.
func TestRewriteBesideOthers(t *testing.T) {
	s := Daemon(newJS(t), Options{}, nil)
	if err := s.Rewrite(soon(t), Files, nil); err != nil {
		t.Errorf("what is not there: %v", err)
	}
	kv, err := s.Bucket(soon(t), Peers)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"stays", "changes", "deleted", "purged"} {
		if _, err := kv.PutString(soon(t), key, key); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(kv.Delete(soon(t), "deleted"), kv.Purge(soon(t), "purged")); err != nil {
		t.Fatal(err)
	}
	if err := s.Rewrite(soon(t), Peers, func(key string, value []byte) ([]byte, error) {
		switch string(value) {
		case "stays":
			return nil, nil
		case "changes":
			if _, err := kv.PutString(soon(t), key, "changed"); err != nil {
				t.Error(err)
			}
		case "changed":
		default:
			t.Errorf("%s: %q", key, value)
		}
		return append(value, " and rewritten"...), nil
	}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"stays": "stays", "changes": "changed and rewritten", "deleted": "", "purged": ""} {
		switch e, err := kv.Get(soon(t), key); {
		case want == "" && !errors.Is(err, jetstream.ErrKeyNotFound), want != "" && (err != nil || string(e.Value()) != want):
			t.Errorf("%s: %v, %v", key, e, err)
		}
	}
	wrong := errors.New("wrong")
	if err := s.Rewrite(soon(t), Peers, func(key string, _ []byte) ([]byte, error) {
		if key == "changes" {
			return nil, wrong
		}
		return nil, nil
	}); !errors.Is(err, wrong) {
		t.Errorf("one that cannot be rewritten: %v", err)
	}
}
