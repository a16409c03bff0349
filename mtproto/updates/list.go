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
	folder int            // 0, then 1: the archive
	walk   *Pages         // of the folder; nil: it is not begun
	hashes map[Peer]int64 // of whom its pages have named
	pages  int
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
	if l.walk == nil {
		l.walk, l.hashes = NewPages(), map[Peer]int64{}
	}
	l.busy = l.asker.ask(Box{}, "messages.getDialogs", "messages.Dialogs", l.call(), l.answered)
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

// call is that of the next page.
func (l *lister) call() codec.M {
	call := dialogsCall(listPage)
	if at, _ := l.walk.Next(); at != (Offset{}) {
		call["offset_date"], call["offset_id"], call["exclude_pinned"] = at.Date, at.ID, true
		call["offset_peer"] = inputPeer(at.Peer, l.hashes[at.Peer])
	}
	if l.folder > 0 {
		call["folder_id"] = l.folder
	}
	return call
}

func (l *lister) answered(v codec.View, c *container, err error) {
	l.busy = false
	switch {
	case err != nil && !refusal(err).final():
		l.failed(l.env, err)
		return
	case err != nil && l.atTop():
		l.end()
		return
	case err != nil:
		l.walk.Refused()
	default:
		l.take(v, c)
	}
	l.ok(l.now.Add(l.pace(l.c.Fill.Pause)))
	if _, more := l.walk.Next(); !more || l.pages >= l.c.Look.List {
		l.walk = nil
		if l.folder++; l.folder >= folders || l.pages >= l.c.Look.List {
			l.end()
		}
	}
}

func (l *lister) atTop() bool {
	at, _ := l.walk.Next()
	return at == Offset{}
}

// take takes a page.
func (l *lister) take(v codec.View, c *container) {
	l.channels.dialogs(v, c, nil)
	l.note(v)
	l.walk.Take(v)
	for _, e := range c.entities() {
		if e.hash != 0 {
			l.hashes[Peer{e.kind, e.id}] = e.hash
		}
	}
	l.pages++
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
	l.walk, l.hashes = nil, nil
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

// inputPeer is a peer as a call names it.
func inputPeer(p Peer, hash int64) codec.M {
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
