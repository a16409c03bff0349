package embeddedtest

import (
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Cluster is the JetStream of three servers, by a connection to one of them.
func Cluster(t testing.TB) jetstream.JetStream {
	t.Helper()
	var routes []*url.URL
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: l.Addr().String()})
		_ = l.Close()
	}
	var one *server.Server
	for i, r := range routes {
		port := 0
		if _, err := fmt.Sscanf(r.Port(), "%d", &port); err != nil {
			t.Fatal(err)
		}
		one = Serve(t, &server.Options{
			ServerName: fmt.Sprint("s", i), Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), Routes: routes,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port},
		})
	}
	js, err := jetstream.New(Connect(t, one, nats.Timeout(10*time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // until they have a leader
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ready", Subjects: []string{"ready"}, Replicas: 3})
		if err == nil {
			return js
		}
		if time.Since(begun) > time.Minute {
			t.Fatal(err)
		}
	}
}
