package chats

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

const (
	flushEvery   = 250 * time.Millisecond // where something has changed
	throughEvery = 5 * time.Second        // where nothing has, but updates were stored
	fullEvery    = 30 * time.Second       // where the stream takes no more
	mostRecords  = 900
)

// writer writes the records of what has changed.
type writer struct {
	k        *shared
	fold     *dialogs.Fold // under k.mu
	stream   time.Time     // when the stream of updates was made
	written  uint64        // how far the record of how far the others go goes
	flushed  time.Time
	listing  bool // as that record says
	full     bool // the stream took no more
	lost     bool // that record is missing, or none
	contests int  // how often others wrote it while we did
}

// flushDue writes what has changed, if it is time, and tells how long until it may be.
func (w *writer) flushDue(ctx context.Context) (time.Duration, error) {
	for {
		w.k.mu.Lock()
		dirty, moved := w.lost || w.fold.Dirty() || w.fold.Listed() == w.listing, w.fold.Seq() != w.written
		w.k.mu.Unlock()
		every := throughEvery
		switch {
		case w.full:
			every = fullEvery
		case w.contests > 0:
			every = throughEvery
		case dirty:
			every = flushEvery
		}
		if !dirty && !moved && !w.full {
			return time.Hour, nil
		}
		if wait := time.Until(w.flushed.Add(every)); wait > 0 {
			return wait, nil
		}
		if err := w.flush(ctx); err != nil {
			return 0, err
		}
	}
}

// flush writes what has changed, and how far it goes. In between only some of it may be written. Where the stream takes no more the rest stays
// to be written, and what is known is kept: to ask Telegram for it again makes no room.
func (w *writer) flush(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = w.some(ctx); err != nil {
			return err
		}
	}
	return nil
}

// some writes as many records as go together, and tells whether there are more that can be written.
func (w *writer) some(ctx context.Context) (more bool, err error) {
	w.k.writing.Lock()
	defer w.k.writing.Unlock()
	w.k.mu.Lock()
	records, more, err := w.fold.Changed(w.k.most)
	at := w.fold.Seq()
	to := through{Seq: at, User: w.k.c.User, Stream: w.stream, Listing: !w.fold.Listed()}
	w.k.mu.Unlock()
	if more {
		to.Seq, to.Listing = w.written, true // not all of it is there yet, of a new order of what is pinned neither
	}
	if err != nil {
		w.k.c.Log.Warn("a dialog cannot be written", "err", err)
	}
	messages := w.messages(records, at, to)
	revision, err := w.k.store.write(ctx, messages, w.k.written.through)
	if storage.Taken(err) && w.reclaim(ctx) == nil {
		err = errMeddled
	}
	if ctx.Err() == nil {
		w.k.failed(err)
	}
	w.flushed, w.full = time.Now(), storage.Full(err)
	switch {
	case err == nil:
		w.note(records, revision)
		w.written, w.listing, w.lost, w.contests = to.Seq, to.Listing, false, 0
		return more, nil
	case w.full, errors.Is(err, errMeddled):
		w.k.mu.Lock()
		w.fold.Unwritten(records)
		w.k.mu.Unlock()
		if w.full {
			return false, nil
		}
		w.contests++
		return w.contests <= mostContests, nil
	}
	for _, r := range records {
		w.k.written.may(r.Chat)
	}
	return false, err
}

// mostContests is how often records are written again at once where somebody else writes over the one that goes along with them.
const mostContests = 3

// note notes where records stand that were written, with the one behind them at a sequence.
func (w *writer) note(records []dialogs.Record, through uint64) {
	at := w.k.written
	for i, r := range slices.Backward(records) {
		what := subjects.StateDialog
		if r.Chat.ID == 0 {
			what = subjects.StateFolders
		}
		at.is(what, r.Chat, through-uint64(len(records)-i)) //nolint:gosec // not negative
	}
	at.is(subjects.StateThrough, updates.Peer{}, through)
}

// messages are those of records, which go as far as at, and the word of how far all of them go.
func (w *writer) messages(records []dialogs.Record, at uint64, to through) []*nats.Msg {
	scheme, name := w.k.store.names(), w.k.c.Account
	all := make([]*nats.Msg, 0, len(records)+1)
	add := func(what string, p updates.Peer, data []byte) {
		h := nats.Header{
			subjects.HeaderContentType: {subjects.ContentJSON}, subjects.HeaderThrough: {strconv.FormatUint(at, 10)},
			subjects.HeaderUser: {strconv.FormatInt(to.User, 10)}, subjects.HeaderLayer: {strconv.Itoa(w.k.c.Schema.Layer())},
		}
		all = append(all, &nats.Msg{Subject: subjects.Records(scheme).Subject(name, what, subjects.Kind(p.Kind), p.ID), Header: h, Data: data})
	}
	for _, r := range records {
		switch {
		case r.Chat.ID == 0:
			add(subjects.StateFolders, r.Chat, r.Body)
		case r.Body == nil:
			add(subjects.StateDialog, r.Chat, gone)
		case int64(len(r.Body)) > w.k.store.most()/2: // a draft without measure: the rest is not held up by it
			add(subjects.StateDialog, r.Chat, unwritable)
		default:
			add(subjects.StateDialog, r.Chat, r.Body)
		}
	}
	last, err := json.Marshal(to)
	if err != nil {
		w.k.c.Log.Error("how far the dialogs go cannot be written", "err", err)
	}
	add(subjects.StateThrough, updates.Peer{}, last)
	return all
}
