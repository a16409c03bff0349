package chats

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

const (
	longAway   = 100_000 // updates: of more all dialogs are asked for rather than reading them
	finishTime = 3 * time.Second
)

// session is the time from reading the records to whatever ends it.
type session struct {
	k      *shared
	finish <-chan chan struct{}
	fold   *dialogs.Fold // under k.mu
	writer writer
	asker  asker
	audit  *auditor
	work   sync.WaitGroup
}

func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.work.Wait()
	defer cancel()
	if err := s.load(ctx); err != nil {
		return err
	}
	for {
		if err := s.catchUp(ctx); err != nil {
			return err
		}
		round := s.round()
		look, err := s.audit.lookDue(ctx)
		if err != nil {
			return err
		}
		s.asker.ask(ctx)
		wait, err := s.writer.flushDue(ctx)
		if err != nil {
			return err
		}
		done, err := s.wait(ctx, min(wait, round, look, s.asker.due()))
		if err != nil {
			return err
		}
		if done == nil {
			continue
		}
		if err = s.catchUp(ctx); err == nil {
			err = s.writer.flush(ctx)
		}
		close(done)
		if err != nil {
			return err
		}
	}
}

// wait waits for something to do, or that long. done is whose who wants all to be written: that goes before, and nothing else is begun.
func (s *session) wait(ctx context.Context, long time.Duration) (done chan struct{}, err error) {
	select {
	case done := <-s.finish:
		return done, nil
	default:
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case done := <-s.finish:
		return done, nil
	case <-s.k.wake:
	case <-timer.C:
	}
	return nil, nil
}

// round has all dialogs listed, if it is time, and tells how long until it is.
func (s *session) round() time.Duration {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	wait := s.k.rounds.due(time.Now())
	if wait > 0 {
		return wait
	}
	s.k.rounds.begun()
	s.fold.Relist()
	return time.Hour
}

// load reads what was written. What happened that no update tells, while nobody kept the dialogs, is found in the next round.
func (s *session) load(ctx context.Context) error {
	if err := s.read(ctx); err != nil {
		return err
	}
	return s.writer.flush(ctx) // from here on nobody else writes
}

// read reads what was written.
func (s *session) read(ctx context.Context) error {
	k := s.k
	k.writing.Lock() // a dialog that is forgotten meanwhile is known by then
	defer k.writing.Unlock()
	last := k.inbox.begin()
	stream := k.store.made()
	var known through
	var records []message
	there := newWritten()
	err := k.store.records(ctx, subjects.Records(k.store.names()).Of(k.c.Account), func(m message) {
		_, what, kind, id, ok := subjects.Records(k.store.names()).Parse(m.subject)
		p := updates.Peer{Kind: updates.PeerKind(kind), ID: id}
		if ok {
			there.is(what, p, m.seq)
			there.looked = max(there.looked, m.seq)
		}
		if ok && what == subjects.StateDialog && k.written.erased[p] && k.written.chats[p] == m.seq { // it is about to be taken out
			there.erase(p)
			return
		}
		if ok && what == subjects.StateThrough {
			_ = json.Unmarshal(m.data, &known) // one that cannot be read is none
			return
		}
		records = append(records, m)
	})
	if err != nil {
		return err
	}
	k.outlive(stream, there.through)
	ours := known.Seq > 0 && known.User == k.c.User && known.Stream.Equal(stream)
	if ours && known.Seq > last && k.patient(time.Now()) {
		return errAhead
	}
	fold := dialogs.New(k.c.Schema, k.c.Decl, k.c.Rule)
	goesOn := ours && known.Seq <= last
	s.restore(fold, records, goesOn)
	for _, p := range k.written.without(there) {
		there.owe(p)
		fold.Doubt(p)
	}
	k.written, k.missing = there, false
	written := uint64(0)
	if goesOn {
		written = known.Seq
		fold.Through(known.Seq)
		if known.Listing {
			fold.Relist()
		}
	} else {
		fold.Through(last)
	}
	s.fold, s.asker = fold, asker{k: k, fold: fold, work: &s.work, most: mostAsked}
	s.writer = writer{k: k, fold: fold, stream: stream, written: written}
	s.audit = newAuditor(k, fold, &s.writer)
	k.mu.Lock()
	k.fold, k.rounds.wanted, k.ahead, k.asks.held = fold, true, time.Time{}, nil
	k.mu.Unlock()
	return nil
}

// patience is how long the records may go further than the stream as it is known here. By then a daemon has heard that it is the former owner,
// and a stream that was restored from a backup does go less far.
const patience = time.Minute

// errAhead says that somebody has written records of updates that this daemon knows nothing of: it may be the former owner, which
// does not know that yet. If it began anew it would undo what the owner has written.
var errAhead = errors.New("the dialogs are written further than the updates that are known here: another daemon has the account, or the stream is an older one")

// patient reports whether records that go too far are waited with.
func (k *shared) patient(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ahead.IsZero() {
		k.ahead = now
	}
	return now.Sub(k.ahead) < patience
}

// restore takes the records, or, where they are another's or of another time, only whom they are about: who is not there any more is
// found out.
func (s *session) restore(fold *dialogs.Fold, records []message, goesOn bool) {
	var l *dialogs.Loading
	if goesOn {
		l = fold.Load()
	}
	s.k.mu.Lock()
	erased := maps.Clone(s.k.erased)
	s.k.mu.Unlock()
	for _, m := range records {
		_, what, kind, id, ok := subjects.Records(s.k.store.names()).Parse(m.subject)
		p := updates.Peer{Kind: updates.PeerKind(kind), ID: id}
		seq, _ := strconv.ParseUint(m.header.Get(subjects.HeaderThrough), 10, 64)
		var err error
		switch {
		case !ok || string(m.data) == string(gone) || m.seq <= erased[p].records:
		case what == subjects.StateDialog && l == nil:
			fold.Doubt(p)
		case what == subjects.StateDialog:
			err = l.Record(p, seq, m.data)
		case what == subjects.StateFolders && l != nil:
			err = l.Folders(m.data)
		}
		if err != nil {
			s.k.c.Log.Warn("a dialog is asked for anew", "subject", m.subject, "err", err)
			fold.Doubt(p)
		}
	}
	if l != nil {
		l.Done(fold.Seq())
	}
}

// catchUp folds in all that is stored: from the stream until nothing is missing, then what comes in.
func (s *session) catchUp(ctx context.Context) error {
	for {
		queue, last, live, err := s.k.inbox.take(s.seq())
		if err != nil {
			return err
		}
		if live {
			s.apply(queue)
			return nil
		}
		if err := s.readBack(ctx, last); err != nil {
			return err
		}
	}
}

// seq is up to where everything is folded in.
func (s *session) seq() uint64 {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	return s.fold.Seq()
}

func (s *session) apply(queue []stored) {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	own := updates.Peer{Kind: updates.PeerUser, ID: s.k.c.User}
	for _, one := range queue {
		for _, fact := range one.facts {
			if one.seq <= s.k.erased[fact.Chat].updates {
				continue
			}
			fact.Out = fact.Out || fact.Chat == own // Telegram does not say so of what is saved there, and counts none of it as unread
			s.fold.Apply(one.seq, &fact)
		}
		s.fold.Through(one.seq)
	}
}

// readBack folds in what the stream has up to last. Where that is too much, or not there any more, all dialogs are asked for.
func (s *session) readBack(ctx context.Context, last uint64) error {
	from := s.seq()
	first, err := s.k.store.first(ctx)
	if err != nil {
		return err
	}
	if last-from > longAway || from > 0 && first > from+1 {
		s.k.mu.Lock()
		defer s.k.mu.Unlock()
		s.fold.DoubtAll()
		s.fold.Through(last)
		return nil
	}
	err = s.k.store.updates(ctx, s.k.c.Account, from, last, func(m message) {
		if fact, ok := s.k.c.Fact(m.subject, m.header, m.data); ok {
			s.apply([]stored{{m.seq, []dialogs.Fact{fact}}})
		}
	})
	if err == nil {
		s.apply([]stored{{last, nil}})
	}
	return err
}
