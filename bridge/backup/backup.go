// Package backup writes what cannot be made again into one file, and puts it back: sessions as they are sealed, where each account's
// updates go on, which accounts there are, what they may not do, and the updates themselves where that is asked for. The secret is not in it.
package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/subjects"
)

// Format is that of the files written here.
const Format = 1

// Manifest is what a backup says of itself.
type Manifest struct {
	Format   int       `json:"format"`
	Version  string    `json:"natsgram,omitempty"`
	Prefix   string    `json:"prefix,omitempty"`
	Taken    time.Time `json:"taken"`
	Accounts []string  `json:"accounts"`
	Updates  bool      `json:"updates,omitempty"` // they are in it
}

// Account is what is kept of one.
type Account struct {
	Session  []byte          // sealed; nil: nobody signed in
	Position json.RawMessage // records.Position; nil: it has none
	Watched  json.RawMessage // records.Watched
	Limits   json.RawMessage // map[string][]byte, as the gate gives it: a freeze, budgets
	SignIn   json.RawMessage // where updates stood at the sign-in, of an account that has not begun
}

// Options of writing.
type Options struct {
	Version string
	Keys    []vault.Key // to tell sessions from what stands in their place; none: the latest record is taken for the session
	Updates bool        // the updates too
}

// Write writes a backup, and tells what is in it. It changes nothing, and daemons may run.
func Write(ctx context.Context, st *storage.Storage, w io.Writer, o Options) (m Manifest, err error) {
	all, err := collect(ctx, st, o.Keys)
	if err != nil {
		return m, err
	}
	m = Manifest{Format: Format, Version: o.Version, Prefix: st.Scheme().Prefix, Taken: time.Now().UTC().Truncate(time.Second), Accounts: names(all), Updates: o.Updates}
	out := newWriter(w, m.Taken)
	out.json(manifestName, m)
	for _, name := range m.Accounts {
		out.account(name, all[name])
	}
	if o.Updates && out.err == nil {
		if err := updatesTo(ctx, st, out, all); err != nil {
			return m, err
		}
	}
	return m, out.close()
}

// collect reads the buckets.
func collect(ctx context.Context, st *storage.Storage, keys []vault.Key) (map[string]*Account, error) {
	all := map[string]*Account{}
	get := func(name string) *Account {
		if all[name] == nil {
			all[name] = &Account{}
		}
		return all[name]
	}
	leases, err := lease.Open(ctx, st, lease.Options{})
	if err != nil {
		return nil, err
	}
	closing := map[string]bool{}
	if err := leases.Records(ctx, func(name string, by lease.Holder) {
		if closing[name] = by.Closed; !by.Closed {
			get(name)
		}
	}); err != nil {
		return nil, err
	}
	if err := vault.Export(ctx, st, keys, func(name string, record []byte) {
		if !closing[name] { // else it is being removed
			get(name).Session = record
		}
	}); err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(name string, _ *Account) bool { return subjects.CheckAccount(name) != nil }) // nothing of natsgram's
	return all, errors.Join(positions(ctx, st, all), limits(ctx, st, all))
}

func limits(ctx context.Context, st *storage.Storage, all map[string]*Account) error {
	store, err := gate.NewStore(ctx, st)
	if err != nil {
		return err
	}
	for name, a := range all {
		what, err := gate.Export(ctx, store, name)
		if err == nil && len(what) > 0 {
			a.Limits, err = json.Marshal(what)
		}
		if err != nil {
			return fmt.Errorf("%s: reading its budgets: %w", name, err)
		}
	}
	return nil
}

func positions(ctx context.Context, st *storage.Storage, all map[string]*Account) error {
	kv, err := st.Bucket(ctx, storage.Positions)
	if err != nil {
		return err
	}
	for name, a := range all {
		for key, to := range map[string]*json.RawMessage{name: &a.Position, records.WatchedKey(name): &a.Watched, records.SignInKey(name): &a.SignIn} {
			entry, err := kv.Get(ctx, key)
			switch {
			case errors.Is(err, jetstream.ErrKeyNotFound):
			case err != nil:
				return fmt.Errorf("%s: reading the position: %w", name, err)
			case json.Valid(entry.Value()):
				*to = entry.Value()
			}
		}
	}
	return nil
}

// update is one message of the stream of updates.
type update struct {
	Subject string      `json:"subject"`
	Header  nats.Header `json:"header,omitempty"`
	Data    []byte      `json:"data"`
}

// updatesTo writes the updates up to each account's position: what is behind it, Telegram gives again.
func updatesTo(ctx context.Context, st *storage.Storage, out *writer, all map[string]*Account) error {
	upTo := map[string]uint64{}
	for name, a := range all {
		var p records.Position
		if a.Position != nil && json.Unmarshal(a.Position, &p) == nil {
			upTo[name] = p.Seq
		}
	}
	from, err := st.Stream(ctx, storage.Updates)
	if err != nil {
		return err
	}
	subject := st.Scheme().AllUpdates()
	for seq := uint64(1); ; {
		m, err := from.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the updates: %w", err)
		}
		if m.Sequence <= upTo[accountOf(st, m.Subject)] {
			if out.update(update{m.Subject, ofOurs(m.Header), m.Data}); out.err != nil {
				return out.err
			}
		}
		seq = m.Sequence + 1
	}
}

// accountOf is whose update it is.
func accountOf(st *storage.Storage, subject string) string {
	rest := strings.TrimPrefix(subject, strings.TrimSuffix(st.Scheme().AllUpdates(), ">"))
	name, _, _ := strings.Cut(rest, ".")
	return name
}

// ofOurs leaves out what the server would act on: what was expected when the message was written, its batch, and its lifetime.
func ofOurs(h nats.Header) nats.Header {
	kept := nats.Header{}
	for name, values := range h {
		if !strings.HasPrefix(name, "Nats-") || name == jetstream.MsgIDHeader {
			kept[name] = values
		}
	}
	return kept
}
