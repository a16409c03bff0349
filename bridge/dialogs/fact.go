package dialogs

import (
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// Fact is what an update says about dialogs.
type Fact struct {
	Name string
	Chat updates.Peer
	updates.About
	Date   int
	Update []byte // its TL, where there is more to be read
}

// readers are the updates that say something about dialogs, and how that is folded in.
var readers = map[string]func(*Fold, *Fact, codec.View){
	"updateNewMessage":                  (*Fold).newMessage,
	"updateNewChannelMessage":           (*Fold).newMessage,
	"updateDeleteMessages":              (*Fold).deleted,
	"updateDeleteChannelMessages":       (*Fold).deleted,
	"updateReadHistoryInbox":            (*Fold).readInbox,
	"updateReadChannelInbox":            (*Fold).readInbox,
	"updateReadHistoryOutbox":           (*Fold).readOutbox,
	"updateReadChannelOutbox":           (*Fold).readOutbox,
	"updateReadMessagesContents":        (*Fold).seen,
	"updateChannelReadMessagesContents": (*Fold).seen,
	"updateMessageReactions":            (*Fold).reactions,
	"updateDraftMessage":                (*Fold).draft,
	"updateNotifySettings":              (*Fold).notify,
	"updateDialogUnreadMark":            (*Fold).unreadMark,
	"updateDialogPinned":                (*Fold).pinned,
	"updatePinnedDialogs":               (*Fold).order,
	"updateFolderPeers":                 (*Fold).moved,
	"updateChannel":                     (*Fold).membership,
	"updateDialogFilter":                (*Fold).filters,
	"updateDialogFilterOrder":           (*Fold).filters,
	"updateDialogFilters":               (*Fold).filters,
	"gap":                               (*Fold).gap,
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
