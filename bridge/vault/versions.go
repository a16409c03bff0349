package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// version is one record of the bucket's history.
type version struct {
	kv      uint64
	record  []byte
	deleted bool
}

// versions reads what the bucket keeps of an account, oldest first; nothing: there is none, or it was deleted.
func (v *Vault) versions(ctx context.Context, account string) (all []version, err error) {
	subject := "$KV." + v.bucket + "." + account
	for seq := uint64(1); ; {
		m, err := v.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: reading the session: %w", account, err)
		}
		all = append(all, version{m.Sequence, m.Data, m.Header.Get("KV-Operation") != ""})
		seq = m.Sequence + 1
	}
}

// newest opens the newest of the versions by the number that is sealed with it, not by its place in the bucket: an older record may
// have been put back over it.
func (v *Vault) newest(account string, all []version) (best Session, err error) {
	if len(all) == 0 || all[len(all)-1].deleted {
		s := Session{}
		if len(all) > 0 {
			s.kv = all[len(all)-1].kv
		}
		return s, fmt.Errorf("%s: %w", account, ErrNotFound)
	}
	found := false
	for _, one := range all {
		if one.deleted {
			continue
		}
		state, n, failed := v.open(account, one.record)
		if failed != nil {
			err = failed
		} else if !found || !n.before(best.n) {
			best, found = Session{State: state, n: n, kv: one.kv, nonce: nonceOf(one.record)}, true
		}
	}
	top := all[len(all)-1]
	if !found {
		return Session{}, fmt.Errorf("%s: %w", account, err)
	}
	if best.kv != top.kv {
		best.Foreign = v.describe(account, top.record)
		best.kv = top.kv // what is written next goes over it
	}
	return best, nil
}

// describe says for people what a record is that is not the newest session.
func (v *Vault) describe(account string, record []byte) string {
	if _, n, err := v.open(account, record); err == nil {
		return fmt.Sprintf("an older session of the account (sign-in %d, revision %d)", n.generation, n.revision)
	}
	if numberOf(record) != (number{}) {
		return fmt.Sprintf("a record that does not open: altered, of another account, or sealed with another secret (%d bytes)", len(record))
	}
	return fmt.Sprintf("%d bytes that are no session", len(record))
}

// open opens a record with any of the keys.
func (v *Vault) open(account string, record []byte) (state []byte, n number, err error) {
	for _, k := range v.keys {
		if state, n, err = open(k, account, record); err == nil {
			return state, n, nil
		}
	}
	return nil, n, err
}
