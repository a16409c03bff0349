package erase

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// headerSource is where a message that was taken over from another stream stands there: its name, the sequence, and more.
const headerSource = "Nats-Stream-Source"

const (
	caughtTime  = 10 * time.Second      // how long a stream may take to have what another has
	caughtPause = 20 * time.Millisecond // before it is looked once more, and twice as long each time
)

// ErrBehind says that a stream has not taken over yet what another has.
var ErrBehind = errors.New("it has not taken over yet what is to be erased")

// Caught waits until a stream has taken over all that another has now of a filter: what was deleted there would come behind an erasure if it
// were on its way.
func Caught(ctx context.Context, js jetstream.JetStream, name, from, filter string) error {
	last, err := lastOf(ctx, js, from, filter)
	if err != nil || last == nil {
		return err
	}
	meta, err := last.Metadata()
	if err != nil {
		return err
	}
	until := time.Now().Add(caughtTime)
	for wait := caughtPause; ; wait *= 2 {
		at, err := takenOver(ctx, js, name, filter)
		if err != nil {
			return err
		}
		if at >= meta.Sequence.Stream {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s: %w", name, ErrBehind)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// takenOver is up to where a stream has another, by the last message that it has of it.
func takenOver(ctx context.Context, js jetstream.JetStream, name, filter string) (uint64, error) {
	m, err := lastOf(ctx, js, name, filter)
	if err != nil {
		return 0, err
	}
	if m != nil {
		_, rest, _ := strings.Cut(m.Headers().Get(headerSource), " ")
		digits, _, _ := strings.Cut(rest, " ")
		return strconv.ParseUint(digits, 10, 64)
	}
	st, err := js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	info := st.CachedInfo()
	lags := slices.ContainsFunc(info.Sources, func(s *jetstream.StreamSourceInfo) bool { return s.Lag > 0 })
	if info.State.LastSeq == 0 || lags {
		return 0, nil
	}
	return math.MaxUint64, nil // it has let go of all that it had
}

// lastOf is the last message of a stream that a filter takes; nil: there is none.
func lastOf(ctx context.Context, js jetstream.JetStream, name, filter string) (jetstream.Msg, error) {
	c, err := js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, InactiveThreshold: nextWait, DeliverPolicy: jetstream.DeliverLastPolicy,
	})
	if err != nil {
		return nil, err
	}
	defer js.DeleteConsumer(context.WithoutCancel(ctx), name, c.CachedInfo().Name) //nolint:errcheck // it passes away by itself as well
	if c.CachedInfo().NumPending == 0 {
		return nil, nil //nolint:nilnil // none is no error
	}
	return c.Next(jetstream.FetchMaxWait(nextWait))
}
