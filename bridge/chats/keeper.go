package chats

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Config of an account's keeper.
type Config struct {
	Account string
	User    int64
	Store   *Store
	Schema  *codec.Schema
	Decl    *tl.Schema
	// Invoke makes a call of Telegram.
	Invoke func(ctx context.Context, query []byte) ([]byte, error)
	// Input is the InputPeer of a chat; an error that says true to Unknown means that there is none.
	Input   func(ctx context.Context, p updates.Peer) ([]byte, error)
	Unknown func(error) bool
	Learn   func(object []byte) // is told of the users and chats in answers
	// Fact is what a message of the stream of updates says of dialogs; false: nothing.
	Fact func(subject string, h nats.Header, data []byte) (dialogs.Fact, bool)
	Log  *slog.Logger
}

// Keeper keeps one account's dialogs. It is safe for concurrent use.
type Keeper struct {
	c      Config
	wake   chan struct{}
	finish chan chan struct{}

	inbox inbox

	mu     sync.Mutex
	fold   *dialogs.Fold // nil: it is not known yet
	listed time.Time     // when the list was gone through last
}

// inbox is what was stored of updates and is not folded in yet.
type inbox struct {
	mu    sync.Mutex
	last  uint64 // what is known to be stored
	live  bool   // what is stored comes in here; else it is read from the stream
	queue []stored
	facts int
	anew  bool // all that is known is lost
}

type stored struct {
	seq   uint64
	facts []dialogs.Fact
}

// mostFacts is how much may wait to be folded in; more is read from the stream again.
const mostFacts = 50_000

// New makes a keeper; nil where the layer has no dialogs.
func New(c Config) *Keeper {
	if dialogs.New(c.Schema, c.Decl) == nil {
		return nil
	}
	return &Keeper{c: c, wake: make(chan struct{}, 1), finish: make(chan chan struct{})}
}

// Stored tells what of updates is in the stream now, up to seq. It does not block.
func (k *Keeper) Stored(seq uint64, facts []dialogs.Fact) {
	x := &k.inbox
	x.mu.Lock()
	x.last = seq
	if x.live {
		x.queue, x.facts = append(x.queue, stored{seq, facts}), x.facts+1+len(facts)
		if x.facts > mostFacts {
			x.live, x.queue, x.facts = false, nil, 0
		}
	}
	x.mu.Unlock()
	k.poke()
}

func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Lost tells that one of the streams was lost, and perhaps made anew.
func (k *Keeper) Lost() {
	k.inbox.mu.Lock()
	k.inbox.anew, k.inbox.live, k.inbox.queue = true, false, nil
	k.inbox.mu.Unlock()
	k.poke()
}

// Doubt has a dialog asked for because of a call of the account's own, of which no update tells; the zero peer: all of them.
func (k *Keeper) Doubt(p updates.Peer) {
	k.mu.Lock()
	if k.fold != nil && p.ID != 0 {
		k.fold.Doubt(p)
	} else if k.fold != nil {
		k.fold.Relist()
	}
	k.mu.Unlock()
	k.poke()
}

// Forget takes a dialog out of what is known, before its record is erased: else an answer would tell of it, and its next record too.
func (k *Keeper) Forget(p updates.Peer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fold != nil {
		k.fold.Forget(p)
	}
}

// backoff is between attempts to go on after something failed.
var backoff = retry.Backoff{Min: 200 * time.Millisecond, Max: 30 * time.Second}

// Run keeps the records until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	_ = retry.Do(ctx, backoff, func(ctx context.Context) (again bool, err error) {
		s := &session{k: k}
		err = s.run(ctx)
		k.forget()
		if ctx.Err() == nil && !errors.Is(err, errAnew) {
			k.c.Store.st.Suspect(err)
			k.c.Log.Warn("keeping the dialogs", "err", err)
		}
		return true, err
	})
}

func (k *Keeper) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fold = nil
}

// Finish writes what is known, in order, before the account is let go of.
func (k *Keeper) Finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	done := make(chan struct{})
	select {
	case k.finish <- done:
		select {
		case <-done:
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
}

// errAnew begins again because all that is known is lost.
var errAnew = errors.New("the stream was made anew")

const (
	flushEvery   = 250 * time.Millisecond // where something has changed
	throughEvery = 5 * time.Second        // where nothing has, but updates were stored
	askPause     = time.Second
	relistEvery  = 24 * time.Hour   // of what got lost on its way here nobody tells
	relistPause  = 10 * time.Minute // where this daemon has to read the records again, whatever the reason
	longAway     = 100_000          // updates: of more all dialogs are asked for rather than reading them
	mostRecords  = 900
	finishTime   = 3 * time.Second
)

// session is the time from reading the records to whatever ends it.
type session struct {
	k        *Keeper
	fold     *dialogs.Fold // under k.mu
	stream   time.Time
	revision uint64 // of the record of how far the others go
	written  uint64 // how far that goes
	flushed  time.Time
	asker    asker
	work     sync.WaitGroup
}

func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.work.Wait()
	defer cancel()
	s.asker.s, s.asker.most = s, mostAsked
	if err := s.load(ctx); err != nil {
		return err
	}
	relisted := time.Now()
	for {
		if err := s.catchUp(ctx); err != nil {
			return err
		}
		if time.Since(relisted) > relistEvery {
			relisted = time.Now()
			s.k.Doubt(updates.Peer{})
		}
		s.asker.ask(ctx)
		wait, err := s.flushDue(ctx)
		if err != nil {
			return err
		}
		timer := time.NewTimer(min(wait, s.asker.due()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case done := <-s.k.finish:
			err := s.catchUp(ctx)
			if err == nil {
				err = s.flush(ctx, true)
			}
			close(done)
			if err != nil {
				return err
			}
		case <-s.k.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// load reads what was written.
func (s *session) load(ctx context.Context) error {
	k := s.k
	k.inbox.mu.Lock()
	k.inbox.anew = false
	last := k.inbox.last
	k.inbox.mu.Unlock()
	s.stream = k.c.Store.st.Created(storage.Updates)
	var known through
	var records []message
	err := k.c.Store.records(ctx, k.c.Account, func(m message) {
		if _, what, _, _, ok := k.c.Store.scheme.ParseState(m.subject); ok && what == subjects.StateThrough {
			s.revision = m.seq
			_ = json.Unmarshal(m.data, &known) // one that cannot be read is none
			return
		}
		records = append(records, m)
	})
	if err != nil {
		return err
	}
	fold := dialogs.New(k.c.Schema, k.c.Decl)
	goesOn := known.Seq > 0 && known.User == k.c.User && known.Stream.Equal(s.stream) && known.Seq <= last
	s.restore(fold, records, goesOn)
	if goesOn {
		s.written = known.Seq
		fold.Through(known.Seq)
		if k.mu.Lock(); !known.Whole && time.Since(k.listed) > relistPause {
			fold.Relist()
		}
		k.mu.Unlock()
	} else {
		fold.Through(last)
	}
	s.fold = fold
	k.mu.Lock()
	k.fold = fold
	k.mu.Unlock()
	return s.flush(ctx, true) // from here on nobody else writes
}

// restore takes the records, or, where they are another's or of another time, only whom they are about: who is not there any more is
// found out.
func (s *session) restore(fold *dialogs.Fold, records []message, goesOn bool) {
	var l *dialogs.Loading
	if goesOn {
		l = fold.Load()
	}
	for _, m := range records {
		_, what, kind, id, ok := s.k.c.Store.scheme.ParseState(m.subject)
		p := updates.Peer{Kind: updates.PeerKind(kind), ID: id}
		seq, _ := strconv.ParseUint(m.header.Get(subjects.HeaderThrough), 10, 64)
		var err error
		switch {
		case !ok || string(m.data) == string(gone):
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
	x := &s.k.inbox
	for {
		x.mu.Lock()
		if x.anew {
			x.mu.Unlock()
			return errAnew
		}
		queue, last, live := x.queue, x.last, x.live
		x.queue, x.facts = nil, 0
		if !live && s.seq() >= last {
			x.live, live = true, true
		}
		x.mu.Unlock()
		if live {
			s.apply(queue)
			return nil
		}
		if err := s.readBack(ctx, last); err != nil {
			return err
		}
	}
}

func (s *session) seq() uint64 {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	return s.fold.Seq()
}

func (s *session) apply(queue []stored) {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	for _, one := range queue {
		for i := range one.facts {
			s.fold.Apply(one.seq, &one.facts[i])
		}
		s.fold.Through(one.seq)
	}
}

// readBack folds in what the stream has up to last. Where that is too much, or not there any more, all dialogs are asked for.
func (s *session) readBack(ctx context.Context, last uint64) error {
	from := s.seq()
	first, err := s.k.c.Store.first(ctx)
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
	err = s.k.c.Store.updates(ctx, s.k.c.Account, from, last, func(m message) {
		if fact, ok := s.k.c.Fact(m.subject, m.header, m.data); ok {
			s.apply([]stored{{m.seq, []dialogs.Fact{fact}}})
		}
	})
	if err == nil {
		s.apply([]stored{{last, nil}})
	}
	return err
}

// flushDue writes what has changed, if it is time, and tells how long until it may be.
func (s *session) flushDue(ctx context.Context) (time.Duration, error) {
	for {
		s.k.mu.Lock()
		dirty, moved := s.fold.Dirty(), s.fold.Seq() != s.written
		s.k.mu.Unlock()
		every := throughEvery
		if dirty {
			every = flushEvery
		}
		if !dirty && !moved {
			return time.Hour, nil
		}
		if wait := time.Until(s.flushed.Add(every)); wait > 0 {
			return wait, nil
		}
		if err := s.flush(ctx, false); err != nil {
			return 0, err
		}
	}
}

// flush writes what has changed, and how far it goes. In between only some of it may be written.
func (s *session) flush(ctx context.Context, all bool) error {
	for more := true; more; {
		s.k.mu.Lock()
		records, left, err := s.fold.Changed(mostRecords)
		to := through{Seq: s.fold.Seq(), User: s.k.c.User, Stream: s.stream, Whole: s.fold.Complete()}
		s.k.mu.Unlock()
		if more = left; left {
			to.Seq = s.written // not all of it is there yet
		}
		to.Whole = to.Whole && all && !left
		if err != nil {
			s.k.c.Log.Warn("a dialog cannot be written", "err", err)
		}
		messages := s.messages(records, to)
		if s.revision, err = s.k.c.Store.write(ctx, messages, s.revision); err != nil {
			return err
		}
		s.written, s.flushed = to.Seq, time.Now()
	}
	return nil
}

func (s *session) messages(records []dialogs.Record, to through) []*nats.Msg {
	scheme, name := s.k.c.Store.scheme, s.k.c.Account
	all := make([]*nats.Msg, 0, len(records)+1)
	add := func(what string, p updates.Peer, data []byte) {
		h := nats.Header{
			subjects.HeaderContentType: {subjects.ContentJSON}, subjects.HeaderThrough: {strconv.FormatUint(s.seqOf(to), 10)},
			subjects.HeaderUser: {strconv.FormatInt(to.User, 10)}, subjects.HeaderLayer: {strconv.Itoa(s.k.c.Schema.Layer())},
		}
		all = append(all, &nats.Msg{Subject: scheme.State(name, what, subjects.Kind(p.Kind), p.ID), Header: h, Data: data})
	}
	for _, r := range records {
		switch {
		case r.Chat.ID == 0:
			add(subjects.StateFolders, r.Chat, r.Body)
		case r.Body == nil:
			add(subjects.StateDialog, r.Chat, gone)
		case int64(len(r.Body)) > s.k.c.Store.js.Conn().MaxPayload()/2: // a draft without measure: the rest is not held up by it
			add(subjects.StateDialog, r.Chat, unwritable)
		default:
			add(subjects.StateDialog, r.Chat, r.Body)
		}
	}
	last, err := json.Marshal(to)
	if err != nil {
		s.k.c.Log.Error("how far the dialogs go cannot be written", "err", err)
	}
	add(subjects.StateThrough, updates.Peer{}, last)
	return all
}

// seqOf is what records stand for: they may be further than what is said of all.
func (s *session) seqOf(to through) uint64 { return max(to.Seq, s.seq()) }
