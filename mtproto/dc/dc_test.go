package dc

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// B4
func TestBuiltInEnvironments(t *testing.T) {
	for _, tc := range []struct {
		name        string
		env         Environment
		centres     int
		fingerprint uint64
	}{
		{"production", Production(), 5, 0xd09d1d85de64fd85},
		{"test", Test(), 3, 0xb25898df208d2603},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.env.Check(); err != nil {
				t.Fatal(err)
			}
			if got := uint64(tc.env.Keys[0].Fingerprint()); len(tc.env.Keys) != 1 || got != tc.fingerprint {
				t.Errorf("keys %v, want one %016x", tc.env.Keys, tc.fingerprint)
			}
			for id := 1; id <= tc.centres; id++ {
				checkCentre(t, tc.env, id)
			}
		})
	}
}

func checkCentre(t *testing.T, env Environment, id int) {
	t.Helper()
	found := Select(env.Options, id, Want{})
	if len(found) < 2 || found[0].IPv6 || !found[len(found)-1].IPv6 {
		t.Errorf("data centre %d: %v, want IPv4 first and IPv6 too", id, found)
	}
	for _, o := range found {
		a, err := netip.ParseAddrPort(o.Addr)
		if err != nil || a.Addr().Is6() != o.IPv6 || a.Port() != 443 {
			t.Errorf("%v: %v", o, err)
		}
	}
}

// B6, A18
func TestWireID(t *testing.T) {
	prod, test := Environment{}, Environment{Test: true}
	for _, tc := range []struct {
		env  Environment
		o    Option
		want int
	}{
		{prod, Option{ID: 2}, 2},
		{prod, Option{ID: 4, MediaOnly: true}, -4},
		{prod, Option{ID: 203, CDN: true, MediaOnly: true}, 203},
		{test, Option{ID: 2}, 10002},
		{test, Option{ID: 2, MediaOnly: true}, -10002},
	} {
		if got := tc.env.WireID(tc.o); got != tc.want {
			t.Errorf("test %v, %+v: %d, want %d", tc.env.Test, tc.o, got, tc.want)
		}
	}
}

// D5, A30
func TestSelect(t *testing.T) {
	options := []Option{
		{ID: 2, Addr: "[::1]:1", IPv6: true},
		{ID: 1, Addr: "other:1"},
		{ID: 2, Addr: "a:1"},
		{ID: 2, Addr: "m:1", MediaOnly: true},
		{ID: 2, Addr: "cdn:1", CDN: true},
		{ID: 2, Addr: "b:1"},
		{ID: 2, Addr: "a:1", Static: true},
		{ID: 2, Addr: "b:1", Secret: []byte("0123456789abcdef")},
	}
	for _, tc := range []struct {
		name string
		want Want
		addr string
	}{
		{"api", Want{}, "a:1 b:1 b:1 [::1]:1"},
		{"ipv6 first", Want{PreferIPv6: true}, "[::1]:1 a:1 b:1 b:1"},
		{"files", Want{Media: true}, "m:1 a:1 b:1 b:1 [::1]:1"},
		{"cdn", Want{CDN: true}, "cdn:1"},
	} {
		var got []string
		for _, o := range Select(options, 2, tc.want) {
			got = append(got, o.Addr)
		}
		if s := strings.Join(got, " "); s != tc.addr {
			t.Errorf("%s: %s, want %s", tc.name, s, tc.addr)
		}
	}
}

func TestParseOption(t *testing.T) {
	for _, s := range []string{
		"2=149.154.167.50:443", "1=localhost:1", "4=[::1]:443,ipv6,media", "203=h:5,cdn,obfuscated,static,this_port",
	} {
		if o, err := ParseOption(s); err != nil || o.String() != s {
			t.Errorf("%s: %v, %v", s, o, err)
		}
	}
	if o, err := ParseOption("5=[::1]:443"); err != nil || !o.IPv6 {
		t.Errorf("an IPv6 address is not seen to be one: %v %v", o, err)
	}
	for _, s := range []string{"", "2", "2=", "x=h:1", "2=h", "2=h:0", "2=h:70000", "0=h:1", "10000=h:1", "2=h:1,fast", "2=:1"} {
		if o, err := ParseOption(s); err == nil {
			t.Errorf("%q: %v, want an error", s, o)
		}
	}
}

func TestOptionHidesSecret(t *testing.T) {
	o := Option{ID: 2, Addr: "h:1", Secret: []byte("0123456789abcdef")}
	if s := o.String(); strings.Contains(s, "012345") {
		t.Error(s)
	}
}

func TestCheck(t *testing.T) {
	good := Production()
	for name, spoil := range map[string]func(*Environment){
		"no key":           func(e *Environment) { e.Keys = nil },
		"no default":       func(e *Environment) { e.Default = 9 },
		"bad address":      func(e *Environment) { e.Options[0].Addr = "149.154.175.53" },
		"bad number":       func(e *Environment) { e.Options[0].ID = -1 },
		"only media there": func(e *Environment) { e.Options = []Option{{ID: 2, Addr: "h:1", MediaOnly: true}} },
	} {
		env := good
		env.Options = slices.Clone(good.Options)
		spoil(&env)
		if env.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParseOption(f *testing.F) {
	f.Add("4=[::1]:443,ipv6,media")
	f.Add("2=h:1")
	f.Fuzz(func(t *testing.T, s string) {
		o, err := ParseOption(s)
		if err != nil {
			return
		}
		if _, _, err := net.SplitHostPort(o.Addr); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if again, err := ParseOption(o.String()); err != nil || again.String() != o.String() {
			t.Errorf("%q: %v, then %v: %v", s, o, again, err)
		}
	})
}
