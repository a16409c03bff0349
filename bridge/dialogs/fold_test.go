package dialogs

import (
	"slices"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

// bench is a fold, and Telegram's words to it.
type bench struct {
	*testing.T
	*Fold
	s   *codec.Schema
	seq uint64
	now time.Time
}

func newBench(t *testing.T) *bench {
	s, decl := apitest.Layer()
	return &bench{T: t, Fold: New(s, decl, nil), s: s}
}

func user(id int64) updates.Peer { return updates.Peer{Kind: updates.PeerUser, ID: id} }

func peer(id int64) codec.M { return codec.M{"_": "peerUser", "user_id": id} }

func dialogOf(id int64, pinned bool) codec.M {
	return codec.M{"_": "dialog", "peer": peer(id), "pinned": pinned, "top_message": 7, "read_inbox_max_id": 7, "read_outbox_max_id": 0, "unread_count": 0,
		"unread_mentions_count": 0, "unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": codec.M{"_": "peerNotifySettings"}}
}

func (b *bench) view(m codec.M) codec.View {
	b.Helper()
	tl, err := b.s.Encode(nil, m)
	if err != nil {
		b.Fatal(err)
	}
	v, err := b.s.View(tl)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// some is an answer with dialogs.
func (b *bench) some(all ...codec.M) codec.View {
	b.Helper()
	return b.view(codec.M{"_": "messages.peerDialogs", "dialogs": all, "messages": []codec.M{}, "chats": []codec.M{}, "users": []codec.M{},
		"state": codec.M{"_": "updates.state", "pts": 1, "qts": 0, "date": 1, "seq": 0, "unread_count": 0}})
}

// update folds one in.
func (b *bench) update(m codec.M) { b.Helper(); b.updateAt(m, time.Time{}) }

// updateAt folds in one that came at some time.
func (b *bench) updateAt(m codec.M, at time.Time) {
	b.Helper()
	b.seq++
	b.Apply(b.seq, &Fact{Name: m["_"].(string), Chat: user(1), At: at, Update: b.view(m).Raw()})
}

// list goes through the list, in which the pinned ones are, and then something happens before it ends.
func (b *bench) list(pinned []int64, meanwhile func()) {
	b.Helper()
	b.Relist()
	l := b.Listing(b.now)
	var all []codec.M
	for _, id := range pinned {
		all = append(all, dialogOf(id, true))
	}
	l.Pinned(0, b.some(all...))
	l.Pinned(1, b.some())
	meanwhile()
	l.Done()
}

// known answers everything that is to be asked.
func (b *bench) known(pinned ...int64) {
	b.Helper()
	b.list(pinned, func() {})
	b.answer(pinned...)
	if !b.Complete() {
		b.Fatal("not all is known")
	}
}

func (b *bench) answer(pinned ...int64) {
	b.Helper()
	b.AskFolders()
	b.TakeFolders(b.view(codec.M{"_": "messages.dialogFilters", "filters": []codec.M{}}).Raw())
	asked := b.Ask(100, b.now)
	var all []codec.M
	for _, p := range asked {
		all = append(all, dialogOf(p.ID, slices.Contains(pinned, p.ID)))
	}
	b.Take(asked, b.some(all...))
}

func pin(id int64, on bool) codec.M {
	return codec.M{"_": "updateDialogPinned", "pinned": on, "peer": codec.M{"_": "dialogPeer", "peer": peer(id)}}
}

func archive(id int64) codec.M {
	return codec.M{"_": "updateFolderPeers", "folder_peers": []codec.M{{"_": "folderPeer", "peer": peer(id), "folder_id": 1}}, "pts": 1, "pts_count": 1}
}

// A list that was read while updates changed which dialogs are pinned is read anew: its order may be older than they are. What is moved to
// the archive is pinned no more.
func TestPinsChangeWhileListed(t *testing.T) {
	for name, update := range map[string]codec.M{"pinned": pin(3, true), "not any more": pin(1, false), "archived": archive(1)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.known(1, 2)
			b.list([]int64{1, 2}, func() { b.update(update) })
			if b.Next() != List {
				t.Errorf("next is %v, want the list", b.Next())
			}
		})
	}
}

// Whatever has the list asked for has the folders asked for: who wants both asks for no second list where one is under way.
func TestListWantsFolders(t *testing.T) {
	for name, why := range map[string]func(b *bench){
		"a gap":                  func(b *bench) { b.Apply(9, &Fact{Name: "gap"}) },
		"no order":               func(b *bench) { b.update(codec.M{"_": "updatePinnedDialogs"}) },
		"changed":                func(b *bench) { b.list(nil, func() { b.update(pin(1, true)) }) },
		"pinned anyhow":          func(b *bench) { b.Doubt(user(1)); b.answer() },
		"pinned where it is not": func(b *bench) { b.update(archive(1)); b.update(pin(1, true)) },
		"ordered where it is not": func(b *bench) {
			b.update(archive(1))
			b.update(codec.M{"_": "updatePinnedDialogs", "order": []codec.M{{"_": "dialogPeer", "peer": peer(1)}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.known(1)
			why(b)
			if b.Next() != List {
				t.Fatalf("next is %v, want the list", b.Next())
			}
			b.Listing(b.now).Done()
			if b.Next() != Folders {
				t.Errorf("next is %v, want the folders", b.Next())
			}
		})
	}
}

// An answer that says otherwise than the updates that came since the question whether a dialog is pinned is asked for once more.
func TestPinsChangeWhileAsked(t *testing.T) {
	b := newBench(t)
	b.known(1, 2)
	b.Doubt(user(1))
	asked := b.Ask(100, b.now)
	b.update(pin(2, false))
	b.Take(asked, b.some(dialogOf(1, false)))
	if b.Next() != Dialogs || b.Complete() {
		t.Errorf("next is %v, want dialogs", b.Next())
	}
	b.answer()
	if b.Next() != List {
		t.Errorf("next is %v, want the list", b.Next())
	}
}

// What had come before a question was asked is in the answer, and undoes nothing of it when it is folded in afterwards, because storing it took
// long: by then the account may have left a channel and come back, so that all is unread again.
func TestCameBeforeTheQuestion(t *testing.T) {
	asked := time.Unix(1_700_000_000, 0)
	for name, update := range map[string]codec.M{
		"read":     {"_": "updateReadHistoryInbox", "peer": peer(1), "max_id": 9, "still_unread_count": 0, "pts": 1, "pts_count": 1},
		"pinned":   pin(1, true),
		"archived": archive(1),
		"in order": {"_": "updatePinnedDialogs", "order": []codec.M{{"_": "dialogPeer", "peer": peer(1)}}},
		"draft":    {"_": "updateDraftMessage", "peer": peer(1), "draft": codec.M{"_": "draftMessage", "message": "well", "date": 1}},
	} {
		for about, ask := range map[string]func(b *bench){
			"the list":   func(b *bench) { b.list([]int64{2}, func() {}); b.answer(2) },
			"the dialog": func(b *bench) { b.Doubt(user(1)); b.answer(2) },
		} {
			t.Run(name+", "+about, func(t *testing.T) {
				b := newBench(t)
				b.Doubt(user(1))
				b.now = asked
				b.known(2)
				b.now = b.now.Add(time.Minute)
				ask(b)
				before, err := b.Record(user(1))
				if err != nil || before == nil {
					t.Fatal(err)
				}
				b.updateAt(update, b.now.Add(-time.Second))
				if after, err := b.Record(user(1)); err != nil || string(after) != string(before) && b.Next() != List {
					t.Errorf("%v\n%s\nand then\n%s", err, before, after)
				}
				b.updateAt(update, b.now)
				if after, err := b.Record(user(1)); err != nil || string(after) == string(before) && b.Complete() {
					t.Errorf("what came after the question is not folded in: %v\n%s", err, after)
				}
			})
		}
	}
}

// Moves come in differences and pins do not: of a move and a pin of one chat nobody knows which was first, whichever comes first.
func TestMovesAndPinsCross(t *testing.T) {
	back := codec.M{"_": "updateFolderPeers", "folder_peers": []codec.M{{"_": "folderPeer", "peer": peer(1), "folder_id": 0}}, "pts": 1, "pts_count": 1}
	for name, all := range map[string][]codec.M{"moved and pinned": {archive(1), back, pin(1, true)}, "pinned and moved": {pin(1, true), archive(1), back}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Doubt(user(1))
			b.known(2)
			for _, one := range all {
				b.update(one)
			}
			if b.Next() != List {
				t.Fatalf("next is %v, want the list", b.Next())
			}
			b.list([]int64{2}, func() {})
			b.answer(2)
			if b.update(all[len(all)-1]); b.Next() == List {
				t.Error("the list is asked for once more")
			}
		})
	}
}

// A deletion in a chat that nobody knows doubts the dialogs that may have the message, or had it for a moment: not those whose newest message was
// older already when the list was asked for, of which there are as many as an account has chats.
func TestDeletedSomewhere(t *testing.T) {
	for id, want := range map[int64]bool{6: false, 7: true, 8: false, 20: false, 21: true} { // the newest is 7, and all is read
		b := newBench(t)
		b.Doubt(user(1))
		b.known(2)
		b.Apply(1, &Fact{Name: "updateNewMessage", Chat: user(2), About: updates.About{MsgID: 20}})
		b.known(2)
		b.Apply(2, &Fact{Name: "updateDeleteMessages", About: updates.About{MsgIDs: []int64{id}}})
		if got := b.Next() == Dialogs; got != want {
			t.Errorf("message %d: asked %v, want %v", id, got, want)
		}
	}
}

// Asked for a chat by itself Telegram answers with a dialog, whether there is one or not. One that has no message and nothing else to be shown
// for, and is not in the list, is none; as reported, it stood in the records for ever.
func TestEmptyDialogs(t *testing.T) {
	draft := codec.M{"_": "draftMessage", "message": "x", "date": 1}
	for name, c := range map[string]struct {
		change        func(codec.M) // of a dialog without a message
		listed, later bool
		left          int
		want          int // dialogs
	}{
		"none":                    {},
		"in the list":             {listed: true, want: 1},
		"the list is not whole":   {left: 1, want: 1},
		"a draft":                 {change: func(m codec.M) { m["draft"] = draft }, want: 1},
		"marked":                  {change: func(m codec.M) { m["unread_mark"] = true }, want: 1},
		"a message":               {change: func(m codec.M) { m["top_message"] = 3 }, want: 1},
		"something came since":    {later: true, want: 1},
		"shown, for it is pinned": {change: func(m codec.M) { m["pinned"] = true }, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.known()
			b.update(codec.M{"_": "updateDraftMessage", "peer": peer(1), "draft": draft})
			none := dialogOf(1, false)
			none["top_message"] = 0
			b.Relist()
			l := b.Listing(b.now)
			if c.listed {
				l.Page(b.some(none))
			}
			l.Left(0, c.left)
			l.Done()
			if c.change != nil {
				c.change(none)
			}
			asked := b.Ask(10, b.now)
			if len(asked) != 1 {
				t.Fatalf("asked for %v", asked)
			}
			if c.later {
				b.update(codec.M{"_": "updateDraftMessage", "peer": peer(1), "draft": draft})
			}
			b.Take(asked, b.some(none))
			if b.Len() != c.want {
				t.Errorf("%d dialogs, want %d", b.Len(), c.want)
			}
		})
	}
}

// What the list did not have, and Telegram has told something of since, is a dialog like any other: that it is empty later does not take it out.
func TestEmptiedDialogs(t *testing.T) {
	b := newBench(t)
	b.known()
	draft := codec.M{"_": "updateDraftMessage", "peer": peer(1), "draft": codec.M{"_": "draftMessage", "message": "x", "date": 1}}
	b.update(draft)
	b.Relist()
	l := b.Listing(b.now)
	l.Done()
	one := dialogOf(1, false)
	for _, top := range []int{3, 0} {
		b.table.doubt(b.table.of[updates.Peer{Kind: updates.PeerUser, ID: 1}])
		one["top_message"] = top
		b.Take(b.Ask(10, b.now), b.some(one))
		if b.Len() != 1 {
			t.Fatalf("with the message %d, it is gone", top)
		}
	}
}
