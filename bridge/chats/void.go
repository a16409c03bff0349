package chats

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// erased is up to which sequences of the two streams nothing counts that is said of a dialog: it was erased.
type erased struct{ updates, records uint64 }

// voidTries is how often the word of how far the records go may change while it is read and written.
const voidTries = 4

// void has the stream refuse what was begun before, and may still be on its way to it: the word of how far the records go, over which all of it
// goes, is written once more as it is. The caller holds writing.
func (k *shared) void(ctx context.Context) (err error) {
	for range voidTries {
		if err = k.rewrite(ctx); !storage.Taken(err) {
			return err
		}
	}
	return err
}

func (k *shared) rewrite(ctx context.Context) error {
	var now message // of no sequence: there is none
	place := subjects.Records(k.store.names()).Subject(k.c.Account, subjects.StateThrough, subjects.None, 0)
	err := k.store.records(ctx, place, func(m message) { now = m })
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: now.subject, Header: maps.Clone(now.header), Data: now.data}
	if now.seq == 0 { // the first one may be on its way
		m.Subject, m.Header = place, nats.Header{}
		if m.Data, err = json.Marshal(through{User: k.c.User, Listing: true}); err != nil {
			return err
		}
	}
	revision, err := k.store.write(ctx, []*nats.Msg{m}, now.seq)
	if err == nil {
		k.written.is(subjects.StateThrough, updates.Peer{}, revision)
	}
	return err
}
