package reach

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/transport"
)

const defaultLimit = 10 * time.Second

// ErrNoAddress says that there is no address to go to.
var ErrNoAddress = errors.New("reach: no address of this data centre is known")

// DialFunc opens a connection as [net.Dialer.DialContext] does; network is "tcp".
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// DialContext is for those who want an interface.
func (f DialFunc) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return f(ctx, network, addr)
}

// Dial is DialContext without an end.
func (f DialFunc) Dial(network, addr string) (net.Conn, error) {
	return f(context.Background(), network, addr)
}

// Dialer goes ways. The zero value is ready for use.
type Dialer struct {
	// TCP opens the connections that everything else runs through. Nil: a [net.Dialer].
	TCP DialFunc

	// Framing is for ways that do not name one. The zero value is abridged and obfuscated.
	Framing Framing

	// Limit bounds an attempt to go one way. 0: 10 s.
	Limit time.Duration

	// Now is the time that MTProxies are told, the server's where that is known: they refuse clients whose clocks are some
	// minutes wrong (A24). Nil: time.Now.
	Now func() time.Time

	// Rand is a source of cryptographic randomness. Nil: that of crypto/rand.
	Rand io.Reader

	// TLS is for HTTP proxies and WebSockets that speak it. Nil: the defaults of crypto/tls.
	TLS *tls.Config
}

// Conn is a connection to a data centre, or to what passes everything on to it.
type Conn struct {
	net.Conn

	// To is the address that it leads to. A proxy that is told a data centre's number chooses one itself.
	To dc.Option

	// Framing is how packets have to be framed on it.
	Framing transport.ClientOptions
}

// Dial goes a way to a data centre. Options are its addresses, the best first; where the way lets us choose, they are raced
// (A35). Errors do not contain secrets.
func (d *Dialer) Dial(ctx context.Context, w Way, env dc.Environment, options []dc.Option) (*Conn, error) {
	if len(options) == 0 {
		return nil, ErrNoAddress
	}
	limit := d.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := trip{d: d, w: w, env: env, tcp: d.through(w.hops)}
	var attempts []attempt
	switch w.end.kind {
	case direct:
		for _, o := range interleave(spread(options)) {
			attempts = append(attempts, func(ctx context.Context) (*Conn, error) { return t.direct(ctx, o) })
		}
	case mtproxy:
		attempts = append(attempts, func(ctx context.Context) (*Conn, error) { return t.mtproxy(ctx, options[0]) })
	case socket:
		attempts = append(attempts, func(ctx context.Context) (*Conn, error) { return t.socket(ctx, options[0]) })
	}
	conn, err := race(ctx, attempts)
	if err != nil {
		return nil, fmt.Errorf("reach: %v: %w", w, err)
	}
	return conn, nil
}

func (d *Dialer) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

func (d *Dialer) rand() io.Reader {
	if d.Rand == nil {
		return rand.Reader
	}
	return d.Rand
}

// through is how to connect through proxies.
func (d *Dialer) through(hops []hop) DialFunc {
	dial := d.TCP
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	for _, h := range hops {
		switch h.kind {
		case socks5:
			dial = h.socks(dial)
		default:
			dial = h.connect(dial, d.TLS)
		}
	}
	return dial
}

// Ports that data centres listen on (A30).
var ports = []int{443, 80, 5222}

// spread adds the other ports of the addresses that are on one of the usual ones, unless that is forbidden (A30).
func spread(options []dc.Option) []dc.Option {
	all := options[:len(options):len(options)]
	for _, port := range ports {
		for _, o := range options {
			if !o.ThisPortOnly && usual(o.Addr) {
				host, _, _ := net.SplitHostPort(o.Addr)
				o.Addr = net.JoinHostPort(host, strconv.Itoa(port))
				all = addNew(all, o)
			}
		}
	}
	return all
}

// interleave takes the families of addresses in turns, each in its order, so that the few that are raced at once hold both: a
// host may have but one of them, and not that of the first.
func interleave(options []dc.Option) []dc.Option {
	var queues [2][]dc.Option // of the family of the first, and of the other
	for _, o := range options {
		other := 0
		if o.IPv6 != options[0].IPv6 {
			other = 1
		}
		queues[other] = append(queues[other], o)
	}
	all := make([]dc.Option, 0, len(options))
	for i := range options {
		for _, q := range queues {
			if i < len(q) {
				all = append(all, q[i])
			}
		}
	}
	return all
}

func usual(addr string) bool {
	_, text, _ := net.SplitHostPort(addr)
	for _, p := range ports {
		if text == strconv.Itoa(p) {
			return true
		}
	}
	return false
}

func addNew(all []dc.Option, o dc.Option) []dc.Option {
	for _, have := range all {
		if have.Addr == o.Addr {
			return all
		}
	}
	return append(all, o)
}

// trip is a way to one data centre.
type trip struct {
	d   *Dialer
	w   Way
	env dc.Environment
	tcp DialFunc
}

// direct connects to an address of Telegram. It may have a secret like that of a proxy (A21).
func (t *trip) direct(ctx context.Context, to dc.Option) (*Conn, error) {
	s, err := transport.SplitSecret(to.Secret)
	if err != nil {
		return nil, err
	}
	return t.dial(ctx, to.Addr, to, s)
}

func (t *trip) mtproxy(ctx context.Context, to dc.Option) (*Conn, error) {
	return t.dial(ctx, t.w.end.addr, to, t.w.end.secret)
}

func (t *trip) dial(ctx context.Context, addr string, to dc.Option, s transport.Secret) (*Conn, error) {
	conn, err := t.tcp(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if s.Domain != "" {
		if conn, err = t.fakeTLS(ctx, conn, s); err != nil {
			return nil, err
		}
	}
	return &Conn{Conn: conn, To: to, Framing: t.framing(to, s, false)}, nil
}

// framing is how to frame: as the way or else the dialer says, within what the secret, the address and the way of
// connecting demand.
func (t *trip) framing(to dc.Option, s transport.Secret, obfuscated bool) transport.ClientOptions {
	f := t.d.Framing
	if t.w.framing != nil {
		f = *t.w.framing
	}
	obfuscated = obfuscated || to.TCPObfuscatedOnly || len(s.Key) > 0 // A16, A18, A29, D5
	if f.Kind == transport.Full && obfuscated {
		f.Kind = transport.Intermediate
	}
	return transport.ClientOptions{
		Kind: f.Kind, Obfuscated: obfuscated || !f.Plain && f.Kind != transport.Full, Secret: s.Inner(),
		DC: int16(t.env.WireID(to)), Rand: t.d.rand(),
	}
}

// guard runs f, which uses conn, and breaks it off when ctx ends.
func guard(ctx context.Context, conn net.Conn, f func() error) error {
	past := time.Unix(1, 0)
	broken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past); close(broken) })
	err := f()
	if stop() {
		return err
	}
	<-broken
	return errors.Join(ctx.Err(), err)
}
