// Package stream is the bridge's write-ahead log: the stream of updates, in which every account's updates stand once and in
// order (design §4), the events of the accounts' own life, and the positions that make recovery short.
//
// The stream itself is the state. What the updates machine knows after a message travels in that message's headers
// (Tg-State), so no second write can get ahead of the first. A [Log] is one account's pen: it owns the account by the
// sequence of its record on tg.own.<account>, its epoch, and every publish says which epoch it belongs to. From the moment
// another owner has written its record, the server refuses (10071) whatever a former one still has in flight.
package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// Names of the streams and buckets, behind the prefix: TG_UPDATES.
const (
	UpdatesName   = "UPDATES"
	EventsName    = "EVENTS"
	PositionsName = "POSITIONS"
	SessionsName  = "SESSIONS"
	LeasesName    = "LEASES"
	AccountsName  = "ACCOUNTS"
	SchemaName    = "SCHEMA" // an object store
)

// Retention is how much is kept. The zero value keeps everything, one copy.
type Retention struct {
	MaxAge   time.Duration // 0: for ever
	MaxBytes int64         // 0 or -1: no limit
	Replicas int           // 0: 1
}

// Store is where all accounts' logs are. It is safe for concurrent use.
type Store struct {
	js        jetstream.JetStream
	scheme    subjects.Scheme
	updates   jetstream.Stream
	positions jetstream.KeyValue
	limited   bool // old messages are dropped some day: owner records must be renewed
}

// Setup makes what is missing on the server, and brings the retention of what is there to r.
func Setup(ctx context.Context, js jetstream.JetStream, scheme subjects.Scheme, r Retention) (*Store, error) {
	s := &Store{js: js, scheme: scheme}
	var err error
	if s.updates, err = ensure(ctx, js, s.updatesConfig(r)); err != nil {
		return nil, err
	}
	if _, err = ensure(ctx, js, s.eventsConfig(r)); err != nil {
		return nil, err
	}
	s.positions, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: scheme.StreamName(PositionsName), Description: "natsgram: where recovery begins", History: 1,
		Replicas: max(r.Replicas, 1), Storage: jetstream.FileStorage,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", scheme.StreamName(PositionsName), err)
	}
	c := s.updates.CachedInfo().Config
	s.limited = c.MaxAge > 0 || c.MaxBytes > 0 || c.MaxMsgs > 0
	return s, nil
}

// duplicates is the window in which the server knows message ids again. They are a guard that should never fire.
const duplicates = 2 * time.Minute

func (s *Store) updatesConfig(r Retention) jetstream.StreamConfig {
	window := duplicates
	if r.MaxAge > 0 {
		window = min(window, r.MaxAge) // NATS wants it so
	}
	limit := r.MaxBytes
	if limit <= 0 {
		limit = -1
	}
	return jetstream.StreamConfig{
		Name: s.scheme.StreamName(UpdatesName), Description: "natsgram: updates, once and in order; who owns which account",
		Subjects: []string{s.scheme.AllUpdates(), s.scheme.AllOwners()},
		Storage:  jetstream.FileStorage, Replicas: max(r.Replicas, 1), MaxAge: r.MaxAge, MaxBytes: limit, Duplicates: window,
		AllowAtomicPublish: true, AllowMsgTTL: true, AllowDirect: true,
	}
}

func (s *Store) eventsConfig(r Retention) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: s.scheme.StreamName(EventsName), Description: "natsgram: the last of each event in an account's life",
		Subjects: []string{s.scheme.AllEvents()}, MaxMsgsPerSubject: 1, AllowDirect: true,
		Storage: jetstream.FileStorage, Replicas: max(r.Replicas, 1),
	}
}

// ensure creates a stream, or changes of an existing one only what natsgram needs and was told: an operator's placement,
// mirrors or compression stay.
func ensure(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	st, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		st, err = js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return ensure(ctx, js, want) // another daemon was faster
		}
	} else if err == nil {
		if c, changed := merge(st.CachedInfo().Config, want); changed {
			st, err = js.UpdateStream(ctx, c)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", want.Name, explain(err))
	}
	return st, nil
}

func merge(have, want jetstream.StreamConfig) (jetstream.StreamConfig, bool) {
	c := have
	for _, subject := range want.Subjects {
		if !slices.Contains(c.Subjects, subject) {
			c.Subjects = append(slices.Clone(c.Subjects), subject)
		}
	}
	c.AllowAtomicPublish = c.AllowAtomicPublish || want.AllowAtomicPublish
	c.AllowMsgTTL = c.AllowMsgTTL || want.AllowMsgTTL
	c.AllowDirect = c.AllowDirect || want.AllowDirect
	c.MaxAge, c.MaxBytes, c.Replicas, c.Duplicates = want.MaxAge, want.MaxBytes, want.Replicas, want.Duplicates
	if c.MaxBytes == 0 {
		c.MaxBytes = have.MaxBytes
	}
	changed := len(c.Subjects) != len(have.Subjects) || c.AllowAtomicPublish != have.AllowAtomicPublish ||
		c.AllowMsgTTL != have.AllowMsgTTL || c.AllowDirect != have.AllowDirect || c.MaxAge != have.MaxAge ||
		c.MaxBytes != have.MaxBytes || c.Replicas != have.Replicas
	return c, changed
}

// explain adds what a person can do to errors that say only what the server cannot.
func explain(err error) error {
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return fmt.Errorf("%w: natsgram keeps updates there, so enable JetStream (nats-server -js)", err)
	}
	return err
}
