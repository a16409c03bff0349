package updates

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// ofNewerLayer replaces one constructor in a container by one that no schema has.
func ofNewerLayer(t *testing.T, l schema, m M, constructor string) []byte {
	t.Helper()
	id := binary.LittleEndian.AppendUint32(nil, l.decl.Constructor(constructor).ID)
	body := l.encode(m)
	if bytes.Count(body, id) != 1 {
		t.Fatalf("%s stands %d times in it", constructor, bytes.Count(body, id))
	}
	return bytes.Replace(body, id, []byte{0xad, 0xde, 0xca, 0xfe}, 1)
}

// D3: an update that only a newer layer has takes none of those along that came with it. The connection is begun anew, and
// a difference fetched, which does not say it again.
func TestUnknownInAPush(t *testing.T) {
	b := newBench(t, at(), Config{})
	body := ofNewerLayer(t, b.l, updates(6, 61, newMessage(1, 101), M{"_": "updateContactsReset"}, userName(3)), "updateContactsReset")
	b.m.Push(b.now, body, Meta{Token: 4})
	b.drain()
	expect(t, b.log, `
		updateNewMessage common 101.0 [pts=101]
		+ updateUserName none 0.0
		+ unknown none 0.0 [seq=6;date=61]
		then release [4]
		broken none
		getDifference pts=101 qts=10 date=61`)
	if got := b.items[2].Update; !bytes.Equal(got, []byte{0xad, 0xde, 0xca, 0xfe}) {
		t.Errorf("published as %x", got)
	}
	b.log = nil
	diff := difference("updates.difference", state(102, 10, 62, 6), []M{message(2, peerUser(5))}, []M{}, []M{{"_": "updateContactsReset"}}, []M{})
	for range 2 {
		b.result(common, ofNewerLayer(t, b.l, diff, "updateContactsReset"), nil)
		b.wait(time.Second)
	}
	expect(t, b.log, `
		broken common
		getDifference pts=101 qts=10 date=61
		updateNewMessage common 102.0 [pts=102;date=62]
		broken common`)
}

// D3: nor does one in a difference: it is asked for once more, then its readable part goes out, and nothing stands still.
func TestUnknownInADifference(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.push(M{"_": "updatesTooLong"})
	diff := difference("updates.differenceSlice", state(105, 10, 62, 6), []M{message(1, peerUser(5)), message(2, peerUser(5))}, []M{},
		[]M{{"_": "updateContactsReset"}, userName(3)}, []M{})
	body := ofNewerLayer(t, b.l, diff, "updateContactsReset")
	b.result(common, body, nil)
	b.wait(time.Second)
	b.result(common, body, nil)
	expect(t, b.log, `
		getDifference pts=100 qts=10 date=50
		broken common
		getDifference pts=100 qts=10 date=50
		updateNewMessage common 105.0
		+ updateNewMessage common 105.1
		+ updateUserName none 0.2
		+ unknown common 105.3 [pts=105.4;seq=6;date=62]
		broken common
		getDifference pts=105 qts=10 date=62`)
}

// E12: of a page of history that holds an unreadable message the others are published, and that some are missing is said.
func TestUnknownInHistory(t *testing.T) {
	st := at()
	st.Channels[77] = ChannelState{Pts: 40, AccessHash: 7700, TopID: 10}
	b := newBench(t, st, Config{})
	b.push(M{"_": "updateShort", "date": 60, "update": M{"_": "updateChannelTooLong", "channel_id": 77}})
	tooLong := channelTooLong(9000)
	tooLong["dialog"].(M)["top_message"] = 12
	b.answer(ch77, tooLong)
	page := M{"_": "messages.channelMessages", "pts": 9000, "count": 2, "topics": []M{}, "chats": []M{}, "users": []M{},
		"messages": []M{message(11, peerChannel(77)), {"_": "messageService", "id": 12, "peer_id": peerChannel(77), "date": 1, "action": M{"_": "messageActionHistoryClear"}}}}
	body := ofNewerLayer(t, b.l, page, "messageActionHistoryClear")
	b.log = nil
	for range 2 {
		b.wait(time.Minute)
		if len(b.asked) == 0 {
			t.Fatalf("no history was asked for; so far %q", b.log)
		}
		f := b.asked[0]
		b.asked = nil
		b.m.Result(b.now, f.ID, body, nil)
		b.drain()
	}
	var names []string
	for _, it := range b.items {
		if it.Backfill || it.Gap != nil && it.Gap.Reason == GapUnreadable {
			names = append(names, it.Name)
		}
	}
	if len(names) != 2 || names[0] != "updateNewChannelMessage" || names[1] != "gap" || b.fold.hole(ch77) != nil {
		t.Errorf("published %q, hole %v; %q", names, b.fold.hole(ch77), b.log)
	}
}
