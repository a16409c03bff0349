package bus

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/settings"
)

var backoff = retry.Backoff{Min: 250 * time.Millisecond, Max: 5 * time.Second}

const sayEvery = 30 * time.Second

// Await is [External] for a daemon, which may be started before its servers are: while nobody answers there it tries again,
// and says so on the log, until ctx ends. What waiting does not mend is an error at once: refused credentials, a URL that is
// none, a certificate that nobody signed.
func Await(ctx context.Context, n settings.NATS, name string, log *slog.Logger) (*nats.Conn, error) {
	var nc *nats.Conn
	err := Patiently(ctx, log, "NATS does not answer; trying again", func() (err error) {
		nc, err = External(n, name)
		return err
	})
	return nc, err
}

// Patiently does something again and again while it fails for reasons that pass (see [Passing]): the error is another one, or
// the end of ctx with the last one.
func Patiently(ctx context.Context, log *slog.Logger, what string, do func() error) error {
	said := time.Time{}
	return retry.Do(ctx, backoff, func(context.Context) (again bool, err error) {
		if err = do(); err == nil || !Passing(err) {
			return false, err
		}
		if now := time.Now(); ctx.Err() == nil && now.Sub(said) >= sayEvery {
			said = now
			log.Warn(what, "err", err)
		}
		return true, err
	})
}

const (
	unavailable = 503   // the status of JetStream's errors that say: not now
	noPeers     = 10005 // not enough servers of the cluster are there for all copies
)

// Passing reports whether an error of NATS is one that waiting mends: nobody there, no answer, no leader yet.
func Passing(err error) bool {
	var api *jetstream.APIError
	var op *net.OpError
	switch {
	case errors.As(err, new(*url.Error)), errors.As(err, new(*net.AddrError)), errors.As(err, &op) && op.Op == "remote error":
		return false // no address; or the server refused our certificate
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return false
	case errors.As(err, &api):
		return api.Code == unavailable || api.ErrorCode == noPeers
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrNoInfoReceived), errors.Is(err, nats.ErrStaleConnection), errors.Is(err, io.EOF),
		errors.Is(err, context.DeadlineExceeded):
		return true
	}
	return op != nil || errors.As(err, new(*net.DNSError))
}
