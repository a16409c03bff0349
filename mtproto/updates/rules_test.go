package updates

import (
	"slices"
	"strings"
	"testing"
)

// E2: what the checklist computed for layer 228; names that a layer does not have are passed over, others not.
var sequences = map[string]string{
	"common": `updateNewMessage updateEditMessage updateDeleteMessages updateReadHistoryInbox updateReadHistoryOutbox
		updateWebPage updateReadMessagesContents updatePinnedMessages updateFolderPeers`,
	"channel": `updateNewChannelMessage updateEditChannelMessage updateDeleteChannelMessages updateChannelWebPage
		updatePinnedChannelMessages`,
	"hint": `updateReadChannelInbox updateChannelTooLong`,
	"secret": `updateNewEncryptedMessage updateMessagePollVote updateChatParticipant updateChannelParticipant updateBotStopped
		updateBotChatInviteRequester updateBotChatBoost updateBotMessageReaction updateBotMessageReactions
		updateBotBusinessConnect updateBotNewBusinessMessage updateBotEditBusinessMessage updateBotDeleteBusinessMessage
		updateBotPurchasedPaidMedia updateManagedBot updateBotGuestChatQuery updateBotStarsSubscription`,
}

// E1, E2: which update moves which sequence is read off its declaration.
func TestSequencesOfTheSchema(t *testing.T) {
	l := api(t)
	want := make(map[string]string)
	for sequence, names := range sequences {
		for _, name := range strings.Fields(names) {
			want[name] = sequence
		}
	}
	for _, c := range l.decl.Class("Update") {
		rule := l.rules.updates[c.ID]
		got := sequenceName(rule)
		if got != want[c.Name] {
			t.Errorf("%s: %q, want %q", c.Name, got, want[c.Name])
		}
	}
	for _, name := range []string{"updateNewMessage", "updateNewChannelMessage", "updateBotStopped", "updateChannelTooLong"} {
		if l.decl.Constructor(name) == nil {
			t.Errorf("the schema has no %s: this test sees nothing", name)
		}
	}
}

func sequenceName(r *rule) string {
	switch {
	case r.hint:
		return "hint"
	case r.kind == Common:
		return "common"
	case r.kind == Channel:
		return "channel"
	case r.kind == Secret:
		return "secret"
	default:
		return ""
	}
}

// The lists of names that the machine acts on hold only names that the schema has.
func TestNamesAreOfTheSchema(t *testing.T) {
	l := api(t)
	for _, name := range slices.Concat(controls, keys(live)) {
		if c := l.decl.Constructor(name); c == nil || c.Result.Name != "Update" {
			t.Errorf("the schema has no update %s", name)
		}
	}
	for name := range live {
		if r := l.rules.updates[l.decl.Constructor(name).ID]; r.kind != None {
			t.Errorf("%s moves a box: it cannot be live", name)
		}
	}
}

func keys(m map[string]string) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

// A layer that nobody has seen: its updates fall into the boxes all the same (E2).
const unseenLayer = `
peerUser#59511722 user_id:long = Peer;
peerChannel#a2a5371e channel_id:long = Peer;
message#1 flags:# id:int peer_id:Peer date:int message:string = Message;
updateNewMessage#11 message:Message pts_count:int pts:int = Update;
updateNewChannelMessage#12 flags:# message:Message urgent:flags.0?true pts:int pts_count:int = Update;
updateNewEncryptedMessage#13 message:Message qts:int = Update;
updateChannelTooLong#14 channel_id:long = Update;
updatePtsChanged#15 = Update;
updateDreamt#16 message:Message lucid:Bool pts:int pts_count:int = Update;
updateDreamForgotten#17 flags:# dreams:Vector<long> channel_id:long pts:int pts_count:int = Update;
updateBotDreamt#18 user_id:long qts:int = Update;
updateDreamChannelRenamed#19 peer:Peer pts:int pts_count:int = Update;
updateDreaming#1a user_id:long = Update;
updates#21 updates:Vector<Update> users:Vector<User> chats:Vector<Chat> date:int seq:int = Updates;
userDream#22 flags:# id:long access_hash:flags.0?long = User;
channelDream#23 flags:# id:long access_hash:flags.0?long = Chat;
updates.state#31 pts:int qts:int date:int seq:int = updates.State;
updates.difference#32 new_messages:Vector<Message> other_updates:Vector<Update> state:updates.State = updates.Difference;
updates.channelDifference#33 final:int pts:int = updates.ChannelDifference;
inputChannel#34 channel_id:long access_hash:long = InputChannel;
channelMessagesFilterEmpty#35 = ChannelMessagesFilter;
vector#1cb5c415 {t:Type} # [ t ] = Vector t;
---functions---
updates.getState#41 = updates.State;
updates.getDifference#42 pts:int date:int qts:int = updates.Difference;
updates.getChannelDifference#43 channel:InputChannel filter:ChannelMessagesFilter pts:int limit:int = updates.ChannelDifference;
`

func TestUnseenLayer(t *testing.T) {
	l, err := load("unseen.tl", []byte(unseenLayer))
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(l.rules, at(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, l: l, m: m, now: start, fetch: make(map[Box]*Fetch), fold: at()}
	m.Start(b.now)
	b.drain()
	plain := func(peer M) M { return M{"_": "message", "id": 1, "peer_id": peer, "date": 1, "message": ""} }
	b.answer(common, M{"_": "updates.difference", "new_messages": []M{plain(peerUser(7))}, "other_updates": []M{},
		"state": M{"_": "updates.state", "pts": 101, "qts": 10, "date": 60, "seq": 5}})
	b.log = nil
	b.push(updates(6, 61,
		M{"_": "updateDreamt", "message": plain(peerUser(7)), "lucid": true, "pts": 102, "pts_count": 1},
		M{"_": "updateDreamt", "message": plain(peerChannel(77)), "lucid": true, "pts": 41, "pts_count": 1},
		M{"_": "updateDreamForgotten", "dreams": []int64{1}, "channel_id": 77, "pts": 43, "pts_count": 2},
		M{"_": "updateBotDreamt", "user_id": 5, "qts": 11},
		M{"_": "updateDreamChannelRenamed", "peer": peerChannel(77), "pts": 44, "pts_count": 1},
		M{"_": "updateDreaming", "user_id": 5},
	))
	expect(t, b.log, `
		updateDreamt common 102.0 [pts=102]
		+ updateDreamt channel.77 41.0 [c77=41]
		+ updateDreamForgotten channel.77 43.0 [c77=43]
		+ updateBotDreamt secret 11.0 [qts=11]
		+ updateDreamChannelRenamed channel.77 44.0 [c77=44]
		+ updateDreaming none 0.0 [seq=6;date=61]`)
	if got, want := b.items[0].Update, l.encode(M{"_": "updateNewMessage", "message": plain(peerUser(7)), "pts": 101, "pts_count": 0}); !slices.Equal(got, want) {
		t.Errorf("a message of the difference became %x, want %x", got, want)
	}
}

func TestCompileWantsTheAPI(t *testing.T) {
	for _, cut := range []string{"updates.state#31", "updates.getState#41", "updateNewMessage#11"} {
		var lines []string
		for line := range strings.Lines(unseenLayer) {
			if !strings.HasPrefix(line, cut) {
				lines = append(lines, line)
			}
		}
		text := strings.ReplaceAll(strings.Join(lines, ""), "updates.State", map[bool]string{true: "Peer", false: "updates.State"}[cut == "updates.state#31"])
		if _, err := load("cut.tl", []byte(text)); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(strings.Split(cut, "#")[0])) {
			t.Errorf("without %s: %v", cut, err)
		}
	}
}
