// Package vault keeps the accounts' sessions, which hold auth keys, sealed in a KV bucket (design §6): XChaCha20-Poly1305 with
// the account's name and the number of the record as associated data. Whoever reads the bucket without the secret learns the
// names of the accounts, how often each signed in and was saved, and nothing else. Whoever writes to it can take sessions away, and
// no more: what a record is bound to is said at [associated], and what is done about records that are none in keep.go.
package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

// Vault is the bucket with the keys to it. It is safe for concurrent use.
type Vault struct {
	kv     jetstream.KeyValue
	stream jetstream.Stream // the same, to read older versions from
	bucket string
	st     *storage.Storage
	keys   []Key // the first seals, all open
}

// Open opens the bucket. Records are sealed with k, and opened with any of the others as well.
func Open(ctx context.Context, st *storage.Storage, k Key, others ...Key) (*Vault, error) {
	kv, err := st.Bucket(ctx, storage.Sessions)
	if err != nil {
		return nil, err
	}
	stream, err := st.Stream(ctx, storage.Sessions)
	if err != nil {
		return nil, err
	}
	return &Vault{kv: kv, stream: stream, bucket: kv.Bucket(), st: st, keys: append([]Key{k}, others...)}, nil
}

// Session is a record opened. State is secret: never log it.
type Session struct {
	State []byte
	// Foreign is what stands over it in the bucket and was not written by a natsgram with this secret, or is older; empty: nothing.
	Foreign string

	n     number // sealed with the state
	kv    uint64 // the bucket's revision, for compare-and-set; 0: not stored
	nonce [nonceSize]byte
	tried [][nonceSize]byte // of writings of which it is unknown whether they got there
}

// Generation tells sign-ins apart: saving a session keeps it, a new sign-in raises it.
func (s Session) Generation() uint64 { return s.n.generation }

// Revision is the bucket's, 0: not stored.
func (s Session) Revision() uint64 { return s.kv }

// String hides the state.
func (s Session) String() string {
	return fmt.Sprintf("[session, sign-in %d, revision %d]", s.n.generation, s.n.revision)
}

// GoString hides the state.
func (s Session) GoString() string { return s.String() }

// Load opens an account's session: the newest version that opens. ErrNotFound, ErrSealed (there are some, and none opens) or
// NATS's own errors.
func (v *Vault) Load(ctx context.Context, account string) (Session, error) {
	all, err := v.versions(ctx, account)
	if err != nil {
		return Session{}, err
	}
	return v.newest(account, all)
}

// Save stores state over the record that was read as s, and gives the new one. It is refused with ErrChanged when the record
// is not s any more.
func (v *Vault) Save(ctx context.Context, account string, s Session, state []byte) (Session, error) {
	next, record, err := v.next(account, s, state)
	if err != nil {
		return Session{}, err
	}
	if next.kv, err = v.write(ctx, account, record, s.kv); err != nil {
		return Session{}, fmt.Errorf("%s: storing the session: %w", account, err)
	}
	return next, nil
}

// next seals what follows on a session.
func (v *Vault) next(account string, s Session, state []byte) (Session, []byte, error) {
	if err := check(account, state); err != nil {
		return Session{}, nil, err
	}
	n := number{max(s.n.generation, 1), s.n.revision + 1}
	record, err := seal(v.keys[0], account, n, state)
	return Session{State: state, n: n, nonce: nonceOf(record)}, record, err
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
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return 0, ErrChanged
	}
	return kv, err
}

// Replace stores a session whatever was there before: a person signed in anew. Its generation is above every other's, also of a
// record that is gone, so that no daemon takes it for an older one.
func (v *Vault) Replace(ctx context.Context, account string, state []byte) (Session, error) {
	for {
		old, err := v.Load(ctx, account)
		switch {
		case errors.Is(err, ErrNotFound):
		case errors.Is(err, ErrSealed):
			return Session{}, err // overwriting what another secret sealed would lose an account that is not ours
		case err != nil:
			return Session{}, err
		}
		old.n.generation = max(old.n.generation+1, uint64(time.Now().UnixMilli()))
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
func (v *Vault) Accounts(ctx context.Context) ([]string, error) { return accounts(ctx, v.kv) }

// Count is how many accounts have a session, for who has no key.
func Count(ctx context.Context, st *storage.Storage) (int, error) {
	kv, err := st.Bucket(ctx, storage.Sessions)
	if err != nil {
		return 0, err
	}
	names, err := accounts(ctx, kv)
	return len(names), err
}

func accounts(ctx context.Context, kv jetstream.KeyValue) ([]string, error) {
	lister, err := kv.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the accounts: %w", err)
	}
	defer lister.Stop() //nolint:errcheck // it ends by itself
	var names []string
	for name := range lister.Keys() {
		if subjects.CheckAccount(name) == nil { // else it is nothing of natsgram's
			names = append(names, name)
		}
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
	Account  string
	Gone     bool
	Revision uint64 // see Session.Revision
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
			if e != nil && subjects.CheckAccount(e.Key()) == nil { // nil: all that was stored has been told
				tell(Change{Account: e.Key(), Gone: e.Operation() != jetstream.KeyValuePut, Revision: e.Revision()})
			}
		}
	}
}
