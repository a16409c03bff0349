package chats

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// erased is up to which sequences of the two streams nothing counts that is said of a dialog: it was erased.
type erased struct {
	updates, records uint64
	made             time.Time // the stream of updates
}

// outlive forgets sequences of streams that were lost: of the one of updates that was made at another time, and of the records that go less far, as the
// word of how far the others go stands behind each that was erased.
func (k *shared) outlive(made time.Time, through uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p, e := range k.erased {
		if !e.made.Equal(made) {
			e.updates = 0
		}
		if e.records > through {
			e.records = 0
		}
		k.erased[p] = e
	}
}

// voidTries is how often the word of how far the records go may change while it is read and written.
const voidTries = 4

// void has the stream refuse what was begun before, and may still be on its way to it: the word of how far the records go, over which all of it
// goes, is written once more as it is, at the revision that is given back. What a cluster has not come through with yet is waited for. The caller
// holds writing.
func (k *shared) void(ctx context.Context) (revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	for range voidTries {
		err = storage.Beside(ctx, func(ctx context.Context) (err error) {
			revision, err = k.rewrite(ctx)
			return err
		})
		if !storage.Taken(err) {
			return revision, err
		}
	}
	return 0, err
}

func (k *shared) rewrite(ctx context.Context) (revision uint64, err error) {
	now, err := k.howFar(ctx)
	if err != nil {
		return 0, err
	}
	m := &nats.Msg{Subject: now.subject, Header: nats.Header{}, Data: now.data}
	maps.Copy(m.Header, now.header)
	if now.seq == 0 { // the first one may be on its way
		if m.Data, err = json.Marshal(through{User: k.c.User, Listing: true}); err != nil {
			return 0, err
		}
	}
	revision, err = k.store.write(ctx, []*nats.Msg{m}, now.seq)
	if err == nil && now.seq == k.written.through { // else it is somebody else's, over which nothing of ours is to go
		k.written.is(subjects.StateThrough, updates.Peer{}, revision)
	}
	return revision, err
}

// howFar is the record of how far the others go; of sequence 0: there is none.
func (k *shared) howFar(ctx context.Context) (m message, err error) {
	m.subject = subjects.Records(k.store.names()).Subject(k.c.Account, subjects.StateThrough, subjects.None, 0)
	err = k.store.records(ctx, m.subject, func(there message) { m = there })
	return m, err
}
