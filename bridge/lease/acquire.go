package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// What allows to take an account is a record: that its holder has given it back, or that it names a daemon whose lease has ended.
// That there is no record allows nothing, nor does what was written after records were lost: whoever had the account is sure of it
// until three quarters of a lifetime after its record stood last. So nothing that was not given back is taken out of a bucket that
// is younger than a lifetime, and of an account without a record it is asked first, by a record that says so, whose it is.

// ErrOutside says that this daemon has no lease of its own now, so that it may hold no account.
var ErrOutside = errors.New("this daemon has no lease: it is new, or was out of NATS's sight for too long")

// WaitError says that the account may be somebody's of whom the records do not tell, and for how long.
type WaitError struct {
	Account string
	For     time.Duration
}

// Error says why.
func (e *WaitError) Error() string {
	return fmt.Sprintf("%s: its record may have been lost, and whoever has it then writes it again or lets go within %v", e.Account, e.For)
}

// Ran reports whether some daemon has ever run an account, by what is not in the buckets of the leases, so that it may run it
// still. young: records were lost just now, if there ever were any.
type Ran func(ctx context.Context, young bool) (bool, error)

// bid is one attempt to take an account.
type bid struct {
	*Leases
	account string
	member  *membership
	made    time.Time // when the bucket of the accounts was
	young   time.Duration
	ran     Ran
}

// Acquire takes the account if nobody holds it: nil if somebody does, [WaitError] if that is not known yet. It needs a [Table] that
// this daemon has joined.
func (ls *Leases) Acquire(ctx context.Context, account string, ran Ran) (*Lease, error) {
	ls.mu.Lock()
	b := bid{Leases: ls, account: account, member: ls.now, made: ls.made, young: time.Until(ls.old), ran: ran}
	ls.mu.Unlock()
	if b.member == nil || !b.member.isSure() || !ls.recordsSure() {
		return nil, ErrOutside
	}
	rev, err := b.try(ctx)
	if conflict(err) {
		return nil, nil // somebody was faster
	}
	if err != nil || rev == 0 {
		return nil, err
	}
	made, err := b.born(ctx, b.accounts)
	if err != nil {
		return nil, err
	}
	if !made.Equal(b.made) { // what was read and written may stand in another bucket than the one whose age is known
		return nil, &WaitError{account, b.ttl}
	}
	return b.keep(rev)
}

// keep notes that the account is held, unless the daemon's own lease was lost meanwhile, or the bucket.
func (b *bid) keep(rev uint64) (*Lease, error) {
	l := &Lease{leases: b.Leases, account: b.account, member: b.member, lost: make(chan struct{}), rev: rev, made: b.made}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now != b.member {
		return nil, ErrOutside
	}
	if !b.Leases.made.Equal(b.made) {
		return nil, &WaitError{b.account, b.ttl}
	}
	b.held[b.account] = l
	return l, nil
}

// try writes this daemon into the account's record if it is free, and gives the record's revision: 0, it is not.
func (b *bid) try(ctx context.Context) (rev uint64, err error) {
	body, err := b.record(Holder{ID: b.member.id})
	if err != nil {
		return 0, err
	}
	by, last, err := b.read(ctx, b.account)
	if err != nil {
		return 0, err
	}
	if last == 0 {
		return b.first(ctx, body)
	}
	if err := b.vouched(ctx, by); err != nil {
		return 0, err
	}
	if free, err := b.mayTake(ctx, by); err != nil || !free {
		return 0, err
	}
	return b.accounts.Update(ctx, b.account, body, last)
}

// vouched: what the record says was true before records can have been lost, or is so whatever was lost.
func (b *bid) vouched(ctx context.Context, by Holder) error {
	switch {
	case by.Free && !by.nobody(), by.Closed, b.isFormer(by): // by its holder
		return nil
	case b.young <= 0 && !by.nobody():
		return nil
	}
	ran, err := b.ran(ctx, b.young > 0)
	switch {
	case err != nil || !ran:
		return err
	case !by.nobody():
		return &WaitError{b.account, b.young}
	}
	mark, err := b.storage.Mark(ctx, storage.Accounts, b.account)
	if err != nil {
		return err
	}
	return b.since(ctx, mark.At)
}

// since is an error until a lifetime has passed since a record was written, by the server's clock.
func (b *bid) since(ctx context.Context, at time.Time) error {
	info, err := status(ctx, b.accounts)
	if err != nil {
		return err
	}
	if wait := max(b.ttl-info.TimeStamp.Sub(at), b.young); wait > 0 {
		return &WaitError{b.account, wait}
	}
	return nil
}

// first takes an account that has no record. Where it was ever run, a record is written that asks whose it is, and nothing taken
// before that is a lifetime old; a deletion leaves a mark that is as good.
func (b *bid) first(ctx context.Context, body []byte) (uint64, error) {
	mark, err := b.storage.Mark(ctx, storage.Accounts, b.account)
	if err != nil {
		return 0, err
	}
	ran, err := b.ran(ctx, b.young > 0)
	switch {
	case err != nil:
		return 0, err
	case ran && mark.Revision == 0:
		return 0, cmp.Or(b.ask(ctx), error(&WaitError{b.account, b.ttl}))
	case ran:
		if err := b.since(ctx, mark.At); err != nil {
			return 0, err
		}
	}
	return b.accounts.Create(ctx, b.account, body)
}

// ask writes a record that whoever has the account writes over.
func (b *bid) ask(ctx context.Context) error {
	body, err := b.record(Holder{Free: true})
	if err == nil {
		_, err = b.accounts.Create(ctx, b.account, body)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return nil
	}
	return err
}

// confirm notes that the records of all that is held stood in their bucket at a time, and sets the timer to the end of what
// that gives.
func (ls *Leases) confirm(l bucketState) {
	until := l.asked.Add(sureFor(ls.ttl))
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !l.made.Equal(ls.made) {
		return
	}
	ls.sure.Store(&until)
	if ls.timer == nil {
		ls.timer = time.AfterFunc(time.Until(until), ls.unconfirmed)
	} else {
		ls.timer.Reset(time.Until(until))
	}
}

// unconfirmed ends all that is held when it was not confirmed in time that its records stand.
func (ls *Leases) unconfirmed() {
	if ls.recordsSure() {
		return
	}
	ls.mu.Lock()
	var all []*Lease
	for _, l := range ls.held {
		all = append(all, l)
	}
	ls.mu.Unlock()
	for _, l := range all {
		l.lose("it was not confirmed in time that its record stands")
	}
}

// recordsSure: the records of all that is held stand in their bucket, or did a moment ago.
func (ls *Leases) recordsSure() bool {
	until := ls.sure.Load()
	return until != nil && within(time.Now(), *until)
}
