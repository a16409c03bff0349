package updates

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// D19: results of calls.
func TestResults(t *testing.T) {
	input := M{"_": "inputPeerUser", "user_id": 7, "access_hash": 1}
	channel77 := M{"_": "inputChannel", "channel_id": 77, "access_hash": 7700}
	for _, c := range []struct {
		name         string
		call, result M
		want         string
	}{
		{"updates", M{"_": "messages.sendMessage", "peer": input, "message": "a", "random_id": 1}, updates(0, 0, newMessage(1, 101)), `
			updateNewMessage common 101.0 [pts=101]`},
		{"affectedMessages moves the common box", M{"_": "messages.readHistory", "peer": input, "max_id": 9}, M{"_": "messages.affectedMessages", "pts": 102, "pts_count": 2}, `
			state pts=102.0
			updateNewMessage common 103.0 [pts=103]`},
		{"affectedMessages of a channel", M{"_": "channels.deleteParticipantHistory", "channel": channel77, "participant": input},
			M{"_": "messages.affectedHistory", "pts": 41, "pts_count": 1, "offset": 0}, `
			state c77=41.0`},
		{"deleted messages", M{"_": "messages.deleteMessages", "id": []int{5, 6}}, M{"_": "messages.affectedMessages", "pts": 102, "pts_count": 2}, `
			updateDeleteMessages common 102.0 [pts=102]
			updateNewMessage common 103.0 [pts=103]`},
		{"deleted messages, as the difference brings them", M{"_": "messages.deleteMessages", "id": []int{5}}, M{"_": "messages.affectedMessages", "pts": 100, "pts_count": 1}, ``},
		{"deleted messages, behind what is missing", M{"_": "messages.deleteMessages", "id": []int{5}}, M{"_": "messages.affectedMessages", "pts": 107, "pts_count": 1}, ``},
		{"none deleted", M{"_": "messages.deleteMessages", "id": []int{5}}, M{"_": "messages.affectedMessages", "pts": 100, "pts_count": 0}, ``},
		{"deleted messages of a channel", M{"_": "channels.deleteMessages", "channel": channel77, "id": []int{1}}, M{"_": "messages.affectedMessages", "pts": 41, "pts_count": 1}, `
			updateDeleteChannelMessages channel.77 41.0 [c77=41]`},
		{"deleted messages of a channel, wrapped", M{"_": "invokeWithoutUpdates", "query": M{"_": "channels.deleteMessages", "channel": channel77, "id": []int{1}}},
			M{"_": "messages.affectedMessages", "pts": 41, "pts_count": 1}, `
			updateDeleteChannelMessages channel.77 41.0 [c77=41]`},
		{"deleted calls", M{"_": "messages.deletePhoneCallHistory"}, M{"_": "messages.affectedFoundMessages", "pts": 102, "pts_count": 2, "offset": 0, "messages": []int{5, 6}}, `
			updateDeleteMessages common 102.0 [pts=102]
			updateNewMessage common 103.0 [pts=103]`},
		{"what was listened to", M{"_": "messages.readMessageContents", "id": []int{5}}, M{"_": "messages.affectedMessages", "pts": 102, "pts_count": 2}, `
			updateReadMessagesContents common 102.0 [pts=102]
			updateNewMessage common 103.0 [pts=103]`},
		{"deleted messages of somebody for whom a bot works: the numbers are his", M{"_": "invokeWithBusinessConnection", "connection_id": "abc",
			"query": M{"_": "messages.deleteMessages", "id": []int{5}}}, M{"_": "messages.affectedMessages", "pts": 101, "pts_count": 1}, ``},
		{"read for somebody", M{"_": "invokeWithoutUpdates", "query": M{"_": "invokeWithBusinessConnection", "connection_id": "abc",
			"query": M{"_": "messages.readHistory", "peer": input, "max_id": 9}}}, M{"_": "messages.affectedMessages", "pts": 101, "pts_count": 1}, ``},
		{"affectedHistory of a channel's peer, wrapped",
			M{"_": "invokeWithoutUpdates", "query": M{"_": "messages.readMentions", "peer": M{"_": "inputPeerChannel", "channel_id": 77, "access_hash": 1}}},
			M{"_": "messages.affectedHistory", "pts": 42, "pts_count": 1, "offset": 0}, `
			getChannelDifference 77/7700 pts=40 limit=100`},
		{"updates within a result", M{"_": "messages.createChat", "users": []M{}, "title": "x"},
			M{"_": "messages.invitedUsers", "missing_invitees": []M{}, "updates": updates(0, 0, newMessage(1, 101))}, `
			updateNewMessage common 101.0 [pts=101]`},
		{"a sent message is made whole", M{"_": "messages.sendMessage", "peer": input, "message": "hello", "random_id": 1},
			M{"_": "updateShortSentMessage", "out": true, "id": 5, "pts": 101, "pts_count": 1, "date": 9}, `
			updateNewMessage common 101.0 [pts=101]`},
		{"a sent message of which more was said", M{"_": "messages.sendMedia", "peer": input, "media": M{"_": "inputMediaEmpty"}, "message": "hello", "random_id": 1},
			M{"_": "updateShortSentMessage", "out": true, "id": 5, "pts": 101, "pts_count": 1, "date": 9}, `
			getDifference pts=100 qts=10 date=50`},
		{"anything else", M{"_": "help.getConfig"}, M{"_": "peerUser", "user_id": 1}, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			b.m.PushResult(b.now, b.l.encode(c.call), b.l.encode(c.result), Meta{Origin: "r1"})
			b.drain()
			if c.result["pts"] == 102 {
				b.push(short(newMessage(9, 103)))
			}
			expect(t, b.log, c.want)
		})
	}
}

// E5: the short forms become full messages, with everything that both have.
func TestShortForms(t *testing.T) {
	short := func(m M) M {
		for k, v := range (M{"id": 5, "message": "hi", "pts": 101, "pts_count": 1, "date": 9}) {
			m[k] = v
		}
		return m
	}
	reply := M{"_": "messageReplyHeader", "reply_to_msg_id": 4}
	bold := []M{{"_": "messageEntityBold", "offset": 0, "length": 2}}
	for _, c := range []struct {
		name string
		in   M
		want M
	}{
		{"received", short(M{"_": "updateShortMessage", "user_id": 7, "silent": true, "reply_to": reply, "entities": bold}),
			M{"peer_id": peerUser(7), "from_id": peerUser(7), "silent": true, "reply_to": reply, "entities": bold}},
		{"sent from elsewhere", short(M{"_": "updateShortMessage", "user_id": 7, "out": true}),
			M{"peer_id": peerUser(7), "from_id": peerUser(1), "out": true}},
		{"in a group", short(M{"_": "updateShortChatMessage", "chat_id": 8, "from_id": 7, "via_bot_id": 3}),
			M{"peer_id": M{"_": "peerChat", "chat_id": 8}, "from_id": peerUser(7), "via_bot_id": 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			b.push(c.in)
			expect(t, b.log, `updateNewMessage common 101.0 [pts=101]`)
			for k, v := range (M{"_": "message", "id": 5, "message": "hi", "date": 9}) {
				c.want[k] = v
			}
			want := b.l.encode(M{"_": "updateNewMessage", "message": c.want, "pts": 101, "pts_count": 1})
			if got := b.items[0]; !slices.Equal(got.Update, want) || got.Date != 9 {
				t.Errorf("got %x of %d, want %x", got.Update, got.Date, want)
			}
		})
	}
}

// E5: somebody whom nobody knows makes it a difference.
func TestShortFormsOfStrangers(t *testing.T) {
	base := M{"_": "updateShortMessage", "user_id": 7, "id": 5, "message": "hi", "pts": 101, "pts_count": 1, "date": 9}
	for name, more := range map[string]M{
		"sender":    {"user_id": 9},
		"bot":       {"via_bot_id": 9},
		"mention":   {"entities": []M{{"_": "messageEntityMentionName", "offset": 0, "length": 1, "user_id": 9}}},
		"forwarded": {"fwd_from": M{"_": "messageFwdHeader", "from_id": peerUser(9), "date": 1}},
		"reply":     {"reply_to": M{"_": "messageReplyHeader", "reply_to_peer_id": peerChannel(9)}},
	} {
		m := M{}
		for _, from := range []M{base, more} {
			for k, v := range from {
				m[k] = v
			}
		}
		b := newBench(t, at(), Config{Known: func(p Peer) bool { return p.ID != 9 }})
		b.push(m)
		if len(b.log) != 1 || !strings.HasPrefix(b.log[0], "getDifference") {
			t.Errorf("%s: %q", name, b.log)
		}
	}
}

// C17, E27: only what no difference gives back is held back from being acknowledged.
func TestRelease(t *testing.T) {
	status := M{"_": "updateUserStatus", "user_id": 3, "status": M{"_": "userStatusOffline", "was_online": 1}}
	for _, c := range []struct {
		name string
		push M
		want string
	}{
		{"pts", short(newMessage(1, 101)), "release [3]\nupdateNewMessage common 101.0 [pts=101]"},
		{"seq", updates(6, 51, userName(1)), "release [3]\nupdateUserName none 0.0 [seq=6;date=51]"},
		{"neither", short(userName(1)), "updateUserName none 0.0\nthen release [3]"},
		{"neither, beside pts", updates(0, 51, userName(1), newMessage(1, 101)), "updateUserName none 0.0\nupdateNewMessage common 101.0 [pts=101]\nthen release [3]"},
		{"pts without a count", short(deleted(1, 100, 0)), "updateDeleteMessages common 100.1 [pts=100.2]\nthen release [3]"},
		{"live", short(status), "release [3]\nupdateUserStatus none 0.0 live"},
		{"known", short(newMessage(1, 100)), "release [3]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, at(), Config{})
			b.pushMeta(c.push, Meta{Token: 3})
			expect(t, b.log, c.want)
		})
	}
}

// E21 and design §3: just the users and chats that an update mentions.
func TestMentions(t *testing.T) {
	m := message(1, peerChannel(77))
	m["from_id"] = peerUser(3)
	m["via_bot_id"] = 4
	m["fwd_from"] = M{"_": "messageFwdHeader", "from_id": peerChannel(88), "date": 1}
	m["entities"] = []M{{"_": "messageEntityMentionName", "offset": 0, "length": 1, "user_id": 5}}
	m["grouped_id"] = 6 // an id, of nobody
	users := []M{user(3), user(4), user(5), user(8), user(77)}
	users[0]["min"] = true
	chats := []M{channel(77, 1), channel(88, 1), channel(99, 1), {"_": "chatForbidden", "id": 5, "title": "t"}}
	b := newBench(t, at(), Config{})
	b.push(withUsers(withChats(updates(0, 0, M{"_": "updateNewChannelMessage", "message": m, "pts": 41, "pts_count": 1},
		M{"_": "updateReadChannelDiscussionInbox", "channel_id": 99, "top_msg_id": 1, "read_max_id": 1},
		M{"_": "updatePendingJoinRequests", "peer": peerChannel(99), "requests_pending": 1, "recent_requesters": []int64{8, 3}}), chats...), users...))
	for i, want := range []string{"user 3 user 4 user 5 channel 77 channel 88", "channel 99", "user 8 user 3 channel 99"} {
		var got []string
		for _, raw := range slices.Concat(b.items[i].Users, b.items[i].Chats) {
			v, err := b.l.s.View(raw)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %d", v.Name(), v.Int("id")))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: got %s, want %s", b.items[i].Name, got, want)
		}
	}
}

// Where an update happened, for its subject.
func TestPeers(t *testing.T) {
	for _, c := range []struct {
		update M
		want   string
	}{
		{newMessage(1, 101), "user.7"},
		{newChannelMessage(77, 1, 41), "channel.77"},
		{encrypted(1, 11), "secret.5"},
		{userName(9), "user.9"},
		{deleted(1, 101, 1), "none.0"},
		{M{"_": "updateChatParticipantAdd", "chat_id": 4, "user_id": 5, "inviter_id": 6, "date": 1, "version": 1}, "chat.4"},
		{M{"_": "updateChatParticipants", "participants": M{"_": "chatParticipantsForbidden", "chat_id": 4}}, "chat.4"},
		{M{"_": "updateReadHistoryInbox", "peer": M{"_": "peerChat", "chat_id": 4}, "max_id": 1, "still_unread_count": 0, "pts": 101, "pts_count": 1}, "chat.4"},
		{M{"_": "updateDialogUnreadMark", "peer": M{"_": "dialogPeer", "peer": peerUser(5)}}, "user.5"},
		{M{"_": "updateNotifySettings", "peer": M{"_": "notifyUsers"}, "notify_settings": M{"_": "peerNotifySettings"}}, "none.0"},
		{M{"_": "updateEncryption", "chat": M{"_": "encryptedChatDiscarded", "id": 6}, "date": 1}, "secret.6"},
		{M{"_": "updateEncryptedMessagesRead", "chat_id": 6, "max_date": 1, "date": 1}, "secret.6"},
		{M{"_": "updateChannelUserTyping", "channel_id": 8, "from_id": peerUser(5), "action": M{"_": "sendMessageTypingAction"}}, "channel.8"},
		{M{"_": "updateConfig"}, "none.0"},
	} {
		b := newBench(t, at(), Config{})
		b.push(short(c.update))
		if len(b.items) != 1 || b.items[0].Peer.String() != c.want {
			t.Errorf("%s: %v, want %s", c.update["_"], b.items, c.want)
		}
	}
}

// A difference that is larger than a batch comes in parts, and after a crash between them the rest is published once.
func TestParts(t *testing.T) {
	var messages []M
	for i := range 5 {
		messages = append(messages, message(i+1, peerUser(7)))
	}
	whole := difference("updates.difference", state(105, 10, 60, 5), messages, nil, nil, nil)
	b := startBench(t, at(), Config{MaxBatch: 2})
	b.log = nil
	b.answer(common, whole)
	if got := strings.Join(b.log, "\n"); strings.Count(got, "part=common/105/") != 4 || !strings.Contains(got, "common 105.4 [part=common;pts=105.5;date=60]") {
		t.Error(got)
	}
	if len(b.fold.Partial) > 0 {
		t.Errorf("left: %v", b.fold.Partial)
	}
	st := at()
	for _, it := range b.items[:2] {
		if err := st.Apply(it.State); err != nil {
			t.Fatal(err)
		}
	}
	b = startBench(t, st, Config{MaxBatch: 10})
	b.log = nil
	b.answer(common, whole)
	expect(t, b.log, `
		updateNewMessage common 105.2
		+ updateNewMessage common 105.3
		+ updateNewMessage common 105.4 [part=common/105/4;part=common;pts=105.5;date=60]`)
}

// The answer to a call that deletes has no date: the update that is made of it happened when that came.
func TestOwnUpdatesHaveADate(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.m.PushResult(b.now, b.l.encode(M{"_": "messages.deleteMessages", "id": []int{5}}), b.l.encode(M{"_": "messages.affectedMessages", "pts": 101, "pts_count": 1}), Meta{})
	for out, ok := b.m.Next(); ok; out, ok = b.m.Next() {
		if batch, ok := out.(*Batch); !ok || len(batch.Items) != 1 || batch.Items[0].Date != int(b.now.Unix()) {
			t.Errorf("%+v", out)
		}
	}
}

// An update that is made of a long list in a call and waits takes the room of the list.
func TestOwnUpdatesThatWaitTakeRoom(t *testing.T) {
	b := newBench(t, at(), Config{MaxHeldBytes: 1000})
	b.m.PushResult(b.now, b.l.encode(M{"_": "messages.deleteMessages", "id": make([]int, 1000)}), b.l.encode(M{"_": "messages.affectedMessages", "pts": 107, "pts_count": 1}), Meta{})
	b.drain()
	expect(t, b.log, `getDifference pts=100 qts=10 date=50`)
}
