package client

import "github.com/natsgram/natsgram/tl/tg"

// inTopic reports whether a message is of a forum's topic, or of a thread outside of forums; 0: of whatever.
func inTopic(u *Update, topic int) bool {
	switch {
	case topic == 0:
		return true
	case u.Topic != 0:
		return u.Topic == topic
	case topic == General && mayBeForum(u):
		return true // its messages name no topic
	}
	return threadOf(u) == topic
}

// mayBeForum reports whether the chat of an update is a forum, or nothing is said of it.
func mayBeForum(u *Update) bool {
	for _, c := range u.Chats {
		if channel, ok := c.(*tg.Channel); ok && channel.ID == u.ChatID {
			return channel.Forum
		}
	}
	return true
}

// threadOf is the id of the message that began the thread in which a message of a supergroup stands; 0: it answers none. A reply to a
// reply says so by reply_to_top_id; the first replies only say what they answer.
func threadOf(u *Update) int {
	came, ok := u.Value.(*tg.UpdateNewChannelMessage)
	if !ok {
		return 0
	}
	var reply tg.MessageReplyHeaderClass
	switch m := came.Message.(type) {
	case *tg.Message:
		reply = m.ReplyTo
	case *tg.MessageService:
		reply = m.ReplyTo
	}
	h, ok := reply.(*tg.MessageReplyHeader)
	if !ok {
		return 0
	}
	if top := h.ReplyToTopID.Or(0); top != 0 {
		return top
	}
	if h.ReplyToPeerID != nil { // it answers a message of another chat
		return 0
	}
	return h.ReplyToMsgID.Or(0)
}
