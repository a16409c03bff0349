package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/subjects"
)

// Error codes of the server that this package answers to.
const (
	codeNoRoom        = jetstream.ErrorCode(10047) // the account's or server's storage is given away
	codeNoPeers       = jetstream.ErrorCode(10005) // no server of a cluster is fit for it, as its text says why
	codeStoreFailed   = jetstream.ErrorCode(10049) // the store could not be made: the disk, or what a deleted stream of that name leaves
	codeLimitRequired = jetstream.ErrorCode(10113) // this account wants a limit for every stream
)

// Storage is natsgram's streams and buckets on one NATS. It is safe for concurrent use.
type Storage struct {
	js     jetstream.JetStream
	o      Options
	log    *slog.Logger
	commit bool // a daemon: what is there may be changed

	mu      sync.Mutex
	kept    map[string]*kept // what was opened, by name
	suspect chan struct{}    // one token: look at once
	tell    []func(Change)
}

// Daemon is the storage of a daemon: what it opens is made, and brought to what is needed and set.
func Daemon(js jetstream.JetStream, o Options, log *slog.Logger) *Storage {
	s := Command(js, o)
	s.commit = true
	if log != nil {
		s.log = log
	}
	return s
}

// Command is the storage of a command: what it opens is made where it is missing, and left as it is where it is not.
func Command(js jetstream.JetStream, o Options) *Storage {
	return &Storage{js: js, o: o, log: slog.New(slog.DiscardHandler), kept: map[string]*kept{}, suspect: make(chan struct{}, 1)}
}

// Scheme is the subjects and names of this natsgram.
func (s *Storage) Scheme() subjects.Scheme { return s.o.Scheme }

// JetStream is where the storage is.
func (s *Storage) JetStream() jetstream.JetStream { return s.js }

// Stream opens a stream.
func (s *Storage) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	it, err := item(name)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, it)
}

// Bucket opens a bucket of keys and values.
func (s *Storage) Bucket(ctx context.Context, name string) (jetstream.KeyValue, error) {
	it, err := item(name)
	if err != nil {
		return nil, err
	}
	if _, err := s.open(ctx, it); err != nil {
		return nil, err
	}
	kv, err := s.js.KeyValue(ctx, s.o.Scheme.StreamName(name))
	return kv, s.explain(it, err)
}

// Objects opens an object store.
func (s *Storage) Objects(ctx context.Context, name string) (jetstream.ObjectStore, error) {
	it, err := item(name)
	if err != nil {
		return nil, err
	}
	if _, err := s.open(ctx, it); err != nil {
		return nil, err
	}
	store, err := s.js.ObjectStore(ctx, s.o.Scheme.StreamName(name))
	return store, s.explain(it, err)
}

// open makes an item where it is missing. A daemon also brings one that is there to what is needed and set.
func (s *Storage) open(ctx context.Context, it Item) (jetstream.Stream, error) {
	st, err := s.js.Stream(ctx, it.StreamName(s.o.Scheme))
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		st, err = s.create(ctx, it, 0)
	case err == nil && s.commit:
		st, err = s.bring(ctx, it, st)
	}
	if err != nil {
		return nil, s.explain(it, err)
	}
	s.keep(it, st.CachedInfo())
	return st, nil
}

// create makes an item as the settings and their defaults say. Its sequences begin at first; 0: at 1. Those of a bucket that says who
// owns what begin at the time in microseconds, which is more than any predecessor has come to, known here or not: no revision
// of one bucket is ever taken for one of another. So do those of the jobs where there are results of others.
func (s *Storage) create(ctx context.Context, it Item, first uint64) (jetstream.Stream, error) {
	c, byDefault := s.limited(ctx, it)
	if it.Name == Leases || it.Name == Accounts || it.Name == Queue && (s.used(ctx, Done) || s.used(ctx, Jobs)) {
		first = max(first, uint64(time.Now().UnixMicro()))
	}
	c.FirstSeq = first
	st, err := Create(ctx, s.js, c)
	switch {
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
		return s.js.Stream(ctx, c.Name) // another daemon was faster
	case noRoom(err) && byDefault:
		st, err = s.squeeze(ctx, it, &c)
	}
	if codeOf(err) == codeLimitRequired && c.MaxBytes <= 0 {
		c.MaxBytes = it.Limit
		st, err = Create(ctx, s.js, c)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return s.js.Stream(ctx, c.Name)
	}
	return st, err
}

// squeeze makes an item whose default limit cannot be reserved, with what can be: half of it, a quarter, down to its Limit. What does not even
// find that has no limit, for what there is may be enough all the same.
func (s *Storage) squeeze(ctx context.Context, it Item, c *jetstream.StreamConfig) (st jetstream.Stream, err error) {
	most := c.MaxBytes
	for it.Most > 0 && c.MaxBytes > it.Limit {
		c.MaxBytes = max(c.MaxBytes/2, it.Limit)
		if st, err = Create(ctx, s.js, *c); !noRoom(err) {
			if err == nil {
				s.log.Warn("its default limit cannot be reserved, and is lower", "stream", c.Name, "limit", Bytes(c.MaxBytes), "default", Bytes(most), "set", limitSetting(it))
			}
			return st, err
		}
	}
	c.MaxBytes = -1
	if st, err = Create(ctx, s.js, *c); err == nil {
		s.log.Warn("no limit can be reserved, and it has none", "stream", c.Name, "default", Bytes(most), "set", limitSetting(it))
	}
	return st, err
}

// noRoom reports whether storage that is given away is what a stream lacked. A cluster says so in the words of its placement.
func noRoom(err error) bool {
	return codeOf(err) == codeNoRoom || codeOf(err) == codeNoPeers && strings.Contains(err.Error(), "insufficient storage")
}

// used reports whether anything was ever written into an item.
func (s *Storage) used(ctx context.Context, name string) bool {
	it, err := item(name)
	if err != nil {
		return false
	}
	st, err := s.js.Stream(ctx, it.StreamName(s.o.Scheme))
	return err == nil && st.CachedInfo().State.LastSeq > 0
}

// Create makes a stream. A server takes the files of a deleted one away after it has answered, and may meet them when a stream of
// that name is made at once: that is tried again for two seconds.
func Create(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) (st jetstream.Stream, err error) {
	until := time.Now().Add(2 * time.Second)
	err = retry.Do(ctx, retry.Backoff{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond}, func(ctx context.Context) (bool, error) {
		st, err = js.CreateStream(ctx, c)
		return codeOf(err) == codeStoreFailed && time.Now().Before(until), err
	})
	return st, err
}

// limited is the configuration of an item that is made now. byDefault: it has a limit that nobody set.
func (s *Storage) limited(ctx context.Context, it Item) (c jetstream.StreamConfig, byDefault bool) {
	c = it.wanted(s.o)
	if _, set := s.o.Limits[it.Name]; set || it.Name != Updates && it.Most == 0 {
		return c, false
	}
	room := s.o.Room
	if info, err := s.js.AccountInfo(ctx); err == nil && info.Limits.MaxStore > 0 {
		room = info.Limits.MaxStore / int64(c.Replicas)
	}
	switch {
	case it.Most > 0 && room > 0:
		c.MaxBytes = min(it.Most, max(room/it.part(), 1))
	case it.Most > 0:
		c.MaxBytes = it.Most
	case room > 0:
		c.MaxBytes = room / 2
	}
	return c, c.MaxBytes > 0
}

// bring changes of an item that is there what natsgram needs and what is set, as far as nothing is lost by it.
func (s *Storage) bring(ctx context.Context, it Item, st jetstream.Stream) (jetstream.Stream, error) {
	c, changed := st.CachedInfo().Config, false
	for _, d := range s.differences(it, st.CachedInfo()) {
		switch {
		case d.Why == Needed, d.Why == Set && d.Loses == "" && !d.manual:
			d.apply(&c)
			changed = true
			s.log.Info("changing the storage", "stream", c.Name, "what", d.What, "from", d.Have, "to", d.Want)
		case d.Why == Set:
			s.log.Warn("the storage differs from the settings and stays as it is: see `natsgram storage`",
				"stream", c.Name, "what", d.What, "is", d.Have, "set", d.Want)
		}
	}
	if !changed {
		return st, nil
	}
	return s.js.UpdateStream(ctx, c)
}

// explain says which item it is about, and adds what a person can do where the server only says what it cannot.
func (s *Storage) explain(it Item, err error) error {
	if err == nil {
		return nil
	}
	name := s.o.Scheme.StreamName(it.Name)
	err = fmt.Errorf("%s %s: %w", it.Kind, name, err)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("%w: natsgram keeps updates there, so enable JetStream (nats-server -js)", err)
	case noRoom(err):
		return fmt.Errorf("%w: limits are reserved as a whole; set smaller ones by %s", err, limitSetting(it))
	case codeOf(err) == codeLimitRequired:
		return fmt.Errorf("%w: set one by %s", err, limitSetting(it))
	}
	return err
}

// limitSetting is the setting that limits an item.
func limitSetting(it Item) string {
	if it.Name == Updates {
		return "NATSGRAM_UPDATES_MAX_BYTES"
	}
	return "NATSGRAM_LIMITS"
}

// codeOf is the server's error code, 0 for other errors.
func codeOf(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}

// gone reports whether an error is what a missing stream looks like.
func gone(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) ||
		errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders)
}
