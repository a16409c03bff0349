package chats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

// lateWrites is a keeper of which one write gets no answer: the server takes it in when it is released.
type lateWrites struct {
	*embeddedtest.Holding
	*testing.T
	k *Keeper
	w writer
}

func newLateWrites(t *testing.T) *lateWrites {
	t.Helper()
	x := &lateWrites{Holding: embeddedtest.Hold(embeddedtest.Start(t)), T: t}
	js, err := jetstream.New(embeddedtest.Connect(t, x.Holding))
	if err != nil {
		t.Fatal(err)
	}
	st := storage.Daemon(js, storage.Options{}, nil)
	if _, err := st.Stream(t.Context(), storage.Updates); err != nil {
		t.Fatal(err)
	}
	store, err := Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	s, decl := apitest.Layer()
	x.k = newKeeper(Config{Account: "main", User: 1, Store: store, Schema: s, Decl: decl, Log: slog.New(slog.DiscardHandler)}, store)
	x.k.fold = dialogs.New(s, decl, nil)
	x.w = writer{k: &x.k.shared, fold: x.k.fold}
	return x
}

var eve, al = updates.Peer{Kind: updates.PeerUser, ID: 5}, updates.Peer{Kind: updates.PeerUser, ID: 6}

// writes has a dialog written.
func (x *lateWrites) writes(p updates.Peer) error {
	ctx, cancel := context.WithTimeout(x.Context(), 5*time.Second)
	defer cancel()
	x.anew(p)
	return x.w.flush(ctx)
}

// anew has a dialog known that is to be written.
func (x *lateWrites) anew(p updates.Peer) {
	x.k.fold.Forget(p)
	x.k.fold.Doubt(p)
}

// unheard has a dialog written, of which no answer comes: all of it, or the last message of it, is on its way.
func (x *lateWrites) unheard(p updates.Peer, all bool) {
	x.Helper()
	x.Back(func(subject string) bool {
		return strings.HasPrefix(subject, "tg.state.") && (all || strings.Contains(subject, ".through."))
	})
	ctx, cancel := context.WithTimeout(x.Context(), 200*time.Millisecond)
	defer cancel()
	x.anew(p)
	if err := x.w.flush(ctx); !errors.Is(err, context.DeadlineExceeded) || len(x.Held()) == 0 {
		x.Fatalf("%v, held back: %q", err, x.Held())
	}
	x.Back(nil)
}

// erase does what an erasure does to the stream.
func (x *lateWrites) erase(p updates.Peer) {
	x.Helper()
	if _, err := x.k.Forget(x.Context(), p, x.k.inbox.last); err != nil {
		x.Fatal(err)
	}
	st, err := x.k.c.Store.js.Stream(x.Context(), "TG_STATE")
	if err != nil {
		x.Fatal(err)
	}
	for seq := range st.CachedInfo().State.LastSeq {
		m, err := st.GetMsg(x.Context(), seq+1)
		if err == nil && m.Subject == subjects.Records(subjects.Scheme{}).Subject("main", subjects.StateDialog, subjects.Kind(p.Kind), p.ID) {
			err = st.SecureDeleteMsg(x.Context(), seq+1)
		}
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			x.Fatal(err)
		}
	}
}

// A record that was being written, and that the server takes in when nobody waits for it any more, does not come behind the erasure: whether it is
// the first of all that were written, and whether there is somebody yet, or still, who keeps the dialogs.
func TestErasedRecordsAreNotWrittenLate(t *testing.T) {
	for name, c := range map[string]struct{ first, all, over bool }{
		"a later write": {all: true}, "its last message": {}, "the first write": {first: true}, "nobody keeps the dialogs at present": {over: true},
		"nor have they been written before": {first: true, over: true},
	} {
		t.Run(name, func(t *testing.T) {
			x := newLateWrites(t)
			if !c.first {
				if err := errors.Join(x.writes(eve), x.writes(al)); err != nil {
					t.Fatal(err)
				}
			}
			x.unheard(eve, c.all)
			if c.over {
				x.k.forget()
			}
			x.erase(eve)
			x.Release(t)
			s := &session{k: &x.k.shared}
			if err := s.load(t.Context()); err != nil { // which writes behind it
				t.Fatal(err)
			}
			if got := x.k.c.Store.all(t); strings.Contains(got, "dialog 5") || strings.Contains(got, "dialog 6") == c.first {
				t.Error(got)
			}
			if s.fold.Len() != map[bool]int{true: 0, false: 1}[c.first] {
				t.Errorf("%d dialogs are known", s.fold.Len())
			}
		})
	}
}

// What a daemon that keeps the dialogs writes after an erasure, it writes over what that has written.
func TestWritesGoOnAfterAnErasure(t *testing.T) {
	x := newLateWrites(t)
	for range 2 {
		if err := errors.Join(x.writes(eve), x.writes(al)); err != nil {
			t.Fatal(err)
		}
		x.erase(eve)
	}
	if err := x.writes(al); err != nil {
		t.Error(err)
	}
}

// An erasure does not let a daemon that has lost the account, and does not know it yet, write over what the owner has written: what is written behind
// the erasure is refused as it was before. What somebody has written who keeps no dialogs is taken back, as it is without an erasure.
func TestAnErasureGivesNoRight(t *testing.T) {
	for name, c := range map[string]struct {
		theirs string // how far the records go, as somebody else has written it
		want   error
	}{"the owner's": {`{"seq":9,"user":1,"stream":"2026-01-01T00:00:00Z"}`, errTaken}, "nobody's": {"spoilt", nil}} {
		t.Run(name, func(t *testing.T) {
			x := newLateWrites(t)
			if err := errors.Join(x.writes(eve), x.writes(al)); err != nil {
				t.Fatal(err)
			}
			place := subjects.Records(subjects.Scheme{}).Subject("main", subjects.StateThrough, subjects.None, 0)
			if _, err := x.k.c.Store.write(t.Context(), []*nats.Msg{{Subject: place, Header: nats.Header{}, Data: []byte(c.theirs)}}, x.k.written.through); err != nil {
				t.Fatal(err)
			}
			x.erase(eve)
			if err := x.w.flush(t.Context()); !errors.Is(err, c.want) && !storage.Taken(err) || (err == nil) != (c.want == nil) {
				t.Errorf("nothing that has changed: %v", err)
			}
			if err := x.writes(al); (err == nil) != (c.want == nil) {
				t.Errorf("a dialog that has changed: %v", err)
			}
			if got := x.k.c.Store.all(t); strings.Contains(got, c.theirs) == (c.want == nil) {
				t.Error(got)
			}
		})
	}
}

// halting is streams of which the updates come when they are let.
type halting struct {
	*memory
	held       []message
	read, goOn chan struct{}
}

func (s *halting) records(_ context.Context, _ string, each func(message)) error {
	for _, m := range s.held {
		each(m)
	}
	return nil
}

func (s *halting) updates(ctx context.Context, account string, from, until uint64, each func(message)) error {
	return s.memory.updates(ctx, account, from, until, func(m message) {
		s.read <- struct{}{}
		<-s.goOn
		each(m)
	})
}

func (s *halting) write(context.Context, []*nats.Msg, uint64) (uint64, error) { return 1, nil }

// What was read of an erased dialog before it was erased, in the records or in the stream of updates, is not taken in afterwards; what is new is.
func TestErasedIsNotReadBack(t *testing.T) {
	known, err := json.Marshal(through{Seq: 1, User: 1, Stream: (&memory{}).made()})
	if err != nil {
		t.Fatal(err)
	}
	at := nats.Header{subjects.HeaderThrough: {"1"}}
	said := func(id int) dialogs.Fact {
		return dialogs.Fact{Name: "updateNewMessage", Chat: eve, About: updates.About{MsgID: id}}
	}
	streams := &halting{
		memory: &memory{last: 3, log: []entry{{2, said(1), said(1), true}, {3, said(2), said(2), true}}}, read: make(chan struct{}), goOn: make(chan struct{}),
		held: []message{{record(5, "").Subject, at, []byte(`{"stale":true}`), 1}, {record(6, "").Subject, at, []byte(`{"stale":true}`), 2}, {record(0, "").Subject, at, known, 3}},
	}
	s, decl := apitest.Layer()
	k := newKeeper(Config{Account: "main", User: 1, Schema: s, Decl: decl, Fact: streams.fact, Log: slog.New(slog.DiscardHandler)}, streams)
	k.Stored(2, nil)
	chats := func(s *session) string { return fmt.Sprint(s.fold.Chats(0)) }
	one := &session{k: &k.shared}
	if err := one.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := chats(one); got != "[user.5 user.6]" {
		t.Fatal(got)
	}
	done := make(chan error)
	go func() { done <- one.catchUp(t.Context()) }()
	<-streams.read
	if _, err := k.Forget(t.Context(), eve, 2); err != nil {
		t.Fatal(err)
	}
	streams.goOn <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := chats(one); got != "[user.6]" || one.seq() != 2 {
		t.Errorf("%s, up to %d", got, one.seq())
	}
	next := &session{k: &k.shared} // before her record is taken out of the stream
	if err := next.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := chats(next); got != "[user.6]" {
		t.Error(got)
	}
	k.Stored(3, nil)
	go func() { done <- next.catchUp(t.Context()) }()
	for range 2 {
		<-streams.read
		streams.goOn <- struct{}{}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := chats(next); got != "[user.5 user.6]" {
		t.Errorf("what she said later: %s", got)
	}
}

// anew is streams that can be made anew.
type anew struct {
	*memory
	begun time.Time
}

func (s *anew) made() time.Time { return s.begun }

func (s *anew) records(_ context.Context, _ string, each func(message)) error {
	for _, m := range s.all() {
		each(m)
	}
	return nil
}

func (s *anew) write(_ context.Context, all []*nats.Msg, over uint64) (uint64, error) {
	return s.put(all, over)
}

// Sequences of a stream that was lost say nothing of the one that was made in its place: what it has of somebody who was erased before is taken in.
func TestErasedOfStreamsThatWereLost(t *testing.T) {
	begin := func() *memory { return &memory{note: func(string, ...any) {}, spoiled: map[string]bool{}} }
	streams := &anew{begin(), time.Unix(1, 0)}
	s, decl := apitest.Layer()
	k := newKeeper(Config{Account: "main", User: 1, Schema: s, Decl: decl, Log: slog.New(slog.DiscardHandler)}, streams)
	load := func() *session {
		one := &session{k: &k.shared}
		if err := one.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		return one
	}
	k.Stored(100, nil)
	load()
	if _, err := k.Forget(t.Context(), eve, 100); err != nil {
		t.Fatal(err)
	}
	streams.memory, streams.begun = begin(), time.Unix(2, 0)
	k.Stored(0, nil)
	k.Lost()
	one := load()
	if err := one.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.Stored(1, []dialogs.Fact{{Name: "updateNewMessage", Chat: eve, About: updates.About{MsgID: 1}}})
	if err := errors.Join(one.catchUp(t.Context()), one.writer.flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	for what, one := range map[string]*session{"told": one, "read back": load()} {
		if got := fmt.Sprint(one.fold.Chats(0)); got != "[user.5]" {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// contested is a stream of a cluster that has not come through yet with what is on its way to a place.
type contested struct {
	halting
	refusals int
}

func (s *contested) write(context.Context, []*nats.Msg, uint64) (uint64, error) {
	if s.refusals--; s.refusals >= 0 {
		return 0, &jetstream.APIError{Code: 400, ErrorCode: 10164}
	}
	return 1, nil
}

// An erasure right behind a write of which no answer has come waits in a cluster until that is there.
func TestAnErasureWaitsForWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, decl := apitest.Layer()
		streams := &contested{halting{memory: &memory{}}, 100}
		k := newKeeper(Config{Account: "main", User: 1, Schema: s, Decl: decl, Log: slog.New(slog.DiscardHandler)}, streams)
		if _, err := k.Forget(t.Context(), eve, 0); err != nil {
			t.Error(err)
		}
		streams.refusals = 1_000_000
		if _, err := k.Forget(t.Context(), eve, 0); !storage.InFlight(err) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it never comes through: %v", err)
		}
	})
}

// The word of how far the records go may be somebody else's, without any header.
func TestErasureOverAWordWithoutHeaders(t *testing.T) {
	x := newLateWrites(t)
	if err := x.writes(eve); err != nil {
		t.Fatal(err)
	}
	js := x.k.c.Store.js
	if _, err := js.Publish(t.Context(), subjects.Records(subjects.Scheme{}).Subject("main", subjects.StateThrough, subjects.None, 0), []byte("spoilt")); err != nil {
		t.Fatal(err)
	}
	x.erase(eve)
	if got := x.k.c.Store.all(t); strings.Contains(got, "dialog 5") {
		t.Error(got)
	}
}
