package updates

import (
	"reflect"
	"testing"
)

// abouts is what the items are about that came out.
func abouts(b *bench) (all []About) {
	for i := range b.items {
		all = append(all, b.items[i].About)
	}
	return all
}

func with(m M, more M) M {
	for k, v := range more {
		m[k] = v
	}
	return m
}

// reply is of a message that answers another, in the thread that top began.
func reply(to, top int, more M) M {
	h := with(M{"_": "messageReplyHeader", "reply_to_msg_id": to}, more)
	if top != 0 {
		h["reply_to_top_id"] = top
	}
	return M{"reply_to": h}
}

func TestAbout(t *testing.T) {
	inChannel := func(id int, more M) M {
		return M{"_": "updateNewChannelMessage", "pts": 41, "pts_count": 1, "message": with(message(id, peerChannel(77)), more)}
	}
	for _, c := range []struct {
		name   string
		update M
		want   About
	}{
		{"a message", newMessage(5, 101), About{MsgID: 5}},
		{"one of an album", M{"_": "updateNewMessage", "pts": 101, "pts_count": 1, "message": with(message(5, peerUser(7)), M{"grouped_id": int64(-9)})}, About{MsgID: 5, Album: -9}},
		{"an edited one", M{"_": "updateEditMessage", "pts": 101, "pts_count": 1, "message": message(5, peerUser(7))}, About{MsgID: 5}},
		{"deleted ones", M{"_": "updateDeleteMessages", "messages": []int{4, 5}, "pts": 101, "pts_count": 1}, About{MsgIDs: []int64{4, 5}}},
		{"reactions", M{"_": "updateMessageReactions", "peer": peerUser(7), "msg_id": 5, "reactions": M{"_": "messageReactions", "results": []M{}}}, About{MsgID: 5}},
		{"an answer", inChannel(5, reply(4, 0, nil)), About{MsgID: 5, Thread: 4}},
		{"an answer to an answer", inChannel(5, reply(4, 3, nil)), About{MsgID: 5, Thread: 3}},
		{"an edited answer", M{"_": "updateEditChannelMessage", "pts": 41, "pts_count": 1, "message": with(message(5, peerChannel(77)), reply(4, 0, nil))}, About{MsgID: 5, Thread: 4}},
		{"an answer to a message of another chat", inChannel(5, reply(4, 0, M{"reply_to_peer_id": peerChannel(78)})), About{MsgID: 5}},
		{"the same, in a thread", inChannel(5, reply(4, 3, M{"reply_to_peer_id": peerChannel(78)})), About{MsgID: 5, Thread: 3}},
		{"a post that answers another", inChannel(5, with(reply(4, 0, nil), M{"post": true})), About{MsgID: 5}},
		{"an answer to a story", inChannel(5, M{"reply_to": M{"_": "messageReplyStoryHeader", "peer": peerUser(7), "story_id": 4}}), About{MsgID: 5}},
		{"an answer that is a service message", M{"_": "updateNewChannelMessage", "pts": 41, "pts_count": 1, "message": with(M{"_": "messageService", "id": 5,
			"peer_id": peerChannel(77), "date": 1, "action": M{"_": "messageActionPinMessage"}}, reply(4, 0, nil))}, About{MsgID: 5, Thread: 4}},
		{"an answer in a chat that has no threads", M{"_": "updateNewMessage", "pts": 101, "pts_count": 1, "message": with(message(5, peerUser(7)), reply(4, 0, nil))}, About{MsgID: 5}},
		{"in a topic", inChannel(5, M{"reply_to": M{"_": "messageReplyHeader", "forum_topic": true, "reply_to_msg_id": 3}}), About{MsgID: 5, Topic: 3}},
		{"a reply in a topic", inChannel(5, M{"reply_to": M{"_": "messageReplyHeader", "forum_topic": true, "reply_to_msg_id": 4, "reply_to_top_id": 3}}), About{MsgID: 5, Topic: 3}},
		{"a topic that is made", M{"_": "updateNewChannelMessage", "pts": 41, "pts_count": 1, "message": M{"_": "messageService", "id": 5, "peer_id": peerChannel(77), "date": 1,
			"action": M{"_": "messageActionTopicCreate", "title": "t", "icon_color": 1}}}, About{MsgID: 5, Topic: 5}},
		{"another lifetime", M{"_": "updateNewMessage", "pts": 101, "pts_count": 1, "message": M{"_": "messageService", "id": 5, "peer_id": peerUser(7), "date": 1,
			"action": M{"_": "messageActionSetMessagesTTL", "period": 60}}}, About{MsgID: 5, Period: true}},
		{"views of a post", M{"_": "updateChannelMessageViews", "channel_id": 77, "id": 5, "views": 9}, About{MsgID: 5}},
		{"forwards of a post", M{"_": "updateChannelMessageForwards", "channel_id": 77, "id": 5, "forwards": 9}, About{MsgID: 5}},
		{"a folder, which has an id too", M{"_": "updateDialogFilter", "id": 5}, About{}},
		{"reactions in a topic or thread", M{"_": "updateMessageReactions", "peer": peerChannel(77), "msg_id": 5, "top_msg_id": 3, "reactions": M{"_": "messageReactions", "results": []M{}}},
			About{MsgID: 5, Topic: 3, Thread: 3}},
		{"reactions in General, or in the thread of the first message", M{"_": "updateMessageReactions", "peer": peerChannel(77), "msg_id": 5, "top_msg_id": 1,
			"reactions": M{"_": "messageReactions", "results": []M{}}}, About{MsgID: 5, Thread: 1}},
		{"a poll", M{"_": "updateMessagePoll", "peer": peerChannel(77), "msg_id": 5, "top_msg_id": 3, "poll_id": int64(9), "results": M{"_": "pollResults"}}, About{MsgID: 5, Topic: 3, Thread: 3}},
		{"seen", M{"_": "updateChannelReadMessagesContents", "channel_id": 77, "top_msg_id": 3, "messages": []int{5}}, About{MsgIDs: []int64{5}, Topic: 3, Thread: 3}},
		{"a draft", M{"_": "updateDraftMessage", "peer": peerChannel(77), "top_msg_id": 3, "draft": M{"_": "draftMessageEmpty"}}, About{Topic: 3, Thread: 3}},
		{"a draft in a topic with a bot: threads are in channels alone", M{"_": "updateDraftMessage", "peer": peerUser(7), "top_msg_id": 3, "draft": M{"_": "draftMessageEmpty"}}, About{Topic: 3}},
		{"settings of a topic", M{"_": "updateNotifySettings", "peer": M{"_": "notifyForumTopic", "peer": peerChannel(77), "top_msg_id": 3},
			"notify_settings": M{"_": "peerNotifySettings"}}, About{Topic: 3}},
		{"settings of a chat", M{"_": "updateNotifySettings", "peer": M{"_": "notifyPeer", "peer": peerChannel(77)}, "notify_settings": M{"_": "peerNotifySettings"}}, About{}},
		{"read", M{"_": "updateReadChannelDiscussionInbox", "channel_id": 77, "top_msg_id": 3, "read_max_id": 5}, About{Topic: 3, Thread: 3}},
		{"comments read", M{"_": "updateReadChannelDiscussionInbox", "channel_id": 77, "top_msg_id": 3, "read_max_id": 5, "broadcast_id": 78, "broadcast_post": 2}, About{Thread: 3}},
		{"read by others", M{"_": "updateReadChannelDiscussionOutbox", "channel_id": 77, "top_msg_id": 3, "read_max_id": 5}, About{Topic: 3, Thread: 3}},
		{"about no message", userName(7), About{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			b.push(short(c.update))
			if got := abouts(b); len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// What a difference and history bring is told as what is pushed.
func TestAboutOfADifference(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.push(M{"_": "updatesTooLong"})
	album := with(message(6, peerUser(7)), M{"grouped_id": int64(9)})
	b.answer(Box{Kind: Common}, difference("updates.difference", state(102, 10, 60, 0), []M{album}, nil,
		[]M{{"_": "updateDeleteMessages", "messages": []int{4}, "pts": 102, "pts_count": 1}}, nil))
	if got, want := abouts(b), []About{{MsgID: 6, Album: 9}, {MsgIDs: []int64{4}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
