package stream

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The record of an account with nothing to publish is written again before the traffic of its neighbours pushes it out.
func TestQuietAccountsRecordIsRenewed(t *testing.T) {
	g := newRig(t, Retention{MaxBytes: 1 << 30}, false)
	quiet, _, _ := g.open(Options{Account: "quiet", renewEvery: 20 * time.Millisecond})
	before := quiet.Epoch()
	l, _, _ := g.open(Options{})
	for n := range 10 {
		l.Add(group(false, numbers(n*100, n*100+100)...))
	}
	flush(t, l)
	g.store.extents.mu.Lock()
	g.store.extents.at = time.Time{}
	g.store.extents.mu.Unlock()
	for limit := time.Now().Add(20 * time.Second); quiet.Epoch() == before; <-time.After(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("not renewed")
		}
	}
	quiet.Add(&Group{Messages: []Message{{Subject: "tg.upd.quiet.updateNewMessage.user.1", Header: message(1).Header, Data: []byte("x")}}})
	flush(t, quiet)
}

// An owner with nothing to publish whose record could not be renewed for a while hears that it could at last: else it would hold
// updates until the next one comes.
func TestRenewedAfterTrouble(t *testing.T) {
	g := newRig(t, Retention{MaxBytes: 1 << 30}, false)
	ctx := context.Background()
	told, over := make(chan struct{}, 1000), make(chan struct{}, 1000)
	quiet, _, _ := g.open(Options{
		Account: "quiet", renewEvery: 20 * time.Millisecond,
		Troubled: func() { told <- struct{}{} }, Drained: func() { over <- struct{}{} },
	})
	look := func(at time.Time) {
		g.store.extents.mu.Lock()
		defer g.store.extents.mu.Unlock()
		g.store.extents.at = at
	}
	look(time.Now().Add(time.Hour)) // not before the stream is full
	l, _, _ := g.open(Options{})
	for n := range 10 {
		l.Add(group(false, numbers(n*100, n*100+100)...))
	}
	flush(t, l)
	usual := g.store.updates.CachedInfo().Config
	full := usual
	full.Discard, full.MaxMsgs = jetstream.DiscardNew, 1
	if _, err := g.js.UpdateStream(ctx, full); err != nil {
		t.Fatal(err)
	}
	look(time.Time{})
	<-told
	if quiet.Doing().Err == nil {
		t.Error("nothing is said of it")
	}
	if _, err := g.js.UpdateStream(ctx, usual); err != nil {
		t.Fatal(err)
	}
	<-over
	if err := quiet.Doing().Err; err != nil {
		t.Error(err)
	}
}

// A daemon that was frozen does not take the account back because limits have pushed out the present owner's record: only who is sure
// of the account writes a record where there is none.
func TestFormerOwnerAfterEviction(t *testing.T) {
	g := newRig(t, Retention{}, false)
	var sure atomic.Bool
	sure.Store(true)
	former, _, _ := g.open(Options{Sure: sure.Load})
	former.Add(group(false, 1))
	flush(t, former)
	sure.Store(false) // its lease has passed on while it was frozen
	if err := g.store.updates.Purge(context.Background(), jetstream.WithPurgeSubject("tg.own.main")); err != nil {
		t.Fatal(err)
	}
	former.Add(group(false, 2))
	for limit := time.Now().Add(20 * time.Second); !errors.Is(former.Doing().Err, errUnsure); <-time.After(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%+v", former.Doing())
		}
	}
	if got := g.payloads(); got != "1" {
		t.Errorf("stream holds %s", got)
	}
	sure.Store(true) // it was sure after all
	flush(t, former)
	if got := g.payloads(); got != "1 2" {
		t.Errorf("stream holds %s", got)
	}
}

// lagging is a stream whose direct reads are answered by a server that is behind the others.
type lagging struct {
	jetstream.Stream
	old   *jetstream.RawStreamMsg
	reads atomic.Int64 // that are answered so
}

func (s *lagging) GetLastMsgForSubject(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	if s.reads.Add(-1) >= 0 {
		return s.old, nil
	}
	return s.Stream.GetLastMsgForSubject(ctx, subject)
}

// A server that lags tells of a former owner: nobody is fenced by that, and the account is not taken from the present one either.
func TestStaleRecordFencesNobody(t *testing.T) {
	g := newRig(t, Retention{}, false)
	if _, err := g.store.Open(context.Background(), Options{Account: "main"}); err != nil {
		t.Fatal(err)
	}
	old, err := g.store.updates.GetLastMsgForSubject(context.Background(), "tg.own.main")
	if err != nil {
		t.Fatal(err)
	}
	l, ended, _ := g.open(Options{})
	lag := &lagging{Stream: g.store.updates, old: old}
	lag.reads.Store(3)
	g.store.updates = lag
	if there, _, err := l.resolve(context.Background(), group(false, 1).Messages); there || err != nil {
		t.Fatalf("%v %v", there, err)
	}
	l.Add(group(false, 1))
	flush(t, l)
	select {
	case err := <-ended:
		t.Fatal(err)
	default:
	}
	other, err := g.store.Open(context.Background(), Options{Account: "main"})
	if err != nil {
		t.Fatal(err)
	}
	lag.reads.Store(3)
	var fenced *FencedError
	if err := l.fence.claim(context.Background(), false); !errors.As(err, &fenced) || fenced.By.ID != other.OwnerID() {
		t.Errorf("%v", err)
	}
}
