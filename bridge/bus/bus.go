// Package bus makes connections to NATS: to the operator's servers by the names that the nats CLI knows, to the server inside
// this process, or to the one that a running daemon of the same state folder has.
package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/net/proxy"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/settings"
)

// ErrNotRunning says that NATS would be embedded, and no daemon runs one.
var ErrNotRunning = errors.New("no NATS server: start `natsgram serve`, or set NATS_URL or NATS_CONTEXT")

// Connect reaches NATS for a command: the external server, else the one of the daemon of this state folder, else whatever answers
// on the usual port without asking who we are, as the demo does.
func Connect(s settings.Settings, name string, more ...nats.Option) (*nats.Conn, error) {
	if s.External() {
		return External(s.NATS, name, more...)
	}
	nc, err := Local(s, name, more...)
	if s.Port <= 0 || !errors.Is(err, ErrNotRunning) {
		return nc, err
	}
	where := "nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	nc, err = nats.Connect(where, append(common(s.NATS, name), more...)...)
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return nil, fmt.Errorf("the NATS server at %s asks who we are, and is not of the state folder %s: set NATSGRAM_STATE_DIR to its daemon's, or NATS_URL or NATS_CONTEXT", where, s.StateDir)
	case err != nil:
		return nil, ErrNotRunning
	}
	return nc, nil
}

// Local reaches the server of the daemon that runs on this state folder, as the user whose password is kept there, and no other.
func Local(s settings.Settings, name string, more ...nats.Option) (*nats.Conn, error) {
	where := embedded.Running(s.StateDir)
	if where == "" {
		return nil, ErrNotRunning
	}
	options, err := target{NATS: s.NATS}.options(name)
	if err != nil {
		return nil, err
	}
	if !s.SignsIn() {
		user, err := embedded.UserOf(s.StateDir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the demo has none
			return nil, err
		}
		if user.Name != "" {
			options = append(options, nats.UserInfo(user.Name, user.Password))
		}
	}
	nc, err := nats.Connect(where, append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to the daemon's NATS server at %s: %w", where, err)
	}
	return nc, nil
}

// InProcess is a connection to a server in this process.
func InProcess(srv *embedded.Server, n settings.NATS, name string) (*nats.Conn, error) {
	options := common(n, name)
	if own := srv.SignIn(); own.Name != "" {
		options = append(options, nats.UserInfo(own.Name, own.Password))
	} else if n.SignsIn() {
		var err error
		if options, err = (target{NATS: n}).options(name); err != nil {
			return nil, err
		}
	}
	nc, err := nats.Connect("", append(options, nats.InProcessServer(srv))...)
	if own := srv.SignIn(); err != nil && own.Name == "" && n.SignsIn() { // it hangs up before its refusal can be read
		err = fmt.Errorf("%w (%w: is its user the right one?)", nats.ErrAuthorization, err)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to the NATS server inside: %w", err)
	}
	return nc, nil
}

// Account is the NATS account that a connection is in.
func Account(nc *nats.Conn) (string, error) {
	reply, err := nc.Request("$SYS.REQ.USER.INFO", nil, nc.Opts.Timeout)
	if err != nil {
		return "", fmt.Errorf("asking NATS for the account: %w", err)
	}
	var info struct{ Data struct{ Account string } }
	if err := json.Unmarshal(reply.Data, &info); err != nil || info.Data.Account == "" {
		return "", errors.New("NATS does not say which account this is")
	}
	return info.Data.Account, nil
}

// External reaches the operator's servers.
func External(n settings.NATS, name string, more ...nats.Option) (*nats.Conn, error) {
	t, err := resolve(n)
	if err != nil {
		return nil, err
	}
	options, err := t.options(name)
	if err != nil {
		return nil, err
	}
	where := t.URL
	if where == "" {
		where = nats.DefaultURL
	}
	nc, err := nats.Connect(where, append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS at %s: %w", settings.Redacted(where), quiet(err))
	}
	return nc, nil
}

// JetStream is JetStream as the settings, else their context, say that it is reached: in a domain, by an API prefix. All that
// natsgram has in streams, buckets and object stores goes by it.
func JetStream(nc *nats.Conn, n settings.NATS) (jetstream.JetStream, error) {
	t, err := resolve(n)
	if err != nil {
		return nil, err
	}
	wait := jetstream.WithDefaultTimeout(max(n.Wait, time.Second))
	switch {
	case t.Domain != "":
		return jetstream.NewWithDomain(nc, t.Domain, wait)
	case t.APIPrefix != "":
		return jetstream.NewWithAPIPrefix(nc, t.APIPrefix, wait)
	}
	return jetstream.New(nc, wait)
}

// errNoAddress stands for what net/url says of an address, which quotes it with its password.
var errNoAddress = errors.New("not an address such as nats://host:4222 (in a user's name or password / is %2F, % is %25, @ is %40)")

// quiet is an error of connecting without what the address holds.
func quiet(err error) error {
	if errors.As(err, new(*url.Error)) {
		return errNoAddress
	}
	return err
}

// options are how to connect and to sign in.
func (t target) options(name string) ([]nats.Option, error) {
	options := common(t.NATS, name)
	if t.NKey != "" {
		o, err := nats.NkeyOptionFromSeed(t.NKey)
		if err != nil {
			return nil, fmt.Errorf("NATS_NKEY: %w", err)
		}
		options = append(options, o)
	}
	if t.Socks != "" {
		o, err := socks(t.Socks)
		if err != nil {
			return nil, err
		}
		options = append(options, o)
	}
	return append(append(options, t.credentials()...), t.tls()...), nil
}

// flushTime is how long one write to a server may take. A server that is frozen while its socket is full would else hold the
// connection's lock for the library's minute, and with it everything that wants to say something.
const flushTime = 2 * time.Second

func common(n settings.NATS, name string) []nats.Option {
	wait := n.Wait
	if wait <= 0 {
		wait = 5 * time.Second
	}
	options := []nats.Option{
		nats.Name(name),
		nats.Timeout(wait),
		nats.MaxReconnects(-1),      // a daemon outlives its servers' restarts,
		nats.IgnoreAuthErrorAbort(), // and a change of its user there
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.PingInterval(20 * time.Second),
		nats.FlusherTimeout(flushTime),
		nats.NoCallbacksAfterClientClose(),
	}
	if n.Inbox != "" {
		options = append(options, nats.CustomInboxPrefix(n.Inbox))
	}
	return options
}

// credentials are the ways to sign in that cannot fail before connecting.
func (t target) credentials() (options []nats.Option) {
	switch {
	case t.User != "" && t.Password == "" && !t.name:
		options = append(options, nats.Token(t.User)) // as the nats CLI takes it
	case t.User != "":
		options = append(options, nats.UserInfo(t.User, t.Password))
	}
	if t.Token != "" {
		options = append(options, nats.Token(t.Token))
	}
	if t.Creds != "" {
		options = append(options, nats.UserCredentials(t.Creds))
	}
	if t.JWT != "" {
		options = append(options, nats.UserCredentials(t.JWT, t.Seed))
	}
	if t.userJWT != "" {
		options = append(options, nats.UserJWTAndSeed(t.userJWT, t.userSeed))
	}
	return options
}

func (t target) tls() (options []nats.Option) {
	if t.Cert != "" && t.Key != "" {
		options = append(options, nats.ClientCert(t.Cert, t.Key))
	}
	if t.CA != "" {
		options = append(options, nats.RootCAs(t.CA))
	}
	if t.tlsFirst {
		options = append(options, nats.TLSHandshakeFirst())
	}
	return options
}

func socks(where string) (nats.Option, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, errors.New("NATS_SOCKS_PROXY: want socks5://host:port")
	}
	d, err := proxy.FromURL(u, proxy.Direct)
	if err != nil {
		return nil, fmt.Errorf("NATS_SOCKS_PROXY: %w", err)
	}
	return nats.SetCustomDialer(d), nil
}
