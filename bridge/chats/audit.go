package chats

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

const (
	auditEvery = time.Minute
	wholeEvery = 10 * time.Minute // and all records, where the stream has changed
	lookTime   = 30 * time.Second
)

// auditor looks whether the records are as they were written: somebody else may write over them, or take some out. These are written again. Of what is
// newer than the last look that tells by itself; what is missing is found by looking at all.
type auditor struct {
	k      *shared
	fold   *dialogs.Fold // under k.mu
	writer *writer
	next   time.Time
	tail   tail      // how the stream stood at the last look
	whole  time.Time // when all were looked at
	then   tail      // how the stream stood at that
}

func newAuditor(k *shared, fold *dialogs.Fold, w *writer) *auditor {
	now := time.Now()
	return &auditor{k: k, fold: fold, writer: w, whole: now, next: now.Add(k.audit + k.jitter(k.audit/4))}
}

// lookDue looks, if it is time, and tells how long until it is.
func (a *auditor) lookDue(ctx context.Context) (time.Duration, error) {
	if wait := time.Until(a.next); wait > 0 {
		return wait, nil
	}
	a.next = time.Now().Add(a.k.audit)
	brief, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	found, err := a.look(brief)
	switch {
	case errors.Is(err, errTaken), ctx.Err() != nil:
		return 0, err
	case err != nil:
		a.k.store.suspect(err)
	}
	a.k.looked(found, err)
	return a.k.audit, nil
}

// look finds what is not as it was written, and has it written.
func (a *auditor) look(ctx context.Context) (damage, error) {
	k := a.k
	k.writing.Lock()
	defer k.writing.Unlock()
	now, err := k.store.tail(ctx)
	if err != nil {
		return damage{}, err
	}
	whole := k.missing || now.last == a.tail.last && now != a.tail || now != a.then && time.Since(a.whole) >= k.whole
	if now == a.tail && !whole {
		return damage{}, nil
	}
	from := k.written.looked + 1
	if whole {
		from = 0
	}
	var all []message // a look that breaks off has seen nothing
	if err = k.store.marks(ctx, k.c.Account, from, now.last, func(m message) { all = append(all, message{subject: m.subject, seq: m.seq}) }); err != nil {
		return damage{}, err
	}
	l, through := k.written.look(), k.written.through
	for _, m := range all {
		if _, what, kind, id, ok := subjects.Records(k.store.names()).Parse(m.subject); ok {
			l.record(what, updates.Peer{Kind: updates.PeerKind(kind), ID: id}, m.seq)
		}
	}
	switch {
	case whole:
		l.missing()
		a.whole, a.then, k.missing = time.Now(), now, false
	case l.damage.any():
		k.missing = true // whoever writes over some may take out others
	}
	a.tail, k.written.looked = now, max(k.written.looked, now.last)
	if l.damage.through {
		k.written.through = through // until it is known who has written what is there
		err = a.writer.reclaim(ctx)
		k.missing = k.missing || err != nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	l.damage.mend(a.fold)
	return l.damage, err
}

// errTaken says that somebody else keeps the records.
var errTaken = errors.New("another daemon has written the records of the dialogs")

// reclaim takes the record of how far the others go for ours where it is missing, or is none: nobody who keeps dialogs has written it then. Under
// k.writing.
func (w *writer) reclaim(ctx context.Context) error {
	k := w.k
	now, err := k.howFar(ctx)
	var to through
	switch {
	case err != nil:
		return err
	case json.Unmarshal(now.data, &to) == nil && to.kept():
		return errTaken
	}
	k.written.through, w.lost = now.seq, true
	k.missing = k.missing || now.seq == 0
	return nil
}

// errMeddled says that somebody else has done something to the records.
var errMeddled = errors.New("somebody else has written over records of dialogs in TG_STATE, or taken them out: they are written again")

// spoiled is what others have done to the records.
type spoiled struct {
	since time.Time // when that was found first; zero: the last look found nothing
	n     int       // how many records
}

// looked notes what a look has found, or why it has not.
func (k *shared) looked(found damage, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.looks.note(time.Now(), err) {
		k.c.Log.Warn("looking at the records of dialogs", "err", err)
	}
	switch {
	case err != nil:
		return
	case !found.any():
		k.spoiled = spoiled{}
		return
	}
	if k.spoiled.since.IsZero() {
		k.spoiled.since = time.Now()
	}
	k.spoiled.n += found.count()
	k.c.Log.Warn(errMeddled.Error(), "so far", k.spoiled.n, "dialogs", len(found.chats), "folders", found.folders, "through", found.through)
}
