package mttest_test

import (
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/codec"
)

// listed is a list of dialogs in one line: whom with, and what is set.
func listed(v codec.View) string {
	var all []string
	for d := range v.Objects("dialogs") {
		p, _ := d.Object("peer")
		line := fmt.Sprint(p.Int("user_id") + p.Int("chat_id") + p.Int("channel_id"))
		for _, flag := range []string{"pinned", "unread_mark"} {
			if d.Bool(flag) {
				line += " " + flag
			}
		}
		if draft, ok := d.Object("draft"); ok {
			line += " draft " + draft.Str("message")
		}
		if n, _ := d.Object("notify_settings"); n.Int("mute_until") != 0 {
			line += fmt.Sprint(" muted ", n.Int("mute_until"))
		}
		all = append(all, line)
	}
	return strings.Join(all, ", ")
}

// What a user sets of its conversations is in its list, and told to its devices.
func TestMarksOfDialogs(t *testing.T) {
	s := mttest.NewServer(t)
	alice, bob, eve := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"}), s.AddUser(mttest.User{First: "Eve"})
	c := as(t, s, alice)
	list := func(folder int) string {
		return listed(c.call(M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": M{"_": "inputPeerEmpty"}, "limit": 100, "hash": int64(0), "folder_id": folder}))
	}
	bob.Send(alice, "a")
	eve.Send(alice, "b")
	c.pushed()
	c.pushed()
	b, e := bob.ID(), eve.ID()
	for _, step := range []struct {
		do              func()
		told, list, old string
	}{
		{func() { alice.Pin(bob, true) }, "updates: updateDialogPinned, seq 1", fmt.Sprintf("%d pinned, %d", b, e), ""},
		{func() { alice.Pin(eve, true) }, "updates: updateDialogPinned, seq 2", fmt.Sprintf("%d pinned, %d pinned", e, b), ""},
		{func() { alice.OrderPinned(0, bob, eve) }, "updates: updatePinnedDialogs, seq 3", fmt.Sprintf("%d pinned, %d pinned", b, e), ""},
		{func() { alice.MarkUnread(eve, true) }, "updates: updateDialogUnreadMark, seq 4", fmt.Sprintf("%d pinned, %d pinned unread_mark", b, e), ""},
		{func() { alice.Draft(bob, "hm") }, "updates: updateDraftMessage, seq 5", fmt.Sprintf("%d pinned draft hm, %d pinned unread_mark", b, e), ""},
		{func() { alice.Mute(bob, 9) }, "updates: updateNotifySettings, seq 6", fmt.Sprintf("%d pinned draft hm muted 9, %d pinned unread_mark", b, e), ""},
		{func() { alice.Archive(bob, true) }, "updates: updateFolderPeers 3+1", fmt.Sprintf("%d pinned unread_mark", e), fmt.Sprintf("%d draft hm muted 9", b)},
		{func() { alice.Draft(bob, "") }, "updates: updateDraftMessage, seq 7", fmt.Sprintf("%d pinned unread_mark", e), fmt.Sprintf("%d muted 9", b)},
		{func() { alice.Archive(bob, false) }, "updates: updateFolderPeers 4+1", fmt.Sprintf("%d pinned unread_mark, %d muted 9", e, b), ""},
		{func() { alice.SetFilters(M{"_": "dialogFilterDefault"}) }, "updates: updateDialogFilters, seq 8", fmt.Sprintf("%d pinned unread_mark, %d muted 9", e, b), ""},
	} {
		step.do()
		if got := c.pushed(); got != step.told {
			t.Errorf("told %s, want %s", got, step.told)
		}
		if got := list(0); got != step.list {
			t.Errorf("after %s: %s, want %s", step.told, got, step.list)
		}
		if got := list(1); got != step.old {
			t.Errorf("after %s in the archive: %s, want %s", step.told, got, step.old)
		}
	}
	if v := c.call(M{"_": "messages.getPinnedDialogs", "folder_id": 0}); listed(v) != fmt.Sprintf("%d pinned unread_mark", e) {
		t.Error(listed(v))
	}
	if v := c.call(M{"_": "messages.getDialogFilters"}); v.Len("filters") != 1 {
		t.Errorf("%d folders", v.Len("filters"))
	}
	peer := userPeer(alice, bob)
	c.call(M{"_": "messages.toggleDialogPin", "pinned": true, "peer": M{"_": "inputDialogPeer", "peer": peer}})
	c.call(M{"_": "messages.markDialogUnread", "unread": true, "peer": M{"_": "inputDialogPeer", "peer": peer}})
	c.call(M{"_": "messages.saveDraft", "peer": peer, "message": "x"})
	c.call(M{"_": "folders.editPeerFolders", "folder_peers": []M{{"_": "inputFolderPeer", "peer": peer, "folder_id": 1}}})
	if got, want := list(1), fmt.Sprintf("%d unread_mark draft x muted 9", b); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A conversation stays in the list where it stood when all its messages are deleted, or when the answer does not have its newest one; a page
// begins behind the peer that its offset names, or at the date and id alone.
func TestPagesOfDialogs(t *testing.T) {
	for _, byPlace := range []bool{false, true} {
		var ahead atomic.Int64
		s := mttest.NewServer(t, func(c *mttest.Config) {
			c.Dialogs.ByPlace, c.Now = byPlace, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		})
		alice := s.AddUser(mttest.User{First: "Alice"})
		c := as(t, s, alice)
		var others []*mttest.Account
		var ids []int64
		for range 4 {
			ahead.Add(int64(time.Second))
			one := s.AddUser(mttest.User{First: "X"})
			others, ids = append(others, one), append(ids, one.ID())
			m := one.Send(alice, "hi")
			if len(others) == 2 {
				one.Delete(alice, m.ID)
			}
		}
		alice.HideNewest(others[2], true)
		page := func(offset M) codec.View {
			call := M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": M{"_": "inputPeerEmpty"}, "limit": 1, "hash": int64(0)}
			maps.Copy(call, offset)
			return c.call(call)
		}
		first := page(nil)
		if got := listed(first); got != fmt.Sprint(ids[3]) {
			t.Errorf("first %s", got)
		}
		for m := range first.Objects("messages") {
			behind := M{"offset_date": int(m.Int("date")), "offset_id": int(m.Int("id")), "offset_peer": M{"_": "inputPeerUser", "user_id": ids[3], "access_hash": int64(0)}}
			second := page(behind)
			if got := listed(second); got != fmt.Sprint(ids[2]) || second.Len("messages") != 0 {
				t.Errorf("second %s with %d messages", got, second.Len("messages"))
			}
			behind["offset_peer"] = M{"_": "inputPeerUser", "user_id": ids[2], "access_hash": int64(0)}
			third, want := page(behind), ids[1]
			if byPlace {
				want = ids[2] // the date and the id are those of before
			}
			if got := listed(third); got != fmt.Sprint(want) || third.Len("messages") != 0 {
				t.Errorf("third %s, want %d; %d messages", got, want, third.Len("messages"))
			}
		}
	}
}
