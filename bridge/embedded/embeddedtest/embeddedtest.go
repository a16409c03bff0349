// Package embeddedtest starts NATS servers for tests, and connects to them. All of it ends with the test, which fails where something
// cannot be started.
package embeddedtest

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded"
)

// Start starts a server with JetStream that does not wait for its disk.
func Start(t testing.TB, change ...func(*embedded.Config)) *embedded.Server {
	t.Helper()
	c := embedded.Config{Dir: t.TempDir(), NoSync: true}
	for _, ch := range change {
		ch(&c)
	}
	srv, err := embedded.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// Connect connects to a server within the process.
func Connect(t testing.TB, srv nats.InProcessConnProvider, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("", append(options, nats.InProcessServer(srv))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// JetStream is that of a connection to a server of its own.
func JetStream(t testing.TB) (jetstream.JetStream, *nats.Conn) {
	t.Helper()
	nc := Connect(t, Start(t))
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js, nc
}
