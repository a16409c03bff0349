package chats

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

// parting is a stream that takes its time.
type parting struct {
	*memory
	begun, end chan struct{}
	err        error
	wrote      []string
}

func (s *parting) records(context.Context, string, func(message)) error { return nil }

func (s *parting) write(_ context.Context, all []*nats.Msg, over uint64) (uint64, error) {
	if s.begun != nil {
		close(s.begun)
		<-s.end
		s.begun = nil
	}
	for _, m := range all {
		s.wrote = append(s.wrote, m.Subject)
	}
	return over + 1, s.err
}

// Of a dialog that is forgotten nothing is on its way to the stream any more, and nothing is written afterwards: whoever erases its record then has
// erased it.
func TestForgetWaitsForWrites(t *testing.T) {
	for _, full := range []error{nil, &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}} {
		s, decl := apitest.Layer()
		streams := &parting{memory: &memory{}, begun: make(chan struct{}), end: make(chan struct{}), err: full}
		k := newKeeper(Config{Account: "main", User: 1, Schema: s, Decl: decl, Log: slog.New(slog.DiscardHandler)}, streams)
		fold, eve := dialogs.New(s, decl, nil), updates.Peer{Kind: updates.PeerUser, ID: 5}
		fold.Doubt(eve)
		k.fold = fold
		w := writer{k: &k.shared, fold: fold}
		flushed, forgotten := make(chan error), make(chan struct{})
		go func() { flushed <- w.flush(t.Context()) }()
		<-streams.begun
		go func() { defer close(forgotten); _, _ = k.Forget(t.Context(), eve, 0) }()
		for range 10_000 {
			runtime.Gosched() // it goes as far as it can
		}
		select {
		case <-forgotten:
			t.Error("forgotten while it is being written")
		default:
		}
		close(streams.end)
		if err := <-flushed; err != nil {
			t.Error(err)
		}
		<-forgotten
		streams.wrote, streams.err = nil, nil
		fold.Doubt(updates.Peer{Kind: updates.PeerUser, ID: 6})
		if err := w.flush(t.Context()); err != nil {
			t.Error(err)
		}
		if slices.Contains(streams.wrote, "tg.state.main.dialog.user.5") {
			t.Errorf("written afterwards: %q", streams.wrote)
		}
	}
}

// Until all records are written that have changed, the word of how far they go says neither that they go further nor that the list is known: whoever
// reads them then has a part of a new order of what is pinned.
func TestPartsSayThatMoreComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, decl := apitest.Layer()
		fold := dialogs.New(s, decl, nil)
		l := fold.Load()
		if err := l.Folders([]byte(`{"folders":{"_":"messages.dialogFilters","filters":[]}}`)); err != nil {
			t.Fatal(err)
		}
		l.Done(7)
		for id := range int64(3) {
			fold.Doubt(updates.Peer{Kind: updates.PeerUser, ID: 1 + id})
		}
		streams := &memory{note: func(string, ...any) {}}
		k := newKeeper(Config{Account: "main", User: 1, Schema: s, Decl: decl, Log: slog.New(slog.DiscardHandler)}, way{streams, newChance(1, 1)})
		k.most = 1
		var all []through
		streams.note = func(_ string, args ...any) {
			if _, what, _, _, _ := subjects.Records(subjects.Scheme{}).Parse(args[1].(string)); what == subjects.StateThrough {
				var to through
				if err := json.Unmarshal(args[2].([]byte), &to); err != nil {
					t.Error(err)
				}
				all = append(all, to)
			}
		}
		w := writer{k: &k.shared, fold: fold, written: 5}
		if err := w.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(all) != 3 {
			t.Fatalf("%d writes", len(all))
		}
		for i, to := range all {
			if last := i == 2; to.Listing == last || (to.Seq == 7) != last {
				t.Errorf("write %d goes to %d, listing %v", i, to.Seq, to.Listing)
			}
		}
	})
}
