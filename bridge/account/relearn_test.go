package account

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Who reads the stream while the bucket of peers is lost does not say, when he is done, that the new one has all: what he had read before is not
// in it.
func TestBucketLostWhileLearning(t *testing.T) {
	s, _ := layer()
	x := relearning{directory: newDirectory(peers.Config{Schema: s, Account: "main", User: 1}, subjects.Scheme{})}
	first := x.lostSoFar()
	x.lost()
	second := x.lostSoFar()
	if x.caught(first); x.caughtUp.Load() {
		t.Error("it has all, as who began before the loss says")
	}
	if x.caught(second); !x.caughtUp.Load() {
		t.Error("who began behind the loss has read all, and it is not known")
	}
}

// While somebody is erased the mark stays behind what has come since, and all that Telegram tells of him is told whole. Where he cannot be learned again
// from that, the stream is read anew.
func TestErasingLearnsWhatCameMeanwhile(t *testing.T) {
	x := newRig(t)
	var err error
	if x.peers, err = peers.NewStore(t.Context(), x.storage); err != nil {
		t.Fatal(err)
	}
	x.run(newTelegram(t))
	o := x.r.ownership()
	d, made := o.driver.publisher.directory, o.c.Records.StreamMade()
	for deadline := time.Now().Add(time.Minute); !o.relearning.caughtUp.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not learn from the stream")
		}
	}
	mark := func() uint64 {
		o.relearning.mark(t.Context())
		seq, err := d.Mark(t.Context(), made)
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	says := func(user int) {
		at := int(x.g.pts.Add(1))
		stored := make(chan struct{})
		x.g.o.Updates(mtproto.Update{Received: time.Now(), Ack: func() { close(stored) }, Body: encode(t, codec.M{"_": "updates", "date": 1700000000, "seq": 0,
			"updates": []codec.M{{"_": "updateNewMessage", "message": textMessage(at), "pts": at, "pts_count": 1}}, "chats": []codec.M{},
			"users": []codec.M{{"_": "user", "id": user, "access_hash": user + 100, "first_name": "Eve"}},
		})})
		<-stored
	}
	says(5)
	before := mark()
	eve := updates.Peer{Kind: updates.PeerUser, ID: 5}
	end := o.beginErasing(eve)
	says(5)
	if d.knows(eve) {
		t.Error("it is enough that the stream has told of him")
	}
	erasing := &erasure{ownership: o, who: erase.Who{Target: erase.Target{Kind: subjects.User, ID: 5}}, out: erased{UpTo: o.driver.ledger.last() - 1}}
	if err := erasing.peer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name := d.NameOf(t.Context(), subjects.User, 5); name != "Eve" {
		t.Errorf("he is called %q", name)
	}
	if now := mark(); now != before {
		t.Errorf("the mark went from %d to %d", before, now)
	}
	end()
	if now := mark(); now <= before {
		t.Errorf("the mark stays at %d", now)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := erasing.peer(over); err == nil || o.relearning.lostSoFar() != 1 {
		t.Errorf("%v, lost %d times", err, o.relearning.lostSoFar())
	}
}

// storedMsg is a message of the stream.
type storedMsg struct {
	jetstream.Msg
	m *nats.Msg
}

func (s storedMsg) Headers() nats.Header { return s.m.Header }
func (s storedMsg) Subject() string      { return s.m.Subject }
func (s storedMsg) Data() []byte         { return s.m.Data }
func (s storedMsg) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Stream: 1}}, nil
}

// By which message somebody min is named is the same whether updates come, or are read back from the stream: of those in the numbering of chats alone, and
// of none that is deleted.
func TestSightingsLiveAndReadBack(t *testing.T) {
	s, _ := layer()
	w := testWriter(t, nil)
	min := encode(t, codec.M{"_": "user", "id": int64(9), "min": true, "first_name": "Min"})
	chat := updates.Peer{Kind: updates.PeerChannel, ID: 3}
	message := codec.M{"_": "message", "id": 50, "peer_id": codec.M{"_": "peerChannel", "channel_id": 3}, "date": 1, "message": "hi"}
	said := updates.Item{Name: "updateNewChannelMessage", Box: updates.Box{Kind: updates.Channel, ID: 3}, Peer: chat, About: updates.About{MsgID: 50},
		Update: encode(t, codec.M{"_": "updateNewChannelMessage", "pts": 1, "pts_count": 1, "message": message}), Users: [][]byte{min}}
	scheduled := updates.Item{Name: "updateNewScheduledMessage", Peer: chat, About: updates.About{MsgID: 50},
		Update: encode(t, codec.M{"_": "updateNewScheduledMessage", "message": message}), Users: [][]byte{min}}
	reacted := updates.Item{Name: "updateMessageReactions", Peer: chat, About: updates.About{MsgID: 50}, Users: [][]byte{min}, Update: encode(t, codec.M{
		"_": "updateMessageReactions", "peer": codec.M{"_": "peerChannel", "channel_id": 3}, "msg_id": 50,
		"reactions": codec.M{"_": "messageReactions", "results": []codec.M{}},
	})}
	deleted := updates.Item{Name: "updateDeleteChannelMessages", Box: said.Box, Peer: chat, About: updates.About{MsgIDs: []int64{50}},
		Update: encode(t, codec.M{"_": "updateDeleteChannelMessages", "channel_id": 3, "messages": []int{50}, "pts": 2, "pts_count": 1})}
	for name, c := range map[string]struct {
		items []updates.Item
		want  bool
	}{
		"a message": {[]updates.Item{said}, true}, "a scheduled one": {[]updates.Item{scheduled}, false}, "a reaction": {[]updates.Item{reacted}, false},
		"a deleted one": {[]updates.Item{said, deleted}, false},
	} {
		live, old := newDirectory(peers.Config{Schema: s, Account: "main", User: 1}, w.scheme), newDirectory(peers.Config{Schema: s, Account: "main", User: 1}, w.scheme)
		live.learn(&updates.Batch{Items: c.items})
		for i := range c.items {
			m := w.message(&c.items[i])
			m.Header[subjects.HeaderUser] = []string{"1"}
			old.learnOld(storedMsg{m: &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}}, "1", time.Time{}, updates.Peer{})
		}
		for way, d := range map[string]*directory{"as it comes": live, "read back": old} {
			d.Learn(encode(t, codec.M{"_": "channel", "id": int64(3), "access_hash": 33, "title": "C", "photo": codec.M{"_": "chatPhotoEmpty"}, "date": 1}))
			if _, _, ok := d.Whose("user.9"); ok != c.want {
				t.Errorf("%s, %s: he can be named: %v", name, way, ok)
			}
		}
	}
}
