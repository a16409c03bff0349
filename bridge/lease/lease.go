// Package lease decides which daemon runs an account (design §5). Telegram ends a session that is used from two places (D8), so
// at any time at most one daemon may hold a connection for an account.
//
// Two buckets say who that is. In the one, whose entries pass away by themselves, every daemon keeps one record of its own: its
// lease, renewed by compare-and-set, whatever number of accounts it runs. In the other stands, for every account there is, which
// daemon has it. An account is held while the record names a daemon whose lease lives.
//
// A daemon counts by its own clock from before it asked: when no renewal was confirmed for three quarters of the lifetime, its
// lease is lost to it, and with it every account, before the record can have passed away. Whoever wants an account of a daemon
// whose record has passed away first writes a grave in its place, again by compare-and-set, so that no renewal still on its way
// can bring the lease back. A lost lease is never found again: the daemon goes on as a new one, under another id.
//
// Both buckets can be lost, and whoever holds an account may hear late of it. So a daemon also confirms, as often as its lease, that
// the records of its accounts stood (follow.go), and lets go of what it cannot confirm; and an absent record, or one in a bucket
// that was made anew, lets nobody take an account before whatever was confirmed of it has run out (acquire.go).
//
// The lifetime is the bucket's, not the key's: a later update drops a key's own lifetime, and such a lease would never end.
// Why there is not a lease for each account: docs/decisions/0005-lease-per-daemon.md.
package lease

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// TTL is how long a lease outlives its holder.
const TTL = storage.LeaseTTL

// Holder is what stands in an account's record.
type Holder struct {
	ID   string    `json:"owner,omitempty"` // a daemon's; empty: nobody ever had it
	Host string    `json:"host,omitempty"`  // how people call that daemon
	At   time.Time `json:"since"`
	// Embedded says that the holder runs the NATS server itself: whoever runs that server now knows that it is gone.
	Embedded bool `json:"embedded,omitempty"`
	// Free says that the account was given back, For to whom: others leave it to that daemon for a while.
	Free bool   `json:"free,omitempty"`
	For  string `json:"for,omitempty"`
	// Closed says that nobody is to take it: it is being removed.
	Closed bool `json:"closed,omitempty"`
}

// Leases is the buckets. It is safe for concurrent use.
type Leases struct {
	members  jetstream.KeyValue // who lives
	accounts jetstream.KeyValue // who has what
	storage  *storage.Storage
	ttl      time.Duration
	base     Holder // this daemon, but for the id
	log      *slog.Logger

	mu      sync.Mutex
	now     *membership          // the present one; nil before the first, and between two
	outside error                // why there is none
	mine    map[string]bool      // every id that this daemon ever had
	dead    map[string]death     // daemons whose lease has ended
	alive   map[string]time.Time // daemons whose record was seen within a lifetime, and when
	held    map[string]*Lease
	made    time.Time   // when the accounts' bucket was, in which the records of held stand
	old     time.Time   // until then that bucket is young
	timer   *time.Timer // ends all of held when sure has passed

	sure atomic.Pointer[time.Time] // until then the records of held stand there
}

// Options of the buckets. Zero values have defaults.
type Options struct {
	Name     string        // of this daemon, for people; the host's
	TTL      time.Duration // TTL
	Embedded bool          // the NATS server runs in this process, which has locked its folder
	Log      *slog.Logger
}

// Open opens the buckets. The lifetime of the one must be that of the leases (storage.Options).
func Open(ctx context.Context, st *storage.Storage, o Options) (*Leases, error) {
	if o.TTL <= 0 {
		o.TTL = TTL
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Name == "" {
		o.Name, _ = os.Hostname() // only told to people
	}
	ls := &Leases{
		ttl: o.TTL, log: o.Log, base: Holder{Host: o.Name, Embedded: o.Embedded},
		mine: map[string]bool{}, dead: map[string]death{}, alive: map[string]time.Time{},
		held: map[string]*Lease{}, storage: st,
	}
	var err error
	if ls.members, err = st.Bucket(ctx, storage.Leases); err == nil {
		ls.accounts, err = st.Bucket(ctx, storage.Accounts)
	}
	if err != nil {
		return nil, err
	}
	return ls, nil
}

// Name is what people call this daemon.
func (ls *Leases) Name() string { return ls.base.Host }

// Lease is an account held.
type Lease struct {
	leases  *Leases
	account string
	member  *membership
	lost    chan struct{}
	rev     uint64    // under Leases.mu, as is what follows
	made    time.Time // when the bucket was, in which its record stands
}

// Lost is closed when the lease is not held for sure any more: whatever depends on it must end at once.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// read is an account's record and its revision: 0, there is none.
func (ls *Leases) read(ctx context.Context, account string) (by Holder, rev uint64, err error) {
	entry, err := ls.accounts.Get(ctx, account)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Holder{}, 0, nil
	}
	if err != nil {
		return Holder{}, 0, err
	}
	if json.Unmarshal(entry.Value(), &by) != nil {
		by, err = ls.unreadable(ctx, account, entry)
	}
	return by, entry.Revision(), err
}

// unreadable is what a record tells that no natsgram has written. Whoever had the account lets go of it on seeing that, within a
// lifetime at most; then it is free.
func (ls *Leases) unreadable(ctx context.Context, account string, entry jetstream.KeyValueEntry) (Holder, error) {
	now, err := status(ctx, ls.accounts)
	if err != nil || now.TimeStamp.Sub(entry.Created()) < ls.ttl {
		return Holder{ID: unknown}, err
	}
	ls.log.Error("the account's record is none that natsgram wrote, and is written over: who may write to the bucket?", "account", account)
	return Holder{Free: true}, nil
}

// unknown is the id of a holder of whom nothing is known. It has no lease, and none that could be buried.
const unknown = "?"

// nobody: it does not say that somebody had the account.
func (h Holder) nobody() bool { return h.ID == "" && !h.Closed }

// mayTake reports whether the record leaves the account to this daemon: it was given back, or is of this daemon itself, or of one
// that ran the NATS server which this one runs now, or of one whose lease has ended.
func (ls *Leases) mayTake(ctx context.Context, by Holder) (bool, error) {
	switch {
	case by.Closed, by.ID == unknown:
		return false, nil
	case by.Free, by.ID == "", ls.isOwn(by.ID), ls.isFormer(by):
		return true, nil
	}
	return ls.bury(ctx, by.ID)
}

// isOwn reports whether the id is, or was, this daemon's.
func (ls *Leases) isOwn(id string) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.mine[id]
}

// isFormer reports whether a daemon ran the NATS server which this one runs now.
func (ls *Leases) isFormer(by Holder) bool {
	return ls.base.Embedded && by.Embedded && !ls.isOwn(by.ID)
}

// record is what is written into an account's record.
func (ls *Leases) record(h Holder) ([]byte, error) {
	h.Host, h.Embedded, h.At = ls.base.Host, ls.base.Embedded, time.Now().UTC()
	return json.Marshal(h)
}

// conflict reports whether a compare-and-set failed: the key is not what this holder wrote last.
func conflict(err error) bool {
	var api jetstream.JetStreamError
	return errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.APIError() != nil && api.APIError().ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// Release gives the account back, so that the next daemon need not wait: to whoever comes first, or to heir, a daemon's id.
// It must be called once, after everything that depends on the lease has ended.
func (l *Lease) Release(ctx context.Context, heir string) { l.giveBack(ctx, Holder{For: heir}) }

// Close gives the account back for nobody to take: it is being removed.
func (l *Lease) Close(ctx context.Context) { l.giveBack(ctx, Holder{Closed: true}) }

func (l *Lease) giveBack(ctx context.Context, h Holder) {
	ls := l.leases
	ls.mu.Lock()
	held, rev := ls.held[l.account] == l, l.rev
	if held {
		delete(ls.held, l.account)
	}
	ls.mu.Unlock()
	if !held {
		return // lost
	}
	h.ID, h.Free = l.member.id, true
	body, err := ls.record(h)
	if err == nil {
		rev, err = ls.accounts.Update(ctx, l.account, body, rev)
	}
	if err != nil {
		ls.log.Warn("giving the lease back", "account", l.account, "err", err)
		return
	}
	l.member.table.noteRecord(l.account, h, rev) // or this daemon would take it for its own until the bucket tells
}

// lose ends an account's lease before its time.
func (l *Lease) lose(why string) {
	ls := l.leases
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.held[l.account] != l {
		return
	}
	delete(ls.held, l.account)
	ls.log.Error("the lease is lost", "account", l.account, "why", why)
	close(l.lost)
}

// recordSeen is told of an account's record by the bucket. One that is not what this daemon wrote ends its lease, but for one by
// which somebody asks whose the account is, as its record was missing.
func (ls *Leases) recordSeen(ctx context.Context, account string, by Holder, rev uint64) {
	ls.mu.Lock()
	l := ls.held[account]
	changed := l != nil && rev > l.rev
	made := ls.made
	ls.mu.Unlock()
	switch {
	case !changed:
	case by.Free && by.nobody():
		if err := l.restore(ctx, made); err != nil {
			ls.log.Warn("an account's record was missing", "account", account, "err", err)
			l.lose("its record was missing, and could not be written anew")
		}
	default:
		l.lose("its record was changed or removed")
	}
}
