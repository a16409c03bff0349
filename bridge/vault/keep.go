package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A daemon that runs an account has its session in memory, so that the bucket's copy is not all there is. What is found there in its
// place is judged by the number that it opens with:
//
//   - a later sign-in than ours: a person signed in anew. It wins, the account begins again with it;
//   - our sign-in, saved later than ours and not by us: another daemon has the account now. It wins;
//   - ours, sealed anew with another secret: it is ours;
//   - everything else (nothing, garbage, what another secret sealed, an older session put back) is foreign: ours is written over it.

// NoRecord is what stood in a session's place where nothing did: the bucket was emptied or made anew.
const NoRecord = "no record at all"

// errKept says that the bucket holds the session as it is in memory.
var errKept = errors.New("nothing to be done")

// Keep stores a state as Save does, also where the bucket does not hold the session any more that s is, if that is nothing that has
// a better right to be there. Foreign says what stood in its place. On ErrChanged somebody else's session stands there. s is what to
// go on with in any case.
func (v *Vault) Keep(ctx context.Context, account string, s Session, state []byte) (next Session, foreign string, err error) {
	for range keepTries {
		next, record, err := v.next(account, s, state)
		if err != nil {
			return s, foreign, err
		}
		next.kv, err = v.write(ctx, account, record, s.kv)
		if err == nil {
			return next, foreign, nil
		}
		if !errors.Is(err, ErrChanged) {
			s.tried = append(slices.Clip(s.tried[max(0, len(s.tried)-keepTries):]), next.nonce) // it may get there all the same
			return s, foreign, fmt.Errorf("%s: storing the session: %w", account, err)
		}
		var what string
		if s, what, err = v.judge(ctx, account, s); err != nil && !errors.Is(err, errKept) {
			return s, foreign, err
		}
		if what != "" {
			foreign = what
		}
	}
	return s, foreign, fmt.Errorf("%s: storing the session: %w", account, ErrChanged)
}

// keepTries is how often somebody else may write meanwhile.
const keepTries = 5

// Check looks whether the bucket still holds a session, and writes it back if it does not. Foreign says what stood in its place,
// empty: nothing was wrong. On ErrChanged somebody else's session stands there.
func (v *Vault) Check(ctx context.Context, account string, s Session) (now Session, foreign string, err error) {
	now, foreign, err = v.judge(ctx, account, s)
	switch {
	case errors.Is(err, errKept):
		return now, "", nil
	case err != nil:
		return now, "", err
	}
	now, again, err := v.Keep(ctx, account, now, s.State)
	if again != "" {
		foreign = again
	}
	return now, foreign, err
}

// PutBack stores a session again, if the bucket holds nothing at all of the account, not even that it was deleted.
func (v *Vault) PutBack(ctx context.Context, account string, s Session) (done bool, err error) {
	all, err := v.versions(ctx, account)
	if err != nil || len(all) > 0 {
		return false, err
	}
	s.kv = 0
	_, err = v.Save(ctx, account, s, s.State)
	if errors.Is(err, ErrChanged) {
		return false, nil // somebody was faster
	}
	return err == nil, err
}

// judge looks what stands in the bucket in place of s: nil, something foreign, to be written over; errKept, s itself; ErrChanged,
// what has a better right.
func (v *Vault) judge(ctx context.Context, account string, s Session) (now Session, foreign string, err error) {
	all, err := v.versions(ctx, account)
	if err != nil {
		return s, "", err
	}
	there, err := v.newest(account, all)
	now = s
	now.kv = there.kv
	if len(all) > 0 {
		now.kv = all[len(all)-1].kv
	}
	switch {
	case errors.Is(err, ErrNotFound) && len(all) == 0:
		return now, NoRecord, nil
	case errors.Is(err, ErrNotFound):
		return now, "a record that says it was deleted", nil
	case errors.Is(err, ErrSealed):
		return now, v.describe(account, all[len(all)-1].record), nil
	case err != nil:
		return s, "", err
	case there.n == s.n || slices.Contains(s.tried, there.nonce):
		now.n = there.n
		if there.Foreign != "" {
			return now, there.Foreign, nil
		}
		return now, "", errKept
	case there.n.before(s.n):
		return now, v.describe(account, all[len(all)-1].record), nil
	}
	return s, "", fmt.Errorf("%s: %w", account, ErrChanged)
}
