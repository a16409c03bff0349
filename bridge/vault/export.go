package vault

import (
	"context"
	"fmt"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Export tells of every account's newest session as it is sealed. With keys that is the newest that opens, without any the latest
// record that looks like a session.
func Export(ctx context.Context, st *storage.Storage, keys []Key, tell func(account string, record []byte)) error {
	v, err := Open(ctx, st, Key{}, keys...)
	if err != nil {
		return err
	}
	v.keys = keys
	names, err := v.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		all, err := v.versions(ctx, name)
		if err != nil {
			return err
		}
		if record := v.pick(name, all); record != nil {
			tell(name, record)
		}
	}
	return nil
}

// pick is the record to keep.
func (v *Vault) pick(account string, all []version) (record []byte) {
	var best number
	for _, one := range all {
		n := numberOf(one.record)
		if one.deleted || n == (number{}) || n.before(best) || len(v.keys) > 0 && !Opens(v.keys, account, one.record) {
			continue
		}
		best, record = n, one.record
	}
	return record
}

// Opens reports whether any of the keys opens an account's record.
func Opens(keys []Key, account string, record []byte) bool {
	_, _, err := (&Vault{keys: keys}).open(account, record)
	return err == nil && len(keys) > 0
}

// Newer says whether the bucket holds a later session of the account than a record is, by the numbers that both carry.
func Newer(ctx context.Context, st *storage.Storage, account string, record []byte) (bool, error) {
	v, err := Open(ctx, st, Key{})
	if err != nil {
		return false, err
	}
	all, err := v.versions(ctx, account)
	if err != nil || len(all) == 0 || all[len(all)-1].deleted {
		return false, err
	}
	there := numberOf((&Vault{}).pick(account, all))
	return numberOf(record).before(there), nil
}

// Import stores a record as it is sealed in place of all versions there are.
func Import(ctx context.Context, st *storage.Storage, account string, record []byte) error {
	if numberOf(record) == (number{}) {
		return fmt.Errorf("%s: what is to be restored is no session", account)
	}
	v, err := Open(ctx, st, Key{})
	if err != nil {
		return err
	}
	all, err := v.versions(ctx, account)
	if err != nil {
		return err
	}
	last := uint64(0)
	if len(all) > 0 {
		last = all[len(all)-1].kv
	}
	if err := putAlone(ctx, st, account, record, last); err != nil {
		return fmt.Errorf("%s: storing the session: %w", account, err)
	}
	return nil
}
