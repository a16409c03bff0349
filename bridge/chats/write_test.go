package chats

import (
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

// Until all records are written that have changed, the word of how far they go says neither that they go further nor that the list is known: whoever
// reads them then has a part of a new order of what is pinned.
func TestPartsSayThatMoreComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, decl := apitest.Layer()
		fold := dialogs.New(s, decl)
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
