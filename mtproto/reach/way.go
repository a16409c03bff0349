// Package reach knows the ways to Telegram: direct, through SOCKS5 and HTTP proxies, through MTProxies of all kinds, and
// over WebSocket. A [Way] is written as people know it from links and settings, [Parse] reads it, and a [Dialer] goes it.
// Where several ways are configured, a [Chooser] says which to try first.
//
// Numbers in comments (A20, A32 ...) name the items of the MTProto checklist that a rule comes from.
package reach

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/mtproto/transport"
)

// Way is one way to Telegram. The zero Way is the direct one. It prints without passwords and secrets.
type Way struct {
	hops    []hop // proxies that carry any connection, the nearest first (A32)
	end     end
	framing *Framing
}

// Framing is how packets are framed.
type Framing struct {
	Kind transport.Kind

	// Plain leaves the framing visible. The full framing always is, since it cannot be obfuscated (A16).
	Plain bool
}

// hopKind is a protocol by which a proxy is told where to connect to.
type hopKind int

const (
	socks5 hopKind = iota
	connect
	connectTLS // the same over TLS
)

// hop is a proxy that carries any connection.
type hop struct {
	kind           hopKind
	addr           string // host:port
	user, password string
}

var hopSchemes = [...]string{socks5: "socks5", connect: "http", connectTLS: "https"}

func (h hop) String() string {
	if h.user != "" || h.password != "" {
		return hopSchemes[h.kind] + "://***@" + h.addr
	}
	return hopSchemes[h.kind] + "://" + h.addr
}

// endKind is how Telegram is spoken to at the end of a way.
type endKind int

const (
	direct  endKind = iota
	mtproxy         // a proxy that knows MTProto, which connects to the data centre that it is told (A18)
	socket          // a WebSocket (A29)
)

type end struct {
	kind   endKind
	addr   string // of an MTProxy: host:port
	secret transport.Secret
	url    string // of a WebSocket, with {name} and {dc}; empty: Telegram's own
}

func (e end) String() string {
	switch {
	case e.kind == mtproxy:
		return "mtproxy://***@" + e.addr
	case e.kind == socket && e.url != "":
		return e.url
	case e.kind == socket:
		return "wss"
	}
	return "direct"
}

// String is the way in the notation of [Parse], with *** for users, passwords and secrets.
func (w Way) String() string {
	var parts []string
	for _, h := range w.hops {
		parts = append(parts, h.String())
	}
	if w.end.kind != direct || len(w.hops) == 0 {
		parts = append(parts, w.end.String())
	}
	if w.framing != nil {
		last := &parts[len(parts)-1]
		scheme, rest, _ := strings.Cut(*last, ":")
		*last = scheme + w.framing.suffix() + strings.TrimSuffix(":"+rest, ":")
	}
	return strings.Join(parts, "|")
}

// Format prints [Way.String] for every verb, so that no log can leak a password.
func (w Way) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, w.String()) }

// LogValue is [Way.String].
func (w Way) LogValue() slog.Value { return slog.StringValue(w.String()) }

// MTProxy is the address of the MTProxy at the end of the way, which initConnection has to name to the API as
// inputClientProxy (A32, D1).
func (w Way) MTProxy() (host string, port int, ok bool) {
	if w.end.kind != mtproxy {
		return "", 0, false
	}
	host, text, err := net.SplitHostPort(w.end.addr)
	port, perr := strconv.Atoi(text)
	return host, port, err == nil && perr == nil
}

var framingNames = map[string]transport.Kind{
	"abridged": transport.Abridged, "intermediate": transport.Intermediate, "padded": transport.Padded, "full": transport.Full,
}

// Ours reports whether Telegram sees an address of ours at the end of the way, not a proxy's.
func (w Way) Ours() bool { return len(w.hops) == 0 && w.end.kind != mtproxy }

func (f Framing) suffix() string {
	s := ""
	for name, kind := range framingNames {
		if kind == f.Kind {
			s = "+" + name
		}
	}
	if f.Plain {
		s += "+plain"
	}
	return s
}
