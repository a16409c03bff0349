package updates

import (
	"errors"
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// The messages of a hole are fetched from history by their ids, oldest first: the ids of a channel count its messages, and
// those outside of channels count the account's (E12). So one number tells how far it has come, no dialogs need to be
// gone through, and bots may do it too.

const (
	historyPage = 100 // ids in one call: what Telegram takes
	emptyPages  = 3   // in a row, at the end of a hole that has no known end, mean that it is over
)

// filler fetches history, one call at a time.
type filler struct {
	patience
	busy   bool  // a call is out
	ids    []int // it asks for
	empty  int   // pages in a row without a message, at an open end
	broken int   // unreadable ones
	open   *page // waits for the account's difference
	after  Box   // whose turn it was last
}

// page is an answer that may hold messages which come as updates too: after the next difference that is known.
type page struct {
	box Box
	ids []int
	c   *container
}

// fillable tells whether messages are to be fetched for a gap.
func (m *Machine) fillable(b *box, r Range) bool {
	switch {
	case m.c.Fill.Messages < 0 || b.top == 0 || b.id.Kind == Secret:
		return false
	case r.High <= r.Low && (r.High != 0 || b.id.Kind == Channel):
		return false
	default:
		return m.state.hole(b.id) != nil || len(m.state.Holes) < m.c.Fill.Boxes
	}
}

// settleFill asks for the next messages when there is nothing better to do.
func (m *Machine) settleFill() {
	f := &m.filling
	if len(m.state.Holes) == 0 || f.busy || f.open != nil || f.at.After(m.now) || m.catchingUp() {
		return
	}
	h := m.nextHole()
	if h == nil {
		return
	}
	if h = m.trim(h); h == nil {
		return
	}
	box, ids := h.Box, h.first(historyPage)
	list := make([]codec.M, len(ids))
	for i, id := range ids {
		list[i] = codec.M{"_": "inputMessageID", "id": id}
	}
	method, call := "messages.getMessages", codec.M{"id": list}
	if box.Kind == Channel {
		method, call["channel"] = "channels.getMessages", inputChannel(box.ID, m.state.Channels[box.ID].AccessHash)
	}
	f.after, f.ids = box, ids
	f.busy = m.ask(box, method, "messages.Messages", call, m.historyResult)
	if !f.busy {
		m.giveUp(box, GapUnreadable)
	}
}

func inputChannel(id, hash int64) codec.M {
	return codec.M{"_": "inputChannel", "channel_id": id, "access_hash": hash}
}

// catchingUp: a difference is running, or about to, which is more urgent than history.
func (m *Machine) catchingUp() bool {
	if m.account.need && !m.account.at.After(m.now) {
		return true
	}
	return slices.ContainsFunc(m.restless, func(b *box) bool { return b.own.need && !b.own.poll && !b.own.at.After(m.now) })
}

// nextHole takes turns.
func (m *Machine) nextHole() *Hole {
	holes := m.state.Holes
	from := slices.IndexFunc(holes, func(h Hole) bool { return h.Box == m.filling.after }) + 1
	for i := range holes {
		h := &holes[(from+i)%len(holes)]
		if h.Box.Kind == Common || m.state.Channels[h.Box.ID].AccessHash != 0 {
			return h
		}
	}
	return nil
}

// trim gives up the oldest of a hole that is larger than the limit.
func (m *Machine) trim(h *Hole) *Hole {
	excess := h.size() - m.c.Fill.Messages
	if excess <= 0 {
		return h
	}
	box, low, high := h.Box, h.IDs[0].Low, 0
	for _, r := range h.IDs {
		if r.High-r.Low >= excess {
			high = r.Low + excess
			break
		}
		excess -= r.High - r.Low
	}
	m.lost(box, Range{low, high}, GapTooMany)
	return m.state.hole(box)
}

// lost says that messages of a hole will not come, and forgets them.
func (m *Machine) lost(id Box, r Range, reason string) {
	b := m.at(id)
	m.state.fill(id, r)
	m.say(b, Gap{Box: id, From: b.pts, To: b.pts, Reason: reason, Above: r.Low, UpTo: r.High}, appendRange(nil, "had", id, r))
}

func (m *Machine) giveUp(id Box, reason string) {
	if h := m.state.hole(id); h != nil {
		m.lost(id, Range{h.IDs[0].Low, h.last().High}, reason)
	}
}

func (m *Machine) at(id Box) *box {
	switch id.Kind {
	case Channel:
		return m.channel(id.ID)
	case Secret:
		return &m.secret
	default:
		return &m.common
	}
}

// historyResult is an answer to messages.getMessages or channels.getMessages.
func (m *Machine) historyResult(v codec.View, c *container, err error) {
	f := &m.filling
	f.busy = false
	box, ids := f.after, f.ids
	if err == nil && len(c.lost) > 0 && f.broken+1 < m.c.MaxUnreadable {
		err = errUnreadable // all of it may be readable after the connection was begun anew (D3)
	}
	if err != nil {
		m.noHistory(box, err)
		return
	}
	f.broken = 0
	f.ok(m.now.Add(m.pace(m.c.Fill.Pause)))
	h := m.state.hole(box)
	if h == nil {
		return
	}
	if box.Kind == Common && h.open() {
		f.open = &page{box, ids, c}
		m.want(&m.account) // what has come since is an update, and ends the hole
		return
	}
	m.publishHistory(page{box, ids, c})
}

// noHistory decides whether to try again.
func (m *Machine) noHistory(box Box, err error) {
	f := &m.filling
	f.failed(m, err)
	switch e := refusal(err); {
	case e.final():
		m.giveUp(box, e.Type)
	case errors.Is(err, errUnreadable):
		m.broken(box, err)
		if f.broken++; f.broken >= m.c.MaxUnreadable {
			f.broken = 0
			m.giveUp(box, GapUnreadable)
		}
	}
}

// openHistory goes on with a page that had to wait for the difference.
func (m *Machine) openHistory() {
	if p := m.filling.open; p != nil {
		m.filling.open = nil
		m.publishHistory(*p)
	}
}

// publishHistory publishes what a page holds of its hole. Each item tells how far it has come, so that a batch may be
// stored in part.
func (m *Machine) publishHistory(p page) {
	h := m.state.hole(p.box)
	if h == nil {
		return
	}
	gone, n := Range{Low: p.ids[0] - 1}, 0
	for _, message := range m.historyOf(p.c.f.View(), h) {
		if !slices.Contains(p.ids, int(message.Int("id"))) {
			continue // not asked for
		}
		gone.High = int(message.Int("id"))
		m.backfill(p.box, p.c, message, gone)
		n++
	}
	gone.High = p.ids[len(p.ids)-1]
	if len(p.c.lost) > 0 { // some of the page, in a layer that nobody here has
		n++
		m.lost(p.box, gone, GapUnreadable)
	} else {
		m.state.fill(p.box, gone)
		m.w.loose = appendRange(m.w.loose, "had", p.box, gone)
	}
	m.endOpen(p.box, n, gone.High)
}

// endOpen ends a hole without a known end when nothing comes any more.
func (m *Machine) endOpen(id Box, n, last int) {
	f := &m.filling
	h := m.state.hole(id)
	if f.empty++; n > 0 || h == nil || !h.open() {
		f.empty = 0
		return
	}
	if f.empty >= emptyPages {
		f.empty = 0
		gone := Range{Low: last}
		m.state.fill(id, gone)
		m.w.loose = appendRange(m.w.loose, "had", id, gone)
	}
}

// historyOf are the messages of an answer that are missing, by id.
func (m *Machine) historyOf(v codec.View, h *Hole) (found []codec.View) {
	for message := range v.Objects("messages") {
		peer, ok := message.Object("peer_id")
		if !ok || message.Name() == "messageEmpty" {
			continue // messageEmpty: there is none
		}
		in := peerValue(peer)
		ours := in.Kind != PeerChannel && h.Box.Kind == Common || in == Peer{PeerChannel, h.Box.ID}
		if ours && h.has(int(message.Int("id"))) && !slices.Contains(h.Keys, messageKey(message)) {
			found = append(found, message)
		}
	}
	slices.SortStableFunc(found, func(a, b codec.View) int { return int(a.Int("id") - b.Int("id")) })
	return slices.CompactFunc(found, func(a, b codec.View) bool { return a.Int("id") == b.Int("id") })
}

// backfill publishes one message out of history. It has no place in its box but its id.
func (m *Machine) backfill(box Box, c *container, message codec.View, gone Range) {
	w := &m.r.newMessage
	if box.Kind == Channel {
		w = &m.r.newChannelMessage
	}
	m.state.fill(box, gone)
	m.add(c, Item{
		Update:   w.wrap(message.Raw(), 0),
		Name:     w.name,
		Box:      box,
		Index:    int(message.Int("id")),
		Peer:     w.peer(m.look(message)),
		Date:     int(m.look(message).Int("date")),
		Backfill: true,
		State:    string(appendRange(nil, "had", box, gone)),
	}, message.Raw())
}
