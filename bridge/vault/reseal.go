package vault

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Reseal seals an account's session with the first key, and drops all other versions of it. It says whether that was to be done. The
// record is replaced by one message: whoever is interrupted leaves the former or the new one. A daemon that runs the account goes on
// if it knows both keys: the session has the same number as before.
func (v *Vault) Reseal(ctx context.Context, account string) (done bool, err error) {
	for range keepTries {
		all, err := v.versions(ctx, account)
		if err != nil {
			return false, err
		}
		best, err := v.newest(account, all)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if len(all) == 1 && v.sealedByFirst(account, all[0].record) {
			return false, nil
		}
		err = v.putAlone(ctx, account, best)
		if !errors.Is(err, ErrChanged) {
			return err == nil, err
		}
	}
	return false, fmt.Errorf("%s: sealing the session anew: %w", account, ErrChanged)
}

// SealedByFirst says whether the newest record of an account is sealed with the first key.
func (v *Vault) SealedByFirst(ctx context.Context, account string) (bool, error) {
	all, err := v.versions(ctx, account)
	if err != nil || len(all) == 0 || all[len(all)-1].deleted {
		return true, err
	}
	return v.sealedByFirst(account, all[len(all)-1].record), nil
}

func (v *Vault) sealedByFirst(account string, record []byte) bool {
	_, _, err := open(v.keys[0], account, record)
	return err == nil
}

// putAlone writes a session in place of all versions of it.
func (v *Vault) putAlone(ctx context.Context, account string, s Session) error {
	record, err := seal(v.keys[0], account, s.n, s.State)
	if err != nil {
		return err
	}
	return putAlone(ctx, v.st, account, record, s.kv)
}

func putAlone(ctx context.Context, st *storage.Storage, account string, record []byte, last uint64) error {
	_, err := st.PutKey(ctx, storage.Sessions, account, record, nats.Header{
		jetstream.MsgRollup:                 {jetstream.MsgRollupSubject},
		jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last, 10)},
	})
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return ErrChanged
	}
	return err
}
