package client

import "github.com/natsgram/natsgram/tl/tg"

// inTopic reports whether a message is of a forum's topic, or of a thread outside of forums; 0: of whatever.
func inTopic(u *Update, topic int) bool {
	if topic == General && u.Topic == 0 && mayBeForum(u) {
		return true // its messages name no topic
	}
	return topic == 0 || u.in(topic)
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
