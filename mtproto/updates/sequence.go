package updates

import (
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// box is one sequence at work. Channels have one only while they are active; the others are in State alone.
type box struct {
	id        Box
	diff      *diffState // fills its gaps: the account's, or the channel's own
	pts       int
	items     int // published at pts
	ptsKnown  bool
	topID     int         // of its newest message that is accounted for; 0: not known
	postponed []ptsUpdate // by pts, then as they came
	gapEnds   time.Time   // an update is missing: when to stop waiting for it; zero: none is
	hint      int         // a pts that somebody spoke of (E29)
	channelBox
}

// channelBox is what only the box of a channel has.
type channelBox struct {
	own       diffState
	hash      int64
	readID    int  // of a message that somebody has read (E29)
	closed    bool // to us (E15)
	left      bool // the account is not in it
	hashAsked bool // the account's difference was asked to bring the access hash
	written   written
}

// written is what some stored state says of a channel.
type written struct {
	hash         bool
	topID        int
	behind       bool
	behindInItem bool // and that state went with an item
}

// ptsUpdate is an update that moves a box.
type ptsUpdate struct {
	pts, count int
	view       codec.View // not valid: the box moved by the result of a call (D19)
	rule       *rule
	c          *container
}

// ahead is by how much the update begins after pts.
func (u *ptsUpdate) ahead(pts int) int { return u.pts - u.count - pts }

func (b *box) state() ChannelState {
	return ChannelState{Pts: b.pts, PtsItems: b.items, TopID: b.topID, AccessHash: b.hash,
		Behind: b.written.behind, Closed: b.closed, Left: b.left}
}

// behind: something of the box is known to be missing, or is not yet known not to be.
func (b *box) behind() bool {
	return b.diff.pending && (!b.diff.watching || len(b.postponed) > 0) || !b.gapEnds.IsZero()
}

// learnHash takes a channel's access hash from what came along with its update (E22).
func (b *box) learnHash(c *container) {
	if b.id.Kind == Channel && b.hash == 0 {
		b.hash, _ = channelOfEntities(c.entities(), b.id.ID)
	}
}

// setHash takes an access hash that somebody gave us.
func (b *box) setHash(hash int64) {
	if hash != 0 && hash != b.hash {
		b.hash, b.written.hash = hash, false
	}
}
