package updates

import (
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// lister goes through the dialogs once, to know where every channel stands (E17). It begins anew after a crash.
type lister struct {
	*env
	ledger   *ledger
	asker    *asker
	channels *channels
	account  *diffState
	common   *box

	retry
	busy   bool
	folder int // 0, then 1: the archive
	pages  int
	call   codec.M
	topID  int // of the newest message outside of channels; counts after the next difference
}

const (
	listPage = 100 // dialogs in one call: what Telegram gives
	folders  = 2
)

// settle asks for the next page.
func (l *lister) settle() {
	state := &l.ledger.state
	switch {
	case state.Listed || l.c.Look.List < 0 || l.c.Bot || state.Empty() || l.account.cause == causeFirst:
		return
	case l.busy || l.at.After(l.now) || l.channels.catchingUp():
		return
	}
	if l.call == nil {
		l.call = dialogsCall(listPage)
	}
	if l.folder > 0 {
		l.call["folder_id"] = l.folder
	}
	l.busy = l.asker.ask(Box{}, "messages.getDialogs", "messages.Dialogs", l.call, l.answered)
	if !l.busy {
		l.end() // the schema is too old, or too new
	}
}

// wake is the sooner of next and when the next page is due.
func (l *lister) wake(next time.Time) time.Time {
	if l.ledger.state.Listed {
		return next
	}
	return l.upcoming(next, l.at)
}

func (l *lister) answered(v codec.View, c *container, err error) {
	l.busy = false
	switch {
	case err != nil && refusal(err).final():
		l.end()
		return
	case err != nil:
		l.failed(l.env, err)
		return
	}
	l.ok(l.now.Add(l.pace(l.c.Fill.Pause)))
	l.channels.dialogs(v, c, nil)
	l.note(v)
	l.pages++
	before := l.call["offset_id"]
	if l.call = nextDialogs(v, c); l.call == nil || l.call["offset_id"] == before || l.pages >= l.c.Look.List {
		l.call = nil
		if l.folder++; l.folder >= folders || l.pages >= l.c.Look.List {
			l.end()
		}
	}
}

// note remembers the newest message that counts for the common box.
func (l *lister) note(v codec.View) {
	for d := range v.Objects("dialogs") {
		if peer, _ := d.Object("peer"); d.Name() == "dialog" && !peer.Has("channel_id") {
			l.topID = max(l.topID, int(d.Int("top_message")))
		}
	}
}

// end ends the list. What the dialogs held may be on its way as an update, so the account's newest message is taken from
// them after one more difference.
func (l *lister) end() {
	l.ledger.listed()
	if l.topID > l.common.topID {
		l.account.want()
	}
}

// caughtUp takes the account's newest message from the dialogs.
func (l *lister) caughtUp() {
	if !l.ledger.state.Listed || l.topID == 0 {
		return
	}
	l.common.topID = max(l.common.topID, l.topID)
	l.ledger.record(l.common)
	l.topID = 0
}

// nextDialogs is the call for the next page; nil when this was the last one.
func nextDialogs(v codec.View, c *container) codec.M {
	if v.Name() != "messages.dialogsSlice" {
		return nil
	}
	var last codec.View
	for d := range v.Objects("dialogs") {
		if d.Name() == "dialog" && !d.Bool("pinned") {
			last = d
		}
	}
	if !last.Valid() {
		return nil
	}
	peer, _ := last.Object("peer")
	top := last.Int("top_message")
	next := dialogsCall(listPage)
	next["offset_id"], next["offset_date"] = top, dateOfTop(v, peerValue(peer), top)
	next["offset_peer"] = inputPeer(peerValue(peer), c.entities())
	next["exclude_pinned"] = true
	return next
}

func dateOfTop(v codec.View, in Peer, id int64) int64 {
	for message := range v.Objects("messages") {
		if peer, ok := message.Object("peer_id"); ok && message.Int("id") == id && peerValue(peer) == in {
			return message.Int("date")
		}
	}
	return 0
}

// inputPeer is a peer as a call names it, with the access hash out of what came along (E22).
func inputPeer(p Peer, all []entity) codec.M {
	var hash int64
	for i := range all {
		if all[i].id == p.ID && all[i].kind == p.Kind {
			hash = all[i].hash
		}
	}
	switch p.Kind {
	case PeerUser:
		return codec.M{"_": "inputPeerUser", "user_id": p.ID, "access_hash": hash}
	case PeerChannel:
		return codec.M{"_": "inputPeerChannel", "channel_id": p.ID, "access_hash": hash}
	case PeerChat:
		return codec.M{"_": "inputPeerChat", "chat_id": p.ID}
	default:
		return codec.M{"_": "inputPeerEmpty"}
	}
}
