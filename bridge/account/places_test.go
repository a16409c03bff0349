package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/index"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// in has somebody write in a chat.
func (g *telegram) in(peer codec.M) (id int) {
	return g.happens(func(n int) codec.M {
		message := textMessage(n)
		message["peer_id"] = peer
		return codec.M{"_": "updateNewMessage", "message": message, "pts": n, "pts_count": 1}
	})
}

// deletes has messages deleted, of which Telegram names no chat.
func (g *telegram) deletes(ids ...int) {
	g.happens(func(n int) codec.M {
		return codec.M{"_": "updateDeleteMessages", "messages": ids, "pts": n, "pts_count": 1}
	})
}

// happens has an update come, which a difference would bring as well.
func (g *telegram) happens(made func(pts int) codec.M) (pts int) {
	var done atomic.Int64
	g.mu.Lock()
	pts = int(g.pts.Load()) + 1
	u := made(pts)
	if g.other == nil {
		g.other = map[int]codec.M{}
	}
	g.other[pts] = u
	g.pts.Store(int64(pts))
	g.mu.Unlock()
	g.o.Updates(mtproto.Update{Body: encode(g.t, codec.M{"_": "updates", "updates": []codec.M{u}, "users": []codec.M{}, "chats": []codec.M{}, "date": 1700000000, "seq": 0}), Received: time.Now(), Ack: func() { done.Add(1) }})
	return pts
}

// deletions are what the stream tells of deletions, waiting for n: subject, messages, and which part.
func (x *rig) deletions(n int) (all []string) {
	x.t.Helper()
	c, err := x.js.OrderedConsumer(context.Background(), "TG_UPDATES", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"tg.upd.main.updateDeleteMessages.>"}})
	if err != nil {
		x.t.Fatal(err)
	}
	batch := ""
	for len(all) < n {
		m, err := c.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			x.t.Fatalf("after %q: %v", all, err)
		}
		var body struct {
			Update struct {
				Messages []int
				Pts      int
			}
		}
		if err := json.Unmarshal(m.Data(), &body); err != nil {
			x.t.Fatal(err)
		}
		h := m.Headers()
		if named := strings.Trim(strings.ReplaceAll(fmt.Sprint(body.Update.Messages), " ", ","), "[]"); named != h.Get(subjects.HeaderMessage) {
			x.t.Errorf("%v in the payload, %s in the header", body.Update.Messages, h.Get(subjects.HeaderMessage))
		}
		_, part, _ := strings.Cut(h.Get(subjects.HeaderMsgID), ".")
		if together := h.Get("Nats-Batch-Id"); part != "" && (together == "" || together != batch) {
			x.t.Errorf("part %s of %s is not stored with the one before: %q, %q", part, h.Get(subjects.HeaderMsgID), together, batch)
		}
		batch = h.Get("Nats-Batch-Id")
		all = append(all, strings.TrimPrefix(m.Subject(), "tg.upd.main.updateDeleteMessages.")+" "+h.Get(subjects.HeaderMessage)+" "+part)
	}
	return all
}

var (
	eve   = codec.M{"_": "peerUser", "user_id": int64(5)}
	group = codec.M{"_": "peerChat", "chat_id": int64(5)}
)

// A deletion stands under the chats that its messages were in, through whatever befalls the daemon: it is let go of in order, is
// killed, or loses what it saved.
func TestDeletionsStandUnderTheirChat(t *testing.T) {
	for _, c := range []string{"released", "killed", "killed and nothing was saved"} {
		t.Run(c, func(t *testing.T) {
			x := newRig(t)
			g := newTelegram(t)
			x.run(g)
			a, b, d := g.in(eve), g.in(group), g.in(eve)
			g.deletes(a)
			g.deletes(b, d, 1000, a)
			want := []string{"user.5 1 ", "chat.5 2 ", "user.5 3,1 1", "none.0 1000 2"}
			if got := x.deletions(4); !slices.Equal(got, want) {
				t.Fatalf("%q", got)
			}
			first := x.end
			if c == "released" {
				if err := first(); err != nil {
					t.Fatal(err)
				}
			}
			if c == "killed and nothing was saved" {
				if err := x.records.Forget(context.Background(), "main"); err != nil {
					t.Fatal(err)
				}
			}
			next := newTelegram(t)
			next.pts.Store(g.pts.Load())
			x.run(next)
			var fenced *stream.FencedError
			if err := first(); err != nil && !errors.As(err, &fenced) {
				t.Error(err)
			}
			x.knows(d, index.Chat{Kind: subjects.User, ID: 5})
			next.deletes(b, d)
			if got := x.deletions(6)[4:]; !slices.Equal(got, []string{"chat.5 2 ", "user.5 3 1"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// knows waits until it is known where a message is.
func (x *rig) knows(id int, want index.Chat) {
	x.t.Helper()
	limit := time.Now().Add(30 * time.Second)
	for x.r.ownership().driver.ledger.places.Chat(id) != want {
		if time.Now().After(limit) {
			x.t.Fatalf("where message %d is was not found out", id)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// What of an update goes out in parts is stored all or nothing, with the state behind it; a batch never grows beyond what JetStream
// takes as one, however many chats it is about.
func TestPartsOfADeletion(t *testing.T) {
	w := testWriter(t, nil)
	p := publisher{writer: w, places: &places{Index: index.New(), user: w.user, rules: w.rules}}
	var ids []int64
	for id := 1; id <= 2000; id++ {
		p.places.Put(id, index.Chat{Kind: subjects.User, ID: int64(id)})
		ids = append(ids, int64(id))
	}
	deleted := func(ids ...int64) *updates.Item {
		return &updates.Item{Name: "updateDeleteMessages", Box: updates.Box{Kind: updates.Common}, Peer: updates.Peer{Kind: updates.PeerNone}, Pts: 9,
			Update: encode(t, codec.M{"_": "updateDeleteMessages", "messages": ids, "pts": 9, "pts_count": len(ids)}), About: updates.About{MsgIDs: ids}, State: "pts=9"}
	}
	few := p.write(nil, deleted(1, 2), 1)
	if len(few) != 2 || few[0].Header.Get(subjects.HeaderState) != "" || few[1].Header.Get(subjects.HeaderState) != "pts=9" {
		t.Errorf("%+v", few)
	}
	const before = stream.MaxGroup - stateRoom - partsRoom - 1
	var all []stream.Message
	for i := range before + 1 {
		all = p.write(all, deleted(ids...), before+1-i)
	}
	if len(all) != stream.MaxGroup-stateRoom {
		t.Errorf("%d messages of %d items", len(all), before+1)
	}
	seen := map[string]bool{}
	for _, m := range all {
		seen[m.Header.Get(subjects.HeaderMsgID)] = true
	}
	if len(seen) < partsRoom {
		t.Errorf("%d ids", len(seen))
	}
	last := all[len(all)-1]
	if !strings.HasSuffix(last.Subject, ".none.0") || last.Header.Get(subjects.HeaderState) != "pts=9" {
		t.Errorf("where there is no room it stays together: %s", last.Subject)
	}
}

// Who reads the stream back while a chat is erased has messages of it in hand that were there before: they are not noted again. What comes later
// is.
func TestErasedIsNotReadBack(t *testing.T) {
	w := testWriter(t, nil)
	x := &places{Index: index.New(), user: w.user, rules: w.rules}
	read := func(id int) {
		t.Helper()
		h := nats.Header{subjects.HeaderBox: {common}, subjects.HeaderUser: w.user, subjects.HeaderMessage: {strconv.Itoa(id)}}
		if err := x.fold(uint64(id), fmt.Sprintf("tg.upd.main.updateNewMessage.user.%d", 5+id%2), h); err != nil {
			t.Fatal(err)
		}
	}
	for id := range 4 {
		read(1 + id)
	}
	x.Forget(index.Chat{Kind: subjects.User, ID: 5})
	for id := range 6 {
		read(1 + id)
	}
	x.learn(&updates.Item{Box: updates.Box{Kind: updates.Common}, About: updates.About{MsgID: 8}, Peer: updates.Peer{Kind: updates.PeerUser, ID: 5}})
	for id, want := range map[int]int64{1: 6, 2: 0, 3: 6, 4: 0, 5: 6, 6: 0, 8: 5} {
		if got := x.Chat(id).ID; got != want {
			t.Errorf("%d is in %d, want %d", id, got, want)
		}
	}
}
