package updates

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// channels are the boxes of the channels that are at work. The others are in State alone.
type channels struct {
	*env
	ledger  *ledger
	seqs    *sequencer
	watcher *watcher
	forget  *forgetter
	account *diffState

	byID   map[int64]*box
	active []*box // the same, in the order in which they became so
	ahead  bool   // a dialog was further on than we
}

// box is the box of a channel, at work from here on until it is calm.
func (cs *channels) box(id int64) *box {
	if b := cs.byID[id]; b != nil {
		return b
	}
	st := cs.ledger.state.Channels[id]
	b := &box{id: Box{Kind: Channel, ID: id}, pts: st.Pts, items: st.PtsItems, ptsKnown: st.Pts > 0, topID: st.TopID}
	b.hash, b.closed, b.left = st.AccessHash, st.Closed, st.Left
	b.written = written{hash: st.AccessHash != 0, topID: st.TopID, behind: st.Behind, behindInItem: st.Behind}
	b.diff = &b.own
	cs.byID[id] = b
	cs.active = append(cs.active, b)
	return b
}

// restore goes on with channels that were behind when the state was stored (E16).
func (cs *channels) restore() {
	for _, id := range cs.ledger.state.behind() {
		cs.box(id).diff.want()
	}
}

// add notes a channel that somebody else has learned of.
func (cs *channels) add(id int64, pts int, hash int64) {
	before := cs.ledger.state.Channels[id]
	b := cs.box(id)
	b.setHash(hash)
	b.closed = false
	switch {
	case b.ptsKnown:
		cs.seqs.hinted(b, pts)
	case pts > 0 && !b.diff.pending:
		cs.ledger.move(b, pts, 0)
	}
	if b.state() != before {
		cs.ledger.recordAlone(b)
	}
}

// close leaves a channel out of looking, until an update of it comes.
func (cs *channels) close(id int64) {
	b := cs.box(id)
	b.closed = true
	cs.forget.schedule(id)
	cs.ledger.recordAlone(b)
}

// learn takes what came along of channels: who is in them, and the access hashes that are missing.
func (cs *channels) learn(c *container) {
	cs.memberships(c)
	for _, b := range cs.active {
		if b.hash == 0 {
			b.learnHash(c)
		}
	}
}

// memberships takes what came along of who is in which channel. A channel that the account has left is not looked at any
// more, as Telegram would go on showing a public one for ever: its differences are for members and for channels that are
// watched alone (add_pending_channel_update of TDLib's MessagesManager.cpp). What is pushed of it and fits is published.
func (cs *channels) memberships(c *container) {
	for i := range c.entities() {
		e := &c.all[i]
		st, known := cs.ledger.state.Channels[e.id]
		if !known || e.kind != PeerChannel || e.part == unsaid || st.Left == (e.part == outside) {
			continue
		}
		b := cs.box(e.id)
		b.left = e.part == outside
		cs.ledger.recordAlone(b)
		if b.left {
			cs.forget.schedule(e.id)
		}
	}
}

// unfollowed reports that nothing is fetched of a channel: it was left, and nobody watches it.
func (cs *channels) unfollowed(b *box) bool { return b.left && cs.watcher.find(b.id.ID) == nil }

// ignore gives up what a channel waits for.
func (cs *channels) ignore(b *box) {
	cs.seqs.dropAll(b)
	b.gapEnds, b.hint, b.readID = time.Time{}, 0, 0
	if b.diff.fetch == 0 {
		b.own = diffState{}
		cs.ledger.endPartial(b.id)
	}
}

// hint notes a channel's pts, and a message that was read in it, in an update that does not move it (E29).
func (cs *channels) hint(id int64, u codec.View, c *container) {
	st, pts, read := cs.ledger.state.Channels[id], int(u.Int("pts")), int(u.Int("max_id"))
	missed := st.TopID > 0 && read > st.TopID
	if st.Pts == 0 || pts <= st.Pts && !missed {
		return
	}
	b := cs.box(id)
	b.learnHash(c)
	cs.seqs.hinted(b, pts)
	if missed && !b.diff.pending {
		b.readID = max(b.readID, read)
		cs.seqs.missing(b)
	}
}

// dialogs compares dialogs with where the channels stand (E29), and adds to ids which channels they were.
func (cs *channels) dialogs(v codec.View, c *container, ids []int64) []int64 {
	for d := range v.Objects("dialogs") {
		peer, _ := d.Object("peer")
		if id := peer.Int("channel_id"); id != 0 {
			ids = append(ids, id)
			hash, part := channelOfEntities(c.entities(), id)
			if _, known := cs.ledger.state.Channels[id]; !known && part == outside {
				continue // to ask for a channel is not to be in it
			}
			cs.dialog(id, int(d.Int("pts")), int(d.Int("top_message")), hash)
		}
	}
	return ids
}

// dialog is what Telegram says of a channel: where it is, and its newest message. Of one that is not known it is where
// we begin.
func (cs *channels) dialog(id int64, pts, top int, hash int64) {
	st := cs.ledger.state.Channels[id]
	if pts == 0 || pts <= st.Pts && top <= st.TopID && (hash == 0 || hash == st.AccessHash) {
		return
	}
	b := cs.box(id)
	b.setHash(hash)
	switch {
	case !b.ptsKnown && !b.diff.pending:
		b.topID = max(b.topID, top)
		cs.ledger.move(b, pts, 0)
	case pts > b.pts:
		cs.ahead = true
		cs.seqs.hinted(b, pts)
	default:
		b.topID = max(b.topID, top) // up to pts all is accounted for
	}
	if b.ptsKnown && b.state() != st {
		cs.ledger.recordAlone(b)
	}
}

// catchingUp reports that a difference is running, or about to, which is more urgent than history.
func (cs *channels) catchingUp() bool {
	if cs.account.pending && !cs.account.at.After(cs.now) {
		return true
	}
	return slices.ContainsFunc(cs.active, func(b *box) bool {
		return b.own.pending && !b.own.watching && !b.own.at.After(cs.now)
	})
}

// settle takes the channels that wait for nothing out of work.
func (cs *channels) settle() { cs.active = slices.DeleteFunc(cs.active, cs.calm) }

// calm puts a channel at rest that waits for nothing.
func (cs *channels) calm(b *box) bool {
	if b.diff.pending || b.behind() || len(b.postponed) > 0 {
		return false
	}
	if b.written.behind {
		b.written.behind, b.written.behindInItem = false, false
		cs.ledger.recordAlone(b)
	}
	cs.watcher.rest(b.id.ID)
	delete(cs.byID, b.id.ID)
	return true
}

// wake is the sooner of next and when a channel has something to do.
func (cs *channels) wake(next time.Time) time.Time {
	for _, b := range cs.active {
		next = b.diff.wake(cs.now, sooner(next, b.gapEnds))
	}
	return next
}
