// Package vault keeps the accounts' sessions, which hold auth keys, sealed in a KV bucket (design §6): XChaCha20-Poly1305 with
// the account's name and the record's revision as associated data. Whoever reads the bucket without the secret learns the
// names of the accounts and nothing else.
package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// MaxState is the largest session kept, in bytes.
const MaxState = 512 << 10

// ErrNotFound says that no session of that account is stored.
var ErrNotFound = errors.New("account is not signed in")

// ErrChanged says that the record was written by somebody else since it was read: a new sign-in, or another daemon.
var ErrChanged = errors.New("session was replaced meanwhile")

// Vault is the bucket with the key to it. It is safe for concurrent use.
type Vault struct {
	kv  jetstream.KeyValue
	key Key
}

// Open opens the bucket.
func Open(ctx context.Context, st *storage.Storage, k Key) (*Vault, error) {
	kv, err := st.Bucket(ctx, storage.Sessions)
	if err != nil {
		return nil, err
	}
	return &Vault{kv: kv, key: k}, nil
}

// Session is a record opened. State is secret: never log it.
type Session struct {
	State []byte
	n     number // sealed with the state
	kv    uint64 // the bucket's revision, for compare-and-set; 0: not stored
}

// Generation tells sign-ins apart: saving a session keeps it, a new sign-in raises it.
func (s Session) Generation() uint64 { return s.n.generation }

// String hides the state.
func (s Session) String() string {
	return fmt.Sprintf("[session, sign-in %d, revision %d]", s.n.generation, s.n.revision)
}

// GoString hides the state.
func (s Session) GoString() string { return s.String() }

// Load opens an account's session: ErrNotFound, ErrSealed or NATS's own errors.
func (v *Vault) Load(ctx context.Context, account string) (Session, error) {
	entry, err := v.kv.Get(ctx, account)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Session{}, fmt.Errorf("%s: %w", account, ErrNotFound)
	}
	if err != nil {
		return Session{}, fmt.Errorf("%s: reading the session: %w", account, err)
	}
	state, n, err := open(v.key, account, entry.Value())
	if err != nil {
		return Session{}, fmt.Errorf("%s: %w", account, err)
	}
	return Session{State: state, n: n, kv: entry.Revision()}, nil
}

// Save stores state over the record that was read as s, and gives the new one. It is refused with ErrChanged when the record
// is not s any more.
func (v *Vault) Save(ctx context.Context, account string, s Session, state []byte) (Session, error) {
	if err := check(account, state); err != nil {
		return Session{}, err
	}
	next := number{max(s.n.generation, 1), s.n.revision + 1}
	record, err := seal(v.key, account, next, state)
	if err != nil {
		return Session{}, err
	}
	kv, err := v.write(ctx, account, record, s.kv)
	if err != nil {
		return Session{}, fmt.Errorf("%s: storing the session: %w", account, err)
	}
	return Session{State: state, n: next, kv: kv}, nil
}

func check(account string, state []byte) error {
	if err := subjects.CheckAccount(account); err != nil {
		return err
	}
	if len(state) > MaxState {
		return fmt.Errorf("%s: a session of %d bytes, more than %d", account, len(state), MaxState)
	}
	return nil
}

func (v *Vault) write(ctx context.Context, account string, record []byte, last uint64) (kv uint64, err error) {
	if last == 0 {
		kv, err = v.kv.Create(ctx, account, record)
	} else {
		kv, err = v.kv.Update(ctx, account, record, last)
	}
	var api jetstream.JetStreamError
	if errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.APIError() != nil && api.APIError().ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return 0, ErrChanged
	}
	return kv, err
}

// Replace stores a session whatever was there before: a person signed in anew.
func (v *Vault) Replace(ctx context.Context, account string, state []byte) (Session, error) {
	for {
		old, err := v.Load(ctx, account)
		switch {
		case errors.Is(err, ErrNotFound):
			old = Session{}
		case errors.Is(err, ErrSealed):
			return Session{}, err // overwriting what another secret sealed would lose an account that is not ours
		case err != nil:
			return Session{}, err
		}
		old.n.generation++
		s, err := v.Save(ctx, account, old, state)
		if !errors.Is(err, ErrChanged) {
			return s, err
		}
	}
}

// Delete forgets an account's session for good.
func (v *Vault) Delete(ctx context.Context, account string) error {
	if err := subjects.CheckAccount(account); err != nil {
		return err
	}
	return v.kv.Purge(ctx, account)
}

// Accounts are the names of all that have a session, sorted.
func (v *Vault) Accounts(ctx context.Context) ([]string, error) {
	lister, err := v.kv.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the accounts: %w", err)
	}
	defer lister.Stop() //nolint:errcheck // it ends by itself
	var names []string
	for name := range lister.Keys() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Fits says whether the key is the one that sealed the sessions of those accounts: ErrSealed when there are some and it opens
// none of them. A single record that does not open beside others that do is a damaged one, not another key's.
func (v *Vault) Fits(ctx context.Context, accounts []string) error {
	var last error
	for _, name := range accounts {
		_, err := v.Load(ctx, name)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrSealed):
			last = err
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	return last
}

// Change is what Watch tells: an account's record was written or removed.
type Change struct {
	Account    string
	Gone       bool
	Generation uint64 // see Session.Generation; 0: gone, or nothing that this program has written
}

// Watch tells of every account stored now and of every change from then on, until ctx ends.
func (v *Vault) Watch(ctx context.Context, tell func(Change)) error {
	w, err := v.kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watching the accounts: %w", err)
	}
	defer w.Stop() //nolint:errcheck // the end of ctx stops it as well
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-w.Updates():
			if !open {
				return errors.Join(ctx.Err(), w.Stop())
			}
			if e != nil { // nil: all that was stored has been told
				tell(Change{Account: e.Key(), Gone: e.Operation() != jetstream.KeyValuePut, Generation: numberOf(e.Value()).generation})
			}
		}
	}
}
