package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// backfiller publishes messages of a hole.
type backfiller struct {
	ledger *ledger
	out    *publisher
}

// missing are the messages of an answer that are in the hole, by id.
func (h *backfiller) missing(v codec.View, hole *Hole) (found []codec.View) {
	for message := range v.Objects("messages") {
		peer, ok := message.Object("peer_id")
		if !ok || message.Name() == "messageEmpty" {
			continue // messageEmpty: there is none
		}
		in := peerValue(peer)
		ours := in.Kind != PeerChannel && hole.Box.Kind == Common || in == Peer{PeerChannel, hole.Box.ID}
		if ours && hole.has(int(message.Int("id"))) && !slices.Contains(hole.Keys, messageKey(message)) {
			found = append(found, message)
		}
	}
	slices.SortStableFunc(found, func(a, b codec.View) int { return int(a.Int("id") - b.Int("id")) })
	return slices.CompactFunc(found, func(a, b codec.View) bool { return a.Int("id") == b.Int("id") })
}

// publish publishes one message. It has no pts in its box, only its id. Done are the ids that are filled with it.
func (h *backfiller) publish(box Box, c *container, message codec.View, done Range) {
	rules := h.out.rules
	w := &rules.newMessage
	if box.Kind == Channel {
		w = &rules.newChannelMessage
	}
	h.ledger.state.fill(box, done)
	l := h.out.read.look(message)
	h.out.add(c, Item{
		Update:   w.wrap(message.Raw(), 0),
		Name:     w.name,
		Box:      box,
		Index:    int(message.Int("id")),
		Peer:     w.peer(l),
		Date:     int(l.Int("date")),
		About:    aboutMessage(&l.Fields),
		Backfill: true,
		State:    string(appendRange(nil, "had", box, done)),
	}, message.Raw())
}
