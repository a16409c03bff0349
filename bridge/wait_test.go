package bridge

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/embedded"
)

// A daemon that is started before its NATS servers serves as soon as they are there; told to end while it waits, it ends well.
func TestServeWaitsForNATS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
	l.Close()
	s := DefaultSettings()
	s.StateDir, s.APIID, s.APIHash, s.Secret = t.TempDir(), 1, "hash", "sixteen characters"
	s.URL = "nats://127.0.0.1:" + strconv.Itoa(port)
	run := func() (b *Bridge, stop context.CancelFunc, ended chan error) {
		b, err := New(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended = make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		return b, stop, ended
	}

	_, stop, ended := run()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("told to end while it waited: %v", err)
	}

	b, stop, ended := run()
	select {
	case <-b.Ready():
		t.Fatal("ready without a NATS server")
	case err := <-ended:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Port: port, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	select {
	case <-b.Ready():
	case err := <-ended:
		t.Fatalf("ended: %v", err)
	case <-soon(t).Done():
		t.Fatal("not ready")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
