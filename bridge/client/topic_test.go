package client

import (
	"testing"

	"github.com/natsgram/natsgram/tl/tg"
)

// A message of a forum is in the topic that it names; one that names none is in the general one, which is the first. Outside of forums a
// message is in the thread that it names.
func TestInTopic(t *testing.T) {
	forum, group := []tg.ChatClass{&tg.Channel{ID: 5, Forum: true}}, []tg.ChatClass{&tg.Channel{ID: 6, Forum: true}, &tg.Channel{ID: 5}}
	for _, c := range []struct {
		what   string
		in     []tg.ChatClass
		of     int // Tg-Topic
		thread int // Tg-Thread
		topic  int
		want   bool
	}{
		{what: "all are wanted", in: forum, want: true},
		{what: "all are wanted", in: forum, of: 7, want: true},
		{what: "of the topic", in: forum, of: 7, topic: 7, want: true},
		{what: "of another", in: forum, of: 8, topic: 7},
		{what: "general, asked for another", in: forum, topic: 7},
		{what: "general", in: forum, topic: 1, want: true},
		{what: "general, an answer", in: forum, thread: 6, topic: 1, want: true},
		{what: "general, an answer, asked for its thread", in: forum, thread: 6, topic: 6, want: true},
		{what: "of another, asked for general", in: forum, of: 7, topic: 1},
		{what: "of a chat of which nothing is said", topic: 1, want: true},
		{what: "topic or thread", in: forum, of: 7, thread: 7, topic: 7, want: true},
		{what: "topic or thread, asked for general", in: forum, of: 7, thread: 7, topic: 1},
		{what: "topic or thread, of a group", in: group, of: 7, thread: 7, topic: 7, want: true},
		{what: "reactions in general", in: forum, thread: 1, topic: 1, want: true},
		{what: "no answer", in: group, topic: 7},
		{what: "an answer", in: group, thread: 7, topic: 7, want: true},
		{what: "an answer to another", in: group, thread: 8, topic: 7},
		{what: "the first message of a group is no general topic", in: group, topic: 1},
		{what: "and may be answered", in: group, thread: 1, topic: 1, want: true},
	} {
		u := &Update{Meta: Meta{Kind: Channel, ChatID: 5, Topic: c.of, Thread: c.thread}, Chats: c.in}
		if got := inTopic(u, c.topic); got != c.want {
			t.Errorf("%s: of %d and %d, asked for %d: %v", c.what, c.of, c.thread, c.topic, got)
		}
	}
}
