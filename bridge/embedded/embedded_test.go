package embedded

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestServerKeepsItsStore(t *testing.T) {
	dir := t.TempDir() + "/state"
	for i := range 2 {
		s, err := Start(Config{Dir: dir, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
			t.Error(info.Mode())
		}
		if Running(dir) != s.ClientURL() || !strings.HasPrefix(s.ClientURL(), "nats://127.0.0.1:") {
			t.Error(s.ClientURL())
		}
		nc, err := nats.Connect("", nats.InProcessServer(s))
		if err != nil {
			t.Fatal(err)
		}
		js, _ := jetstream.New(nc)
		if i == 0 {
			_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "X", Subjects: []string{"x"}})
		} else {
			_, err = js.Stream(context.Background(), "X")
		}
		if err != nil {
			t.Error(err)
		}
		nc.Close()
		s.Close()
		if Running(dir) != "" {
			t.Error("still said to run")
		}
	}
}

func TestOneServerAFolder(t *testing.T) {
	dir := t.TempDir()
	s, err := Start(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Start(Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second server on the folder: %v", err)
	}
}

func TestTakenPortIsSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(Config{Dir: t.TempDir(), Port: l.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "NATSGRAM_NATS_PORT") {
		t.Error(err)
	}
}
