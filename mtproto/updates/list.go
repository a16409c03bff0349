package updates

import "github.com/natsgram/natsgram/tl/codec"

// lister goes through the dialogs once, to know where every channel stands (E17). It begins anew after a crash.
type lister struct {
	patience
	busy   bool
	folder int // 0, then 1: the archive
	pages  int
	call   codec.M
	top    int // newest message outside of channels; counts after the next difference
}

const (
	listPage = 100 // dialogs in one call: what Telegram gives
	folders  = 2
)

// settleList asks for the next page.
func (m *Machine) settleList() {
	l := &m.listing
	switch {
	case m.state.Listed || m.c.Look.List < 0 || m.c.Bot || m.state.Empty() || m.account.cause == causeFirst:
		return
	case l.busy || l.at.After(m.now) || m.catchingUp():
		return
	}
	if l.call == nil {
		l.call = dialogsCall(listPage)
	}
	if l.folder > 0 {
		l.call["folder_id"] = l.folder
	}
	l.busy = m.ask(Box{}, "messages.getDialogs", "messages.Dialogs", l.call, m.listResult)
	if !l.busy {
		m.listed() // the schema is too old, or too new
	}
}

func (m *Machine) listResult(v codec.View, c *container, err error) {
	l := &m.listing
	l.busy = false
	switch e := refusal(err); {
	case err != nil && e.final():
		m.listed()
		return
	case err != nil:
		l.failed(m, err)
		return
	}
	l.ok(m.now.Add(m.pace(m.c.Fill.Pause)))
	m.dialogs(v, c, nil)
	l.note(v)
	l.pages++
	before := l.call["offset_id"]
	if l.call = nextDialogs(v, c); l.call == nil || l.call["offset_id"] == before || l.pages >= m.c.Look.List {
		l.call = nil
		if l.folder++; l.folder >= folders || l.pages >= m.c.Look.List {
			m.listed()
		}
	}
}

// note remembers the newest message that counts for the common box.
func (l *lister) note(v codec.View) {
	for d := range v.Objects("dialogs") {
		if peer, _ := d.Object("peer"); d.Name() == "dialog" && !peer.Has("channel_id") {
			l.top = max(l.top, int(d.Int("top_message")))
		}
	}
}

// listed ends the list. What the dialogs held may be on its way as an update, so the account's newest message is taken
// from them after one more difference.
func (m *Machine) listed() {
	m.state.Listed = true
	m.w.loose = appendNumber(m.w.loose, "listed", 1)
	if m.listing.top > m.common.top {
		m.want(&m.account)
	}
}

func (m *Machine) listedTop() {
	if !m.state.Listed || m.listing.top == 0 {
		return
	}
	m.common.top = max(m.common.top, m.listing.top)
	m.place(&m.common)
	m.listing.top = 0
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
	next["offset_id"], next["offset_date"], next["offset_peer"] = top, dateOfTop(v, peerValue(peer), top), inputPeer(peerValue(peer), c.entities())
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
