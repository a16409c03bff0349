package records

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// pagesOf stands before the slots of a user's pages: another user under the account's name has other messages.
func pagesOf(account string, user int64) string {
	return account + ".chats." + strconv.FormatInt(user, 10) + "."
}

// SavePage stores a page of which messages are in which chats, over what stands in its slot, and gives its revision. over is what that is known
// to have, 0: it is not known. What was stored before and is still on its way does not come over it any more.
func (r *Records) SavePage(ctx context.Context, account string, user int64, slot int, body []byte, over uint64) (revision uint64, err error) {
	key := pagesOf(account, user) + strconv.Itoa(slot)
	save := func(over uint64) error {
		return storage.Beside(ctx, func(ctx context.Context) (err error) {
			revision, err = r.bucket.Update(ctx, key, body, over)
			return err
		})
	}
	if err = save(over); storage.Taken(err) {
		var now storage.Mark
		if now, err = r.storage.Mark(ctx, storage.Positions, key); err == nil {
			err = save(now.Revision)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("%s: saving which messages are in which chats: %w", account, err)
	}
	return revision, nil
}

// Pages are those that were saved for a user.
func (r *Records) Pages(ctx context.Context, account string, user int64) (all [][]byte, err error) {
	err = r.storage.Each(ctx, r.bucket, pagesOf(account, user)+"*", func(_ string, value []byte) bool {
		all = append(all, value)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("%s: reading which messages are in which chats: %w", account, err)
	}
	return all, nil
}

// forgetPages removes the pages of every user that an account had.
func (r *Records) forgetPages(ctx context.Context, account string) error {
	st, err := r.storage.JetStream().Stream(ctx, "KV_"+r.bucket.Bucket())
	if err == nil {
		err = st.Purge(ctx, jetstream.WithPurgeSubject("$KV."+r.bucket.Bucket()+"."+account+".chats.>"))
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}
