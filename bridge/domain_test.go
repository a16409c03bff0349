package bridge

import (
	"encoding/json"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// node is a nats-server with JetStream in a domain.
func node(t *testing.T, domain string, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{ServerName: domain, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true,
		JetStreamDomain: domain, StoreDir: t.TempDir()}
	change(o)
	return embeddedtest.Serve(t, o)
}

// hubAndLeaf are two servers with a JetStream each; what is asked of the leaf goes to the leaf's, unless the domain is named.
func hubAndLeaf(t *testing.T) (hub, leaf *server.Server) {
	t.Helper()
	hub = node(t, "hub", func(o *server.Options) { o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT })
	varz, err := hub.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	where := net.JoinHostPort("127.0.0.1", strconv.Itoa(varz.LeafNode.Port))
	leaf = node(t, "leaf", func(o *server.Options) {
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats", Host: where}}}}
	})
	for end, look := soon(t).Done(), time.Tick(time.Millisecond); leaf.NumLeafNodes() == 0; {
		select {
		case <-look:
		case <-end:
			t.Fatal("the leaf does not reach the hub")
		}
	}
	return hub, leaf
}

// stored lists the streams of a server, buckets and object stores among them.
func stored(t *testing.T, srv *server.Server) (names []string) {
	t.Helper()
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	for name := range js.StreamNames(soon(t)).Name() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Design §7: a daemon at a leaf node keeps all that it has in the domain that the context, or a setting, names.
func TestJetStreamDomain(t *testing.T) {
	hub, leaf := hubAndLeaf(t)
	file := filepath.Join(t.TempDir(), "hub.json")
	text, _ := json.Marshal(map[string]string{"url": leaf.ClientURL(), "jetstream_domain": "hub", "inbox_prefix": "_INBOX_.tg"})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Settings){
		"context":    func(s *Settings) { s.Context, s.Prefix = file, "one" },
		"setting":    func(s *Settings) { s.URL, s.Domain, s.Prefix = leaf.ClientURL(), "hub", "two" },
		"API prefix": func(s *Settings) { s.URL, s.APIPrefix, s.Prefix = leaf.ClientURL(), "$JS.hub.API", "three" },
	} {
		t.Run(name, func(t *testing.T) { keepsAllIn(t, hub, leaf, change) })
	}
}

func keepsAllIn(t *testing.T, hub, leaf *server.Server, change func(*Settings)) {
	t.Helper()
	_, d := newServed(t, change, func(s *Settings) { s.Secret = "sixteen characters" })
	scheme := d.s.Scheme()
	d.ask(scheme.RPC("main", "messages.sendMessage"), `{"peer":"me","message":"kept at the hub"}`)
	js, _ := jetstream.NewWithDomain(d.nc, "hub")
	c := client.New(d.nc, "main", client.Prefix(d.s.Prefix), client.JetStream(js))
	for u, err := range c.Updates(soon(t), client.UpdatesConfig{Start: client.StartAll()}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(u.Data()), "kept at the hub") {
			break
		}
	}
	d.ask(scheme.Ctl("_", "schema"), `{"format":"jsonschema"}`) // a large one: by the object store
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.start() // the session and the position are found again
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"UPDATES", "SESSIONS", "LEASES", "ACCOUNTS", "POSITIONS", "SCHEMA"} {
		if !slices.ContainsFunc(stored(t, hub), func(s string) bool { return strings.HasSuffix(s, scheme.StreamName(name)) }) {
			t.Errorf("the hub has no %s: %v", name, stored(t, hub))
		}
	}
	if got := stored(t, leaf); len(got) > 0 {
		t.Errorf("the leaf has %v", got)
	}
}
