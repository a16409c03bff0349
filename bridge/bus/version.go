package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The versions of nats-server that natsgram is tested with; JetStream's API level tells them apart, also where the server that we
// are connected to is a leaf node of another version. 0 is 2.10 and older: a record whose Nats-TTL is "never" ages out there, and
// with it the fence of an account that says nothing for a week. 1 is 2.11, which stores batches message by message.
const (
	levelLeast     = 1
	levelSupported = 2
	supported      = "2.12 to 2.15"
)

// CheckVersion says by an error that JetStream is too old to keep what is promised, by warn that nobody has tried natsgram with
// it.
func CheckVersion(ctx context.Context, nc *nats.Conn, js jetstream.JetStream) (warn string, err error) {
	info, err := js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return "", fmt.Errorf("natsgram keeps sessions and updates in JetStream, which this NATS account has not: %w", err)
	case err != nil:
		return "", fmt.Errorf("JetStream: %w", err)
	case info.API.Level < levelLeast:
		return "", fmt.Errorf("nats-server %s is too old for natsgram, which needs %s (JetStream API level %d, there is %d)",
			nc.ConnectedServerVersion(), supported, levelSupported, info.API.Level)
	case info.API.Level < levelSupported:
		return fmt.Sprintf("nats-server %s is not supported: natsgram is tested with %s", nc.ConnectedServerVersion(), supported), nil
	}
	return "", nil
}
