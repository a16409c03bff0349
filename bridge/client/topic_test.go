package client

import (
	"testing"

	"github.com/natsgram/natsgram/tl/tg"
)

// A message of a forum is in the topic that it names; one that names none is in the general one, which is the first. Outside of forums a
// message is in the thread of what it answers, and of what that answers.
func TestInTopic(t *testing.T) {
	forum, group := []tg.ChatClass{&tg.Channel{ID: 5, Forum: true}}, []tg.ChatClass{&tg.Channel{ID: 6, Forum: true}, &tg.Channel{ID: 5}}
	to := func(msg, top int) *tg.MessageReplyHeader {
		h := &tg.MessageReplyHeader{ReplyToMsgID: tg.Some(msg)}
		if top != 0 {
			h.ReplyToTopID = tg.Some(top)
		}
		return h
	}
	elsewhere, there := to(7, 0), to(7, 9)
	elsewhere.ReplyToPeerID, there.ReplyToPeerID = &tg.PeerChannel{ChannelID: 8}, &tg.PeerChannel{ChannelID: 8}
	for _, c := range []struct {
		what     string
		in       []tg.ChatClass
		of       int // Tg-Topic
		reply    tg.MessageReplyHeaderClass
		topic    int
		want     bool
		services bool
	}{
		{what: "all are wanted", in: forum, want: true},
		{what: "all are wanted", in: forum, of: 7, want: true},
		{what: "of the topic", in: forum, of: 7, reply: to(8, 7), topic: 7, want: true},
		{what: "of another", in: forum, of: 8, reply: to(7, 8), topic: 7},
		{what: "general, asked for another", in: forum, topic: 7},
		{what: "general", in: forum, topic: 1, want: true},
		{what: "general, an answer", in: forum, reply: to(6, 0), topic: 1, want: true},
		{what: "of another, asked for general", in: forum, of: 7, topic: 1},
		{what: "of a chat of which nothing is said", topic: 1, want: true},
		{what: "no answer", in: group, topic: 7},
		{what: "an answer", in: group, reply: to(7, 0), topic: 7, want: true},
		{what: "an answer that is a service message", in: group, reply: to(7, 0), topic: 7, want: true, services: true},
		{what: "an answer to another", in: group, reply: to(8, 0), topic: 7},
		{what: "an answer to an answer", in: group, reply: to(8, 7), topic: 7, want: true},
		{what: "an answer to what is in another thread", in: group, reply: to(7, 6), topic: 7},
		{what: "an answer to a message with this id in another chat", in: group, reply: elsewhere, topic: 7},
		{what: "the same, in a thread", in: group, reply: there, topic: 9, want: true},
		{what: "an answer to a story", in: group, reply: &tg.MessageReplyStoryHeader{StoryID: 7}, topic: 7},
		{what: "the first message of a group is no general topic", in: group, topic: 1},
		{what: "and may be answered", in: group, reply: to(1, 0), topic: 1, want: true},
	} {
		var m tg.MessageClass = &tg.Message{ReplyTo: c.reply}
		if c.services {
			m = &tg.MessageService{ReplyTo: c.reply}
		}
		u := &Update{Meta: Meta{Kind: Channel, ChatID: 5, Topic: c.of}, Chats: c.in, Value: &tg.UpdateNewChannelMessage{Message: m}}
		if got := inTopic(u, c.topic); got != c.want {
			t.Errorf("%s: of %d, asked for %d: %v", c.what, c.of, c.topic, got)
		}
	}
	if inTopic(&Update{Meta: Meta{Kind: Channel, ChatID: 5}, Chats: group}, 7) {
		t.Error("what cannot be read is in the thread")
	}
}
