package updates

import (
	"encoding/binary"

	"github.com/natsgram/natsgram/tl/codec"
)

// aboutOf is what an update that was looked at is about.
func aboutOf(u *looked, rule *rule) (a About) {
	if rule.message != "" {
		if message := u.inner(rule.message); message.View().Valid() {
			return aboutMessage(message)
		}
	}
	if rule.about.ids != "" {
		a.MsgIDs = u.View().Longs(rule.about.ids)
	}
	if rule.about.id != "" {
		a.MsgID = int(u.Int(rule.about.id))
	}
	if rule.about.topic {
		a.Topic = int(u.Int("topic_id"))
	}
	if rule.about.top {
		a.began(u)
	}
	return a
}

// general is the topic of which messages do not say that they stand in it.
const general = 1

// began reads which message began the topic or thread that an update is about. Most do not say which of the two it is: it stands for both then.
// Threads are in channels alone, and comments on a post are one; what has settings of its own is a topic.
func (a *About) began(u *looked) {
	top, settings := int(u.Int("top_msg_id")), false
	if whose, ok := u.Object("peer"); ok && whose.Name() == "notifyForumTopic" {
		top, settings = int(whose.Int("top_msg_id")), true
	}
	comments := u.Int("broadcast_id") != 0
	if !comments && top != general {
		a.Topic = top
	}
	if !settings && (u.Int("channel_id") != 0 || channelPeer(&u.Fields, "peer") != 0) {
		a.Thread = top
	}
}

// aboutMessage is the same of a message.
func aboutMessage(message *codec.Fields) About {
	a := About{MsgID: int(message.Int("id")), Album: message.Int("grouped_id"), Out: message.Bool("out")}
	a.Mentioned = message.Bool("mentioned") && message.Bool("media_unread")
	action, _ := message.Object("action")
	a.Period = action.Name() == "messageActionSetMessagesTTL"
	if action.Name() == "messageActionTopicCreate" {
		a.Topic = a.MsgID
	} else if reply, ok := message.Object("reply_to"); ok && reply.Bool("forum_topic") {
		a.Topic = began(reply)
	} else if peer, in := message.Object("peer_id"); ok && in && peer.Name() == "peerChannel" && !message.Bool("post") {
		a.Thread = began(reply)
	}
	return a
}

// began is the id of the message that began the topic or thread in which a reply stands. A reply to a reply says so; the first replies only say
// what they answer, which may be in another chat.
func began(reply codec.View) int {
	if top := reply.Int("reply_to_top_id"); top != 0 || reply.Has("reply_to_peer_id") {
		return int(top)
	}
	return int(reply.Int("reply_to_msg_id"))
}

// About is what an update is about.
func (r *Rules) About(update []byte) About {
	v, err := r.s.View(update)
	if err != nil {
		return About{}
	}
	var l looked
	l.Read(v)
	return aboutOf(&l, r.rule(v))
}

// Affected reports whether the result of a call says no more than how far it moved the account's boxes (D19).
func (r *Rules) Affected(result []byte) bool { return r.resultOf(result).affected }

// boxedVector is the constructor of a Vector.
const boxedVector = 0x1cb5c415

// Only is an update about a list of messages as if it were about some of them alone. It reports false where the update is about
// no list.
func (r *Rules) Only(update []byte, ids []int64) (only []byte, ok bool) {
	v, err := r.s.View(update)
	if err != nil {
		return nil, false
	}
	field := r.rule(v).about.ids
	at, n := v.Offset(field), v.Len(field)
	if field == "" || !v.Has(field) || at+8 > len(update) || binary.LittleEndian.Uint32(update[at:]) != boxedVector {
		return nil, false
	}
	only = append(make([]byte, 0, len(update)), update[:at]...)
	only = binary.LittleEndian.AppendUint32(only, boxedVector)
	only = binary.LittleEndian.AppendUint32(only, uint32(len(ids))) //nolint:gosec // of a list that was read
	for _, id := range ids {
		only = binary.LittleEndian.AppendUint32(only, uint32(id)) //nolint:gosec // ids are ints
	}
	return append(only, update[at+8+4*n:]...), true
}
