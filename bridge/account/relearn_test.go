package account

import (
	"context"
	"testing"
	"time"

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
