package mtproto

import (
	"slices"
	"testing"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/reach"
)

// A32, D1: initConnection names the MTProxy of the way that the query goes, and no other proxy.
func TestMTProxyIsAnnounced(t *testing.T) {
	ways, err := reach.ParseAll([]string{"mtproxy://00112233445566778899aabbccddeeff@[2001:db8::1]:443", "socks5://u:p@h:1", "direct"})
	if err != nil {
		t.Fatal(err)
	}
	schema := mttest.NewServer(t).Schema()
	c, err := New(Options{Schema: schema, API: API{ID: 1}, Env: dc.Production(), Ways: ways})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"2001:db8::1", "", ""} {
		v, err := schema.View(c.encoded.inits[i])
		if err != nil {
			t.Fatal(err)
		}
		init, _ := v.Object("query")
		proxy, ok := init.Object("proxy")
		if ok != (want != "") || ok && (proxy.Str("address") != want || proxy.Int("port") != 443) {
			t.Errorf("%v: %v, %q", ways[i], ok, proxy.Str("address"))
		}
	}
	if sameProxy(c.ways, 0, 1) || !sameProxy(c.ways, 1, 2) || !sameProxy(c.ways, 0, 0) {
		t.Error("ways are told apart by more or less than their MTProxies")
	}
}

// D5, A30
func TestAddresses(t *testing.T) {
	c := &Client{o: Options{Env: dc.Environment{Options: []dc.Option{{ID: 2, Addr: "built-in:1"}, {ID: 2, Addr: "a:1"}}}}}
	c.store.state.Config = ServerConfig{Options: []dc.Option{{ID: 2, Addr: "a:1"}, {ID: 3, Addr: "c:1"}, {ID: 2, Addr: "6:1", IPv6: true}}}
	list := func(failures int) (s []string) {
		for _, o := range rotate(forCalls.addresses(c, 2), failures) {
			s = append(s, o.Addr)
		}
		return s
	}
	for failures, want := range map[int][]string{
		0: {"a:1", "built-in:1", "6:1"}, 1: {"built-in:1", "6:1", "a:1"}, 5: {"6:1", "a:1", "built-in:1"},
	} {
		if got := list(failures); !slices.Equal(got, want) {
			t.Errorf("after %d failures %v, want %v", failures, got, want)
		}
	}
	c.store.state.Config.ForceTryIPv6 = true
	if got := list(0); got[0] != "6:1" {
		t.Errorf("force_try_ipv6: %v", got)
	}
}
