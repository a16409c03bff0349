package dialogs

import (
	"bytes"
	"testing"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

// changes are, for every field of a dialog, the updates by which it changes.
var changes = map[string][]change{
	"pinned": {
		{update: pin(1, false)}, {update: codec.M{"_": "updatePinnedDialogs", "order": []codec.M{}}}, {update: codec.M{"_": "updatePinnedDialogs"}, list: true}, {update: archive(1)},
	},
	"unread_mark":            {{update: codec.M{"_": "updateDialogUnreadMark", "unread": true, "peer": codec.M{"_": "dialogPeer", "peer": peer(1)}}}},
	"view_forum_as_messages": {{update: codec.M{"_": "updateChannelViewForumAsMessages", "channel_id": 1, "enabled": true}, value: true}},
	"peer":                   nil,
	"top_message": {
		{of: "updateNewMessage", about: updates.About{MsgID: 9}, value: 9}, {of: "updateNewChannelMessage", about: updates.About{MsgID: 9}, value: 9},
		{of: "updateDeleteMessages", about: updates.About{MsgIDs: []int64{7}}}, {of: "updateDeleteChannelMessages", about: updates.About{MsgIDs: []int64{7}}},
		{update: codec.M{"_": "updateChannelAvailableMessages", "channel_id": 1, "available_min_id": 7}}, {update: codec.M{"_": "updateChannel", "channel_id": 1}}, {of: "gap"},
	},
	"read_inbox_max_id": {
		{update: codec.M{"_": "updateReadHistoryInbox", "peer": peer(1), "max_id": 9, "still_unread_count": 0, "pts": 1, "pts_count": 1}, value: 9},
		{update: codec.M{"_": "updateReadHistoryInbox", "peer": peer(1), "top_msg_id": 3, "max_id": 9, "still_unread_count": 0, "pts": 1, "pts_count": 1}},
		{update: codec.M{"_": "updateReadChannelInbox", "channel_id": 1, "max_id": 9, "still_unread_count": 0, "pts": 1}, value: 9},
		{update: codec.M{"_": "updateReadChannelDiscussionInbox", "channel_id": 1, "top_msg_id": 3, "read_max_id": 9}},
		{update: codec.M{"_": "updateReadMonoForumInbox", "channel_id": 1, "saved_peer_id": peer(2), "read_max_id": 9}},
	},
	"read_outbox_max_id": {
		{update: codec.M{"_": "updateReadHistoryOutbox", "peer": peer(1), "max_id": 9, "pts": 1, "pts_count": 1}, value: 9},
		{update: codec.M{"_": "updateReadChannelOutbox", "channel_id": 1, "max_id": 9}, value: 9},
		{update: codec.M{"_": "updateReadChannelDiscussionOutbox", "channel_id": 1, "top_msg_id": 3, "read_max_id": 9}},
		{update: codec.M{"_": "updateReadMonoForumOutbox", "channel_id": 1, "saved_peer_id": peer(2), "read_max_id": 9}},
	},
	"unread_count": {
		{of: "updateNewMessage", about: updates.About{MsgID: 9}, value: 2}, {of: "updateDeleteMessages", about: updates.About{MsgIDs: []int64{7}}},
		{update: codec.M{"_": "updateReadHistoryInbox", "peer": peer(1), "max_id": 9, "still_unread_count": 0, "pts": 1, "pts_count": 1}, value: 0},
	},
	"unread_mentions_count": {
		{of: "updateNewMessage", about: updates.About{MsgID: 9, Mentioned: true}, value: 2},
		{of: "updateReadMessagesContents", about: updates.About{MsgIDs: []int64{7}}}, {of: "updateChannelReadMessagesContents", about: updates.About{MsgIDs: []int64{7}}},
		{update: edited("updateEditMessage", codec.M{"mentioned": true, "media_unread": true}), about: updates.About{MsgID: 7, Mentioned: true}},
	},
	"unread_reactions_count": {
		{update: codec.M{"_": "updateMessageReactions", "peer": peer(1), "msg_id": 7, "reactions": unseenReaction}},
		{of: "updateReadMessagesContents", about: updates.About{MsgIDs: []int64{7}}},
		{update: edited("updateEditMessage", codec.M{"reactions": unseenReaction})}, {update: edited("updateEditChannelMessage", codec.M{"reactions": unseenReaction})},
	},
	"unread_poll_votes_count": {
		{update: poll(codec.M{"has_unread_votes": true}, true)}, {update: poll(nil, true)}, {update: poll(nil, false), nowhere: true},
		{update: poll(codec.M{"has_unread_votes": true}, false), nowhere: true, list: true},
		{of: "updateReadMessagesContents", about: updates.About{MsgIDs: []int64{7}}}, {of: "updateChannelReadMessagesContents", about: updates.About{MsgIDs: []int64{7}}},
		{of: "updateDeleteMessages", about: updates.About{MsgIDs: []int64{5}}},
	},
	"notify_settings": {{update: codec.M{"_": "updateNotifySettings", "peer": codec.M{"_": "notifyPeer", "peer": peer(1)}, "notify_settings": codec.M{"_": "peerNotifySettings", "mute_until": 5}}}},
	"pts":             nil, // its box's: updates have it
	"draft":           {{update: codec.M{"_": "updateDraftMessage", "peer": peer(1), "draft": codec.M{"_": "draftMessage", "message": "hm", "date": 1}}}},
	"folder_id":       {{update: archive(1), value: 1}},
	"ttl_period": {
		{update: codec.M{"_": "updatePeerHistoryTTL", "peer": peer(1), "ttl_period": 86400}, value: 86400}, {update: codec.M{"_": "updatePeerHistoryTTL", "peer": peer(1)}, value: 0},
		{of: "updateNewMessage", about: updates.About{MsgID: 9, Period: true}}, {of: "updateNewChannelMessage", about: updates.About{MsgID: 9, Period: true}},
	},
}

// change is an update that changes the dialog of user 1.
type change struct {
	update  codec.M
	of      string // its name, where the update itself is not read
	about   updates.About
	nowhere bool // it does not name the chat
	value   any  // what the field says then; nil: it is another one, or not known
	list    bool // any dialog may be it: the list is asked for
}

var unseenReaction = codec.M{"_": "messageReactions", "results": []codec.M{}, "recent_reactions": []codec.M{
	{"_": "messagePeerReaction", "unread": true, "peer_id": peer(1), "date": 1, "reaction": codec.M{"_": "reactionEmoji", "emoticon": "x"}},
}}

func edited(name string, more codec.M) codec.M {
	message := codec.M{"_": "message", "id": 7, "peer_id": peer(1), "date": 1, "message": "x"}
	for field, value := range more {
		message[field] = value
	}
	return codec.M{"_": name, "message": message, "pts": 1, "pts_count": 1}
}

func poll(results codec.M, named bool) codec.M {
	m := codec.M{"_": "updateMessagePoll", "poll_id": int64(3), "results": codec.M{"_": "pollResults"}}
	for field, value := range results {
		m["results"].(codec.M)[field] = value
	}
	if named {
		m["peer"], m["msg_id"] = peer(1), 7
	}
	return m
}

// For each field of a dialog, after each update that changes it, the field is another one, or the dialog is asked for.
func TestFields(t *testing.T) {
	_, decl := apitest.Layer()
	for _, p := range decl.Constructor("dialog").Params {
		all, ok := changes[p.Name]
		if !ok && p.Type.Name != "#" {
			t.Errorf("%s: nobody says which updates change it", p.Name)
		}
		for _, c := range all {
			name := c.of
			if c.update != nil {
				name = c.update["_"].(string)
			}
			t.Run(p.Name+"/"+name, func(t *testing.T) { c.run(t, p.Name, name) })
		}
	}
}

func (c *change) run(t *testing.T, field, name string) {
	b := newBench(t)
	b.list([]int64{1}, func() {})
	b.AskFolders()
	b.TakeFolders(nil)
	one := dialogOf(1, true)
	for _, count := range []string{"unread_count", "unread_mentions_count", "unread_reactions_count", "unread_poll_votes_count"} {
		if count == field {
			one[count] = 1
		}
	}
	one["read_inbox_max_id"], one["ttl_period"] = 6, 3600
	b.Take(b.Ask(1, b.now), b.some(one))
	if !b.Complete() {
		t.Fatal("not all is known")
	}
	before := b.fieldOf(field)
	f := Fact{Name: name, Chat: user(1), About: c.about}
	if c.update != nil {
		f.Update = b.view(c.update).Raw()
	}
	if c.nowhere {
		f.Chat = updates.Peer{}
	}
	b.Apply(1, &f)
	after := b.fieldOf(field)
	_, stale := b.Dialog(user(1))
	switch {
	case c.list && !b.Wants(List):
		t.Error("the list is not asked for")
	case c.list || stale && c.value == nil:
	case b.Next() == List:
	case stale:
		t.Error("the dialog is asked for, though the update says all")
	case c.value == nil && bytes.Equal(before.raw, after.raw) && before.flag == after.flag:
		t.Error("it is as it was, and nobody asks")
	case c.value == true && !after.flag:
		t.Error("it is not set")
	case c.value != nil && c.value != true && c.value != after.number:
		t.Errorf("%d, want %v", after.number, c.value)
	}
}

// fieldValue is what a field says, in whichever form it has.
type fieldValue struct {
	flag   bool
	number int
	raw    []byte
}

func (b *bench) fieldOf(field string) fieldValue {
	b.Helper()
	tl, _ := b.Dialog(user(1))
	v, err := b.s.View(tl)
	if err != nil {
		b.Fatal(err)
	}
	o, _ := v.Object(field)
	return fieldValue{v.Bool(field), int(v.Int(field)), o.Raw()}
}

// What is another in the list than it is known is asked for.
func TestListedFields(t *testing.T) {
	for field, value := range map[string]any{"view_forum_as_messages": true, "unread_poll_votes_count": 1, "ttl_period": 86400} {
		b := newBench(t)
		b.Doubt(user(1))
		b.known(2)
		one := dialogOf(1, false)
		one[field] = value
		b.Relist()
		l := b.Listing(b.now)
		l.Page(b.some(one))
		if _, stale := b.Dialog(user(1)); !stale {
			t.Errorf("%s: nobody asks", field)
		}
	}
}
