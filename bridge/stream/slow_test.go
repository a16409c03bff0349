package stream

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded"
)

// distant is a server whose words take a while.
type distant struct {
	*embedded.Server
	delay atomic.Int64 // nanoseconds
}

func (d *distant) InProcessConn() (net.Conn, error) {
	conn, err := d.Server.InProcessConn()
	return slow{conn, d}, err
}

type slow struct {
	net.Conn
	d *distant
}

func (s slow) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if d := time.Duration(s.d.delay.Load()); d > 0 {
		<-time.After(d)
	}
	return n, err
}

// Design §4: a server that takes longer than is waited for an answer is slow, not stuck: what it has stored is found, and
// nothing is stored twice.
func TestSlowerThanWaitedFor(t *testing.T) {
	g := newRig(t, Retention{}, false)
	d := &distant{Server: g.srv}
	nc, err := nats.Connect("", nats.InProcessServer(d))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, _ := jetstream.New(nc)
	st, err := js.Stream(t.Context(), "TG_UPDATES")
	if err != nil {
		t.Fatal(err)
	}
	near := g.store
	g.store = &Store{js: js, scheme: near.scheme, storage: near.storage, updates: st}
	l, _, _ := g.open(Options{AckWait: 60 * time.Millisecond})
	g.store = near
	d.delay.Store(int64(100 * time.Millisecond))
	l.Add(group(false, 1))
	l.Add(group(true, 2, 3, 4))
	l.Add(group(false, 5, 6))
	flush(t, l)
	if got := g.payloads(); got != "1 2 3 4 5 6" {
		t.Error(got)
	}
}
