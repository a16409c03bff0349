package records

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// pagesOf stands before the slots of a user's pages: another user under the account's name has other messages.
func pagesOf(account string, user int64) string {
	return account + ".chats." + strconv.FormatInt(user, 10) + "."
}

// SavePage stores a page of which messages are in which chats, over what stood in its slot.
func (r *Records) SavePage(ctx context.Context, account string, user int64, slot int, body []byte) error {
	if _, err := r.bucket.Put(ctx, pagesOf(account, user)+strconv.Itoa(slot), body); err != nil {
		return fmt.Errorf("%s: saving which messages are in which chats: %w", account, err)
	}
	return nil
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
