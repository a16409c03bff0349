package dialogs

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// Fact is what an update says about dialogs.
type Fact struct {
	Name string
	Chat updates.Peer
	updates.About
	Date   int
	At     time.Time // when it had come from Telegram at the latest; zero: nobody knows
	Update []byte    // its TL, where there is more to be read
}

// readers are the updates that say something about dialogs, and how that is folded in.
var readers = map[string]func(*update){
	"updateNewMessage":                  (*update).newMessage,
	"updateNewChannelMessage":           (*update).newMessage,
	"updateDeleteMessages":              (*update).deleted,
	"updateDeleteChannelMessages":       (*update).deleted,
	"updateReadHistoryInbox":            (*update).readInbox,
	"updateReadChannelInbox":            (*update).readInbox,
	"updateReadHistoryOutbox":           (*update).readOutbox,
	"updateReadChannelOutbox":           (*update).readOutbox,
	"updateReadMessagesContents":        (*update).seen,
	"updateChannelReadMessagesContents": (*update).seen,
	"updateReadChannelDiscussionInbox":  (*update).recount,
	"updateReadChannelDiscussionOutbox": (*update).recount,
	"updateReadMonoForumInbox":          (*update).recount,
	"updateReadMonoForumOutbox":         (*update).recount,
	"updateEditMessage":                 (*update).edited,
	"updateEditChannelMessage":          (*update).edited,
	"updateMessageReactions":            (*update).reactions,
	"updateMessagePoll":                 (*update).poll,
	"updateDraftMessage":                (*update).draft,
	"updateNotifySettings":              (*update).notify,
	"updateDialogUnreadMark":            (*update).unreadMark,
	"updatePeerHistoryTTL":              (*update).lifetime,
	"updateChannelViewForumAsMessages":  (*update).forum,
	"updateDialogPinned":                (*update).pinned,
	"updatePinnedDialogs":               (*update).order,
	"updateFolderPeers":                 (*update).moved,
	"updateChannel":                     (*update).membership,
	"updateChannelAvailableMessages":    (*update).recount,
	"updateDialogFilter":                (*update).filters,
	"updateDialogFilterOrder":           (*update).filters,
	"updateDialogFilters":               (*update).filters,
	"gap":                               (*update).gap,
}

// whole are those of which a fact has all there is to know.
var whole = map[string]bool{
	"updateNewMessage": true, "updateNewChannelMessage": true, "updateDeleteMessages": true, "updateDeleteChannelMessages": true,
	"updateReadMessagesContents": true, "updateChannelReadMessagesContents": true, "gap": true,
}

// Tells reports whether updates of that name say anything about dialogs.
func Tells(name string) bool { return readers[name] != nil }

// FactOf is what an item says about dialogs. ok is false where that is nothing.
func FactOf(it *updates.Item) (f Fact, ok bool) {
	if it.Live || it.Backfill || !Tells(it.Name) {
		return f, false
	}
	f = Fact{Name: it.Name, Chat: it.Peer, About: it.About, Date: it.Date}
	if !whole[it.Name] {
		f.Update = it.Update
	}
	return f, true
}
