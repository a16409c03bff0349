// Package embeddedtest starts NATS servers for tests, and connects to them. All of it ends with the test, which fails where something
// cannot be started.
package embeddedtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
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

// Serve starts a server of nats-server's own configuration.
func Serve(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	o.NoLog, o.NoSigs = true, true
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("no server")
	}
	return srv
}

// Configure starts a server by the text of a configuration file.
func Configure(t testing.TB, text string) *server.Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return Serve(t, o)
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
func JetStream(t testing.TB, change ...func(*embedded.Config)) (jetstream.JetStream, *nats.Conn) {
	t.Helper()
	nc := Connect(t, Start(t, change...))
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js, nc
}

// MaxPayload lets messages have that many bytes.
func MaxPayload(n int32) func(*embedded.Config) {
	return func(c *embedded.Config) { c.MaxPayload = n }
}
