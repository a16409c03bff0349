package mtproto

import (
	"slices"
	"testing"

	"github.com/natsgram/natsgram/mtproto/dc"
)

// D5, A30
func TestAddresses(t *testing.T) {
	c := &Client{o: Options{Env: dc.Environment{Options: []dc.Option{{ID: 2, Addr: "built-in:1"}, {ID: 2, Addr: "a:1"}}}}}
	c.state.Config = Config{Options: []dc.Option{{ID: 2, Addr: "a:1"}, {ID: 3, Addr: "c:1"}, {ID: 2, Addr: "6:1", IPv6: true}}}
	list := func(failures int) (s []string) {
		for _, o := range c.addresses(2, failures) {
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
	c.state.Config.ForceTryIPv6 = true
	if got := list(0); got[0] != "6:1" {
		t.Errorf("force_try_ipv6: %v", got)
	}
}
