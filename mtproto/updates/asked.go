package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// Asked are the messages of a messages.Messages that somebody asked for, oldest first, each as the update that it would be if it came
// now, with who came along of those that it mentions. They have no place in their box and no state. A messageEmpty is none.
func (r *Rules) Asked(answer codec.View) []Item {
	c, read, found := newAnswer(answer, 0), reader{rules: r}, mentions{}
	all := c.entities()
	var items []Item
	for message := range answer.Objects("messages") {
		peer, ok := message.Object("peer_id")
		if !ok || message.Name() == "messageEmpty" {
			continue
		}
		w, box := &r.newMessage, Box{Kind: Common}
		if in := peerValue(peer); in.Kind == PeerChannel {
			w, box = &r.newChannelMessage, Box{Kind: Channel, ID: in.ID}
		}
		l := read.look(message)
		it := Item{
			Update: w.wrap(message.Raw(), 0), Name: w.name, Box: box, Index: int(message.Int("id")), Peer: w.peer(l),
			Date: int(l.Int("date")), About: aboutMessage(&l.Fields), Backfill: true,
		}
		for _, i := range found.find(r.ids, message.Raw(), all) {
			if all[i].kind == PeerUser {
				it.Users = append(it.Users, all[i].raw)
			} else {
				it.Chats = append(it.Chats, all[i].raw)
			}
		}
		items = append(items, it)
	}
	slices.SortStableFunc(items, func(a, b Item) int { return a.Index - b.Index })
	return items
}
