package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// span is from one pts, exclusive, to another.
type span struct{ from, to int }

func (s *model) answerState() M {
	return state(s.top(modelBoxes[0]), s.top(modelBoxes[1]), s.date, s.seq)
}

// newest are the newest messages of a box, as it was at some pts, newest first.
func (s *model) newest(b Box, pts, n int) (found []event) {
	for _, e := range slices.Backward(s.boxes[b]) {
		if e.pts <= pts && e.message != nil && len(found) < n {
			found = append(found, e)
		}
	}
	return found
}

func (s *model) channelTooLong(b Box, from, to int) M {
	s.fallen[b] = append(s.fallen[b], span{from, to})
	newest := s.newest(b, to, 1+s.r.IntN(4))
	messages, _ := split(newest)
	m := channelTooLong(to, messages...)
	m["final"] = false
	m["dialog"].(M)["top_message"] = newest[0].id
	return m
}

// history is getMessages: what there is, and messageEmpty for the rest, in any order.
func (s *model) history(b Box, ids []int) M {
	var found []M
	for _, id := range ids {
		i := slices.IndexFunc(s.boxes[b], func(e event) bool { return e.id == id && e.message != nil })
		if i < 0 {
			found = append(found, M{"_": "messageEmpty", "id": id})
		} else {
			found = append(found, s.boxes[b][i].message)
		}
	}
	s.r.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	return M{"_": "messages.messages", "messages": found, "topics": []M{}, "chats": []M{}, "users": []M{}}
}

func boxesOf(channels []int64) (boxes []Box) {
	for _, id := range channels {
		boxes = append(boxes, Box{Channel, id})
	}
	return boxes
}

func dialog(peer M, pts, top int) M {
	d := M{"_": "dialog", "peer": peer, "top_message": top, "read_inbox_max_id": 0, "read_outbox_max_id": 0, "unread_count": 0,
		"unread_mentions_count": 0, "unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": M{"_": "peerNotifySettings"}}
	if pts != 0 {
		d["pts"] = pts
	}
	return d
}

// dialogPage are the dialogs of some boxes: of the common one, that with a user.
func (s *model) dialogPage(name string, boxes []Box) M {
	var dialogs, messages, chats []M
	for _, b := range boxes {
		newest := s.newest(b, 1<<30, 1)
		if len(newest) == 0 {
			continue
		}
		messages = append(messages, newest[0].message)
		if b.Kind == Channel {
			dialogs = append(dialogs, dialog(peerChannel(b.ID), s.top(b), newest[0].id))
			chats = append(chats, channel(b.ID, b.ID*100))
		} else {
			dialogs = append(dialogs, dialog(peerUser(7), 0, newest[0].id))
		}
	}
	return M{"_": name, "dialogs": dialogs, "messages": messages, "chats": chats, "users": []M{user(7)}}
}

// dialogs are pages of two, the one written in last first.
func (s *model) dialogs(call codec.View) M {
	boxes := []Box{modelBoxes[0], modelBoxes[2], modelBoxes[3], modelBoxes[4]}
	boxes = slices.DeleteFunc(boxes, func(b Box) bool {
		newest := s.newest(b, 1<<30, 1)
		before := int(call.Int("offset_id"))
		return len(newest) == 0 || before != 0 && newest[0].id >= before || call.Int("folder_id") != 0
	})
	slices.SortFunc(boxes, func(a, b Box) int { return s.newest(b, 1<<30, 1)[0].id - s.newest(a, 1<<30, 1)[0].id })
	if len(boxes) <= 2 {
		return s.dialogPage("messages.dialogs", boxes)
	}
	m := s.dialogPage("messages.dialogsSlice", boxes[:2])
	m["count"] = len(boxes)
	return m
}
