package updates

// gaps publishes what Telegram cannot give back, and notes what history is to bring of it.
type gaps struct {
	*env
	ledger *ledger
	out    *publisher
	begun  bool // the beginning was published
}

var gapReasons = map[cause]string{causeInvalid: GapInvalid, causeUnreadable: GapUnreadable}

// to publishes a gap and moves behind it.
func (g *gaps) to(b *box, pts int, reason string) { g.toTop(b, pts, 0, reason) }

// toTop publishes a gap behind which top is the box's newest message, 0 if that is not known. Messages in it are to be
// fetched from history where it is known from where to where.
func (g *gaps) toTop(b *box, pts, top int, reason string) {
	gap := Gap{Box: b.id, From: b.pts, To: pts, Reason: reason, Above: b.topID, UpTo: max(top, b.topID)}
	if top == 0 {
		gap.UpTo = 0
	}
	var state []byte
	if r := (Range{gap.Above, gap.UpTo}); g.fillable(b, r) {
		gap.Fill = true
		g.ledger.state.dig(b.id, r)
		state = appendRange(nil, "hole", b.id, r)
	}
	b.topID = max(b.topID, top)
	g.publish(b, gap, state)
}

// fillable reports whether messages are to be fetched for a gap.
func (g *gaps) fillable(b *box, r Range) bool {
	state := &g.ledger.state
	switch {
	case g.c.Fill.Messages < 0 || b.topID == 0 || b.id.Kind == Secret:
		return false
	case r.High <= r.Low && (r.High != 0 || b.id.Kind == Channel):
		return false
	default:
		return state.hole(b.id) != nil || len(state.Holes) < g.c.Fill.Boxes
	}
}

// forward is the pts that a difference leads to. A little less than what we have is an answer from a server that lags;
// much less means that Telegram counts anew (E10).
func (g *gaps) forward(b *box, pts int) int {
	if pts >= b.pts {
		return pts
	}
	if b.pts-pts > resetDrop {
		g.to(b, pts, GapReset)
	}
	return b.pts
}

// beginning publishes where the account begins, once it is known, if somebody wants to be told.
func (g *gaps) beginning(common *box) {
	if g.c.Begin == "" || g.begun {
		return
	}
	g.begun = true
	g.publish(common, Gap{Box: common.id, To: common.pts, Reason: g.c.Begin}, g.ledger.newEra(nil, g.c.Era))
}

// lost says that messages of a hole will not come, and forgets them.
func (g *gaps) lost(b *box, r Range, reason string) {
	g.ledger.state.fill(b.id, r)
	gap := Gap{Box: b.id, From: b.pts, To: b.pts, Reason: reason, Above: r.Low, UpTo: r.High}
	g.publish(b, gap, appendRange(nil, "had", b.id, r))
}

// giveUp is lost for the whole hole of a box, if it has one.
func (g *gaps) giveUp(b *box, reason string) {
	if h := g.ledger.state.hole(b.id); h != nil {
		g.lost(b, Range{h.IDs[0].Low, h.last().High}, reason)
	}
}

// publish publishes a gap. The text has entries beside where the box is.
func (g *gaps) publish(b *box, gap Gap, text []byte) {
	if gap.To < gap.From {
		text = g.ledger.newEra(text, g.c.Era)
	}
	at := g.ledger.ending(b, gap.To)
	at.index++
	g.ledger.move(b, gap.To, at.index)
	peer := Peer{Kind: PeerNone}
	if b.id.Kind == Channel {
		peer = Peer{PeerChannel, b.id.ID}
	}
	it := g.out.add(&container{}, Item{
		Name:  "gap",
		Box:   b.id,
		Pts:   at.pts,
		Index: at.index - 1,
		Peer:  peer,
		Date:  int(g.now.Unix()),
		Gap:   &gap,
	}, nil)
	it.State = joinState(g.ledger.itemState(b), string(text))
	g.ledger.resumed(at)
}
