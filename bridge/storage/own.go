package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// A stream of an account's own holds that account's updates and no others, taken over from the stream of all by the server, once
// and in order. JetStream's API subjects carry a stream's name and not a filter: so here, and only here, a user of NATS can be
// permitted consumers of any name.

// metaAccount is the metadata of such a stream that says whose it is.
const metaAccount = "natsgram-account"

// ownConsumers is how many consumers such a stream may have: whoever reads it may make them, and each costs the server something.
const ownConsumers = 256

// OwnLimits are how much such a stream keeps. The zero value: as long as the stream of all, any size.
type OwnLimits struct {
	MaxAge   time.Duration
	MaxBytes int64
}

// AddOwn makes an account's own stream.
func AddOwn(ctx context.Context, js jetstream.JetStream, scheme subjects.Scheme, account string, l OwnLimits) (*jetstream.StreamInfo, error) {
	if err := subjects.CheckAccount(account); err != nil {
		return nil, err
	}
	all := scheme.StreamName(Updates)
	from, err := js.Stream(ctx, all)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("there is no stream %s yet: natsgram makes it when it is started", all)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", all, err)
	}
	c, err := ownConfig(from.CachedInfo().Config, scheme, account, l)
	if err != nil {
		return nil, err
	}
	st, err := Create(ctx, js, c)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", c.Name, err)
	}
	return st.CachedInfo(), nil
}

// ownConfig keeps no shorter than the stream of all does: a server that finds the one empty on its start would take over once
// more what the other still has.
func ownConfig(all jetstream.StreamConfig, scheme subjects.Scheme, account string, l OwnLimits) (c jetstream.StreamConfig, err error) {
	age := all.MaxAge
	if l.MaxAge > 0 && age > 0 {
		age = max(l.MaxAge, age)
	}
	switch {
	case l.MaxAge > 0 && l.MaxAge != age:
		return c, fmt.Errorf("%s keeps updates for %s: a stream that kept them for a shorter time (%s) could take them over again", all.Name, span(all.MaxAge), l.MaxAge)
	case l.MaxBytes < 0:
		return c, fmt.Errorf("%d bytes: want 1 or more, or 0 for no limit", l.MaxBytes)
	case l.MaxBytes == 0:
		l.MaxBytes = -1
	}
	return jetstream.StreamConfig{
		Name: scheme.OwnStream(account), Description: "natsgram: the updates of " + account + " alone",
		Metadata: map[string]string{metaAccount: account},
		Sources:  []*jetstream.StreamSource{{Name: all.Name, FilterSubject: scheme.Updates(account)}},
		Storage:  jetstream.FileStorage, Replicas: all.Replicas, Placement: all.Placement, MaxAge: age, MaxBytes: l.MaxBytes, AllowDirect: true,
		MaxConsumers: ownConsumers,
	}, nil
}

func span(d time.Duration) string {
	if d == 0 {
		return "ever"
	}
	return d.String()
}

// OwnOf is the name of an account's own stream; empty: it has none.
func OwnOf(ctx context.Context, js jetstream.JetStream, scheme subjects.Scheme, account string) (string, error) {
	name, found := scheme.OwnStream(account), false
	all := js.StreamNames(ctx)
	for one := range all.Name() {
		found = found || one == name
	}
	if err := all.Err(); err != nil || !found {
		return "", err
	}
	st, err := js.Stream(ctx, name)
	if err != nil || st.CachedInfo().Config.Metadata[metaAccount] != account {
		return "", err
	}
	return name, nil
}

// Own is a stream of an account's own.
type Own struct {
	Account string
	*jetstream.StreamInfo
}

// Owns are all such streams.
func Owns(ctx context.Context, js jetstream.JetStream, scheme subjects.Scheme) (all []Own, err error) {
	found := js.ListStreams(ctx)
	for info := range found.Info() {
		if account := info.Config.Metadata[metaAccount]; account != "" && info.Config.Name == scheme.OwnStream(account) {
			all = append(all, Own{account, info})
		}
	}
	return all, found.Err()
}

// RemoveOwn deletes an account's own stream, with its consumers. The updates stay in the stream of all.
func RemoveOwn(ctx context.Context, js jetstream.JetStream, scheme subjects.Scheme, account string) error {
	if err := subjects.CheckAccount(account); err != nil {
		return err
	}
	name := scheme.OwnStream(account)
	st, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("%s has no stream of its own (%s)", account, name)
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	if st.CachedInfo().Config.Metadata[metaAccount] != account {
		return fmt.Errorf("the stream %s was not made by natsgram: it stays", name)
	}
	return js.DeleteStream(ctx, name)
}
