package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// Records tells of every account's record, for who does not follow the buckets.
func (ls *Leases) Records(ctx context.Context, tell func(account string, by Holder)) error {
	lister, err := ls.accounts.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("listing the accounts: %w", err)
	}
	defer lister.Stop() //nolint:errcheck // it ends by itself
	for name := range lister.Keys() {
		if subjects.CheckAccount(name) != nil {
			continue // no account
		}
		by, rev, err := ls.read(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: reading the account's record: %w", name, err)
		}
		if rev != 0 {
			tell(name, by)
		}
	}
	return nil
}

// Holder is who runs an account, by the records: held is false where nobody does, or the daemon's lease has ended.
func (ls *Leases) Holder(ctx context.Context, account string) (by Holder, held bool, err error) {
	by, rev, err := ls.read(ctx, account)
	if err != nil || rev == 0 || by.Free || by.ID == "" {
		return by, false, err
	}
	entry, err := ls.members.Get(ctx, memberKey+by.ID)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return by, false, nil
	}
	var there Member
	if err == nil {
		err = json.Unmarshal(entry.Value(), &there)
	}
	return by, err == nil && !there.Dead, err
}
