// Package dc describes a Telegram environment: which data centres there are, where they listen, and by which RSA keys
// they prove themselves. Telegram's production and test environments are built in; anything else, such as a Telegram in
// a box, is another [Environment] value.
//
// Numbers in comments (B4, D5 ...) name the items of the MTProto checklist that a rule comes from.
package dc

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/mtproto/crypto"
)

// testOffset is added to a data centre's number on the wire in the test environment (B6).
const testOffset = 10000

// MaxID bounds a data centre's number: with [testOffset] it has to fit the 16 bits that a proxy is told (A18).
const MaxID = 9999

// Option is one address of a data centre, as a dcOption of the API has it (D5).
type Option struct {
	// ID is the number of the data centre, from 1 on.
	ID int

	// Addr is "host:port".
	Addr string

	// IPv6 says that Addr is an IPv6 address.
	IPv6 bool `json:",omitempty"`

	// MediaOnly addresses take file traffic and nothing else.
	MediaOnly bool `json:",omitempty"`

	// CDN addresses belong to a content delivery node, which has keys of its own (D13).
	CDN bool `json:",omitempty"`

	// TCPObfuscatedOnly addresses want obfuscated framing.
	TCPObfuscatedOnly bool `json:",omitempty"`

	// Static is passed on as the API states it.
	Static bool `json:",omitempty"`

	// ThisPortOnly forbids to try other ports of the host (A30).
	ThisPortOnly bool `json:",omitempty"`

	// Secret obfuscates the connection to this address the way an MTProxy's does (A21).
	Secret []byte `json:",omitempty"`
}

// String is "2=149.154.167.50:443" with the flags after it; a secret is not shown.
func (o Option) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d=%s", o.ID, o.Addr)
	for _, f := range o.flags() {
		if *f.on {
			b.WriteString("," + f.name)
		}
	}
	return b.String()
}

type flag struct {
	name string
	on   *bool
}

func (o *Option) flags() []flag {
	return []flag{
		{"ipv6", &o.IPv6}, {"media", &o.MediaOnly}, {"cdn", &o.CDN},
		{"obfuscated", &o.TCPObfuscatedOnly}, {"static", &o.Static}, {"this_port", &o.ThisPortOnly},
	}
}

// ParseOption reads what [Option.String] writes: "2=149.154.167.50:443", flags after commas.
func ParseOption(s string) (Option, error) {
	head, rest, _ := strings.Cut(strings.TrimSpace(s), ",")
	id, addr, ok := strings.Cut(head, "=")
	n, err := strconv.Atoi(id)
	if !ok || err != nil {
		return Option{}, fmt.Errorf("dc: %q: want ID=HOST:PORT, such as 2=149.154.167.50:443", s)
	}
	o := Option{ID: n, Addr: addr}
	if host, _, err := net.SplitHostPort(addr); err == nil {
		o.IPv6 = strings.Contains(host, ":")
	}
	for name := range strings.SplitSeq(rest, ",") {
		if err := o.set(name); err != nil {
			return Option{}, err
		}
	}
	return o, o.check()
}

func (o *Option) set(name string) error {
	for _, f := range o.flags() {
		if f.name == name {
			*f.on = true
			return nil
		}
	}
	if name == "" {
		return nil
	}
	return fmt.Errorf("dc: unknown flag %q of a data centre's address", name)
}

func (o Option) check() error {
	if o.ID < 1 || o.ID > MaxID {
		return fmt.Errorf("dc: data centre %d, want 1 to %d", o.ID, MaxID)
	}
	host, port, err := net.SplitHostPort(o.Addr)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || host == "" || n == 0 {
		return fmt.Errorf("dc: data centre %d: address %q, want host:port", o.ID, o.Addr)
	}
	return nil
}

// Environment is a set of data centres that belong together. Treat it as immutable once in use.
type Environment struct {
	// Test tells the data centres, on the wire, that we mean the test environment (B6).
	Test bool

	// Options are the addresses to begin with; a client learns later ones from help.getConfig (D5).
	Options []Option

	// Keys are the RSA keys that a data centre may prove itself by (B3).
	Keys []crypto.PublicKey

	// Default is the data centre that a new account begins at, until it is told to move (D6).
	Default int
}

// Check reports what makes the environment unusable.
func (e Environment) Check() error {
	for _, o := range e.Options {
		if err := o.check(); err != nil {
			return err
		}
	}
	if len(e.Keys) == 0 {
		return fmt.Errorf("dc: no RSA key")
	}
	if len(Select(e.Options, e.Default, Want{})) == 0 {
		return fmt.Errorf("dc: no address of the default data centre %d", e.Default)
	}
	return nil
}

// WireID is how a data centre's number is written in a key exchange and for a proxy: 10000 more in the test
// environment, negative for a media address, but not of a CDN (B6, A18).
func (e Environment) WireID(o Option) int {
	id := o.ID
	if e.Test {
		id += testOffset
	}
	if o.MediaOnly && !o.CDN {
		id = -id
	}
	return id
}

// Want says what a connection is for.
type Want struct {
	Media      bool // file traffic: media addresses come first
	CDN        bool // CDN addresses alone
	PreferIPv6 bool // config.force_try_ipv6 (A30)
}

// Select picks the addresses that serve data centre id, the best first, without repetitions. Addresses of one rank keep
// their order.
func Select(options []Option, id int, w Want) []Option {
	var found []Option
	for _, o := range options {
		if o.ID != id || o.CDN != w.CDN || (o.MediaOnly && !w.Media) {
			continue
		}
		if !slices.ContainsFunc(found, o.sameWay) {
			found = append(found, o)
		}
	}
	slices.SortStableFunc(found, func(a, b Option) int { return w.rank(a) - w.rank(b) })
	return found
}

// sameWay reports whether two options lead to one place in one manner.
func (o Option) sameWay(p Option) bool { return o.Addr == p.Addr && bytes.Equal(o.Secret, p.Secret) }

func (w Want) rank(o Option) int {
	rank := 0
	if w.Media && !o.MediaOnly {
		rank += 2
	}
	if o.IPv6 != w.PreferIPv6 {
		rank++
	}
	return rank
}
