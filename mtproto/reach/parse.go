package reach

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/mtproto/transport"
)

// Parse reads a way:
//
//	direct
//	socks5://user:password@host:port        also tg://socks?server=..&port=..&user=..&pass=..
//	http://user:password@host:port          CONNECT; https:// for a proxy that speaks TLS
//	mtproxy://secret@host:port              also tg://proxy?server=..&port=..&secret=..
//	wss                                     Telegram's WebSockets
//	wss://host/path, ws://host/path         another's; {dc} and {name} stand for the data centre
//
// The links may be those of https://t.me and https://telegram.me too. After the scheme may follow how packets are framed:
// +abridged, +intermediate, +padded or +full, and +plain for no obfuscation, as in direct+padded or socks5+full://...
// Ways through several proxies are joined by |, the nearest first: socks5://127.0.0.1:1080|wss. An error never contains
// what was parsed, since that may hold a password at a place where none was looked for.
func Parse(text string) (Way, error) {
	var w Way
	parts := strings.Split(strings.TrimSpace(text), "|")
	for i, part := range parts {
		last := i == len(parts)-1
		if err := w.add(strings.TrimSpace(part), last); err != nil {
			return Way{}, fmt.Errorf("reach: %w", err)
		}
	}
	return w, nil
}

// ParseAll reads several ways; an error says which of them is wrong, counted from 1.
func ParseAll(texts []string) ([]Way, error) {
	var ways []Way
	for i, text := range texts {
		w, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("way %d: %w", i+1, err)
		}
		ways = append(ways, w)
	}
	return ways, nil
}

var (
	errWay   = errors.New("want direct, socks5://host:port, http://host:port, mtproxy://secret@host:port, tg://proxy?..., wss or ws://host/path")
	errAddr  = errors.New("want host:port after the scheme, and nothing behind it")
	errOrder = errors.New("only SOCKS5 and HTTP proxies can lead to another one")
	errLink  = errors.New("a link to a proxy has server, port and secret, or user and pass")
)

// add takes one part of a way.
func (w *Way) add(part string, last bool) error {
	scheme, rest, colon := strings.Cut(part, ":")
	if colon && rest == "" {
		return errWay
	}
	scheme, options, framed := strings.Cut(strings.ToLower(scheme), "+")
	if framed {
		f, err := parseFraming(options)
		if err != nil {
			return err
		}
		if !last {
			return errors.New("the framing belongs to the last part of a way")
		}
		w.framing = &f
	}
	if link, ok := readProxyLink(scheme, rest); ok {
		return w.addLink(link, last)
	}
	if kind := slices.Index(hopSchemes[:], strings.TrimSuffix(scheme, "h")); kind >= 0 { // socks5h: curl's name for it
		return w.addHop(hopKind(kind), rest)
	}
	if !last {
		return errOrder
	}
	return w.addEnd(scheme, rest)
}

func parseFraming(options string) (f Framing, err error) {
	f.Kind = -1
	for o := range strings.SplitSeq(options, "+") {
		kind, ok := framingNames[o]
		switch {
		case o == "plain" && !f.Plain:
			f.Plain = true
		case ok && f.Kind < 0:
			f.Kind = kind
		default:
			return f, errors.New("want a framing: abridged, intermediate, padded or full, and perhaps plain")
		}
	}
	f.Kind = max(f.Kind, transport.Abridged)
	return f, nil
}

// parseURL reads what follows a scheme. Errors of package url hold the text, and so are left out.
func parseURL(rest string) (*url.URL, error) {
	u, err := url.Parse("x:" + rest)
	if err != nil || checkAddr(u.Host) != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errAddr
	}
	return u, nil
}

func checkAddr(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 || !isHost(host) {
		return errAddr
	}
	return nil
}

// isHost: an IP address without a zone, or letters, digits, dots, dashes and underscores.
func isHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == ""
	}
	const rest = ".-_0123456789"
	for _, c := range host {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune(rest, c) {
			return false
		}
	}
	return host != ""
}

func (w *Way) addHop(kind hopKind, rest string) error {
	u, err := parseURL(rest)
	if err != nil {
		return err
	}
	h := hop{kind: kind, addr: u.Host, user: u.User.Username()}
	h.password, _ = u.User.Password()
	return w.addChecked(h)
}

// addChecked adds a proxy whose protocol can express its user (RFC 1929, RFC 7617).
func (w *Way) addChecked(h hop) error {
	switch {
	case h.user == "" && h.password != "":
		return errors.New("a password without a user")
	case h.kind == socks5 && (len(h.user) > 255 || len(h.password) > 255):
		return errors.New("user and password of a SOCKS5 proxy have at most 255 bytes")
	case h.kind != socks5 && strings.Contains(h.user, ":"):
		return errors.New("the user of an HTTP proxy contains a colon")
	}
	w.hops = append(w.hops, h)
	return nil
}

func (w *Way) addEnd(scheme, rest string) error {
	switch {
	case scheme == "direct" && rest == "":
		return nil
	case scheme == "wss" && rest == "":
		w.end = end{kind: socket}
		return nil
	case scheme == "wss" || scheme == "ws":
		return w.addSocket(scheme + ":" + rest)
	case scheme == "mtproxy":
		u, err := parseURL(rest)
		if err != nil {
			return err
		}
		if _, is := u.User.Password(); is {
			return errors.New("want mtproxy://secret@host:port")
		}
		return w.addMTProxy(u.Host, u.User.Username())
	}
	return errWay
}

// addSocket takes the address of a WebSocket, which has to be one with its placeholders filled in.
func (w *Way) addSocket(text string) error {
	u, err := url.Parse(fillIn(text, 1, "pluto"))
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("want ws://host/path or wss://host/path, where {dc} and {name} stand for the data centre")
	}
	w.end = end{kind: socket, url: text}
	return nil
}

func (w *Way) addMTProxy(addr, secret string) error {
	raw, err := transport.ParseSecret(secret)
	if err != nil {
		return err
	}
	s, err := transport.SplitSecret(raw)
	if err != nil {
		return err
	}
	w.end = end{kind: mtproxy, addr: addr, secret: s}
	return nil
}

// proxyLink is what Telegram's links to proxies say.
type proxyLink struct {
	socks bool
	query string
}

// readProxyLink recognizes tg://proxy?..., tg:proxy?..., https://t.me/proxy?..., and the same with socks.
func readProxyLink(scheme, rest string) (proxyLink, bool) {
	rest = strings.TrimPrefix(rest, "//")
	switch scheme {
	case "tg":
	case "http", "https":
		host, path, _ := strings.Cut(rest, "/")
		switch strings.TrimPrefix(strings.ToLower(host), "www.") {
		case "t.me", "telegram.me", "telegram.dog":
			rest = path
		default:
			return proxyLink{}, false
		}
	default:
		return proxyLink{}, false
	}
	kind, query, ok := strings.Cut(rest, "?")
	kind = strings.ToLower(strings.TrimSuffix(kind, "/"))
	return proxyLink{socks: kind == "socks", query: query}, ok && (kind == "socks" || kind == "proxy")
}

func (w *Way) addLink(l proxyLink, last bool) error {
	query, _, _ := strings.Cut(l.query, "#")
	// A + in a secret is one of base64, not a space.
	q, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B"))
	if err != nil {
		return errLink
	}
	for key, values := range q { // Telegram's own apps tell capitals apart in what a link says alone
		if low := strings.ToLower(key); !q.Has(low) {
			q[low] = values
		}
	}
	addr := net.JoinHostPort(strings.Trim(q.Get("server"), "[]"), q.Get("port"))
	if checkAddr(addr) != nil {
		return errLink
	}
	if l.socks {
		return w.addChecked(hop{kind: socks5, addr: addr, user: q.Get("user"), password: q.Get("pass")})
	}
	if !last {
		return errOrder
	}
	return w.addMTProxy(addr, q.Get("secret"))
}
