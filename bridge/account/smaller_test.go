package account

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// sayLong has somebody write so many characters: a difference tells it as the push does, if one is asked for meanwhile.
func (g *telegram) sayLong(n int) {
	pts := int(g.pts.Load()) + 1
	message := textMessage(pts)
	message["message"] = strings.Repeat("x", n)
	update := codec.M{"_": "updateNewMessage", "message": message, "pts": pts, "pts_count": 1}
	g.mu.Lock()
	if g.other == nil {
		g.other = map[int]codec.M{}
	}
	g.other[pts] = update
	g.mu.Unlock()
	g.pts.Add(1)
	g.push(encode(g.t, codec.M{"_": "updates", "updates": []codec.M{update}, "users": []codec.M{}, "chats": []codec.M{}, "date": 1700000000, "seq": 0}))
}

// edit changes the stream of updates as an operator would.
func (x *rig) edit(change func(*jetstream.StreamConfig)) {
	x.t.Helper()
	st, err := x.js.Stream(context.Background(), "TG_UPDATES")
	if err != nil {
		x.t.Fatal(err)
	}
	c := st.CachedInfo().Config
	change(&c)
	if _, err := x.js.UpdateStream(context.Background(), c); err != nil {
		x.t.Fatal(err)
	}
}

// stored waits for n messages in the stream.
func (x *rig) messages(n int) (all []*jetstream.RawStreamMsg) {
	x.t.Helper()
	x.until(fmt.Sprint(n, " messages"), func(Status) bool {
		all = all[:0]
		st, err := x.js.Stream(context.Background(), "TG_UPDATES")
		if err != nil {
			return false
		}
		info, err := st.Info(context.Background())
		for seq := uint64(1); err == nil && seq <= info.State.LastSeq; seq++ {
			if m, err := st.GetMsg(context.Background(), seq); err == nil && strings.HasPrefix(m.Subject, "tg.upd.") && !begins(m.Header) {
				all = append(all, m)
			}
		}
		return len(all) >= n
	})
	return all
}

// A message that JetStream will never take stops nothing: what is needed to fetch it stands in its place, and is told.
func TestLargerThanTheStreamTakes(t *testing.T) {
	x := newRig(t)
	g := newTelegram(t)
	x.run(g)
	x.edit(func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1500 })
	var done atomic.Int64
	g.say(&done)
	g.sayLong(2000)
	g.say(&done)
	all := x.messages(3)
	var body struct {
		Update   struct{ Message struct{ Message string } }
		Redacted struct {
			Reason, Box, Kind, ID string
			Pts, Bytes            int
			MessageIDs            []int `json:"message_ids"`
		}
	}
	if err := json.Unmarshal(all[1].Data, &body); err != nil {
		t.Fatal(err)
	}
	r := body.Redacted
	if all[1].Header.Get(subjects.HeaderRedacted) != "too large" || r.Reason != "too large" || r.Box != "common" || r.Kind != "user" || r.ID != "5" ||
		r.Pts != 2 || len(r.MessageIDs) != 1 || r.MessageIDs[0] != 2 || r.Bytes < 2000 {
		t.Errorf("%v %s", all[1].Header, all[1].Data)
	}
	for i, want := range map[int]string{0: `"message":"1"`, 2: `"message":"3"`} {
		if all[i].Header.Get(subjects.HeaderRedacted) != "" || !strings.Contains(string(all[i].Data), want) {
			t.Errorf("%d: %v %s", i, all[i].Header, all[i].Data)
		}
	}
	x.said(eventRedacted)
	if st := x.r.Status(); st.Held != nil {
		t.Errorf("%+v", st.Held)
	}
}

// The same with a server that takes less than the one before it, while messages wait.
func TestPayloadLoweredWhileMessagesWait(t *testing.T) {
	f := newFrail(t)
	x := newRigOn(t, f, nats.ReconnectWait(10*time.Millisecond), nats.MaxReconnects(-1))
	g := newTelegram(t)
	x.run(g)
	f.stop()
	var done atomic.Int64
	g.say(&done)
	g.sayLong(30_000)
	for range 30 {
		g.say(&done) // as a batch
	}
	f.payload = 8 << 10
	f.start()
	all := x.messages(32)
	if all[1].Header.Get(subjects.HeaderRedacted) != "too large" {
		t.Errorf("%v", all[1].Header)
	}
	for i, m := range all {
		if pts := m.Header.Get(subjects.HeaderPts); pts != strconv.Itoa(i+1) {
			t.Errorf("at %d: pts %s", i, pts)
		}
	}
	x.until("not held", func(st Status) bool { return st.Held == nil })
}

// 10097: the id of somebody's request, or what has to be said of the account's state, is longer than a header may be.
func TestHeadersOverTheLimit(t *testing.T) {
	x := newRig(t)
	g := newTelegram(t)
	x.run(g)
	d := x.r.ownership().driver
	pts := int(g.pts.Add(1))
	d.observe(nil, encode(t, codec.M{"_": "updates", "users": []codec.M{}, "chats": []codec.M{}, "date": 1700000000, "seq": 0, "updates": []codec.M{
		{"_": "updateNewMessage", "message": textMessage(pts), "pts": pts, "pts_count": 1},
	}}), strings.Repeat("x", 70_000))
	if m := x.messages(1)[0]; m.Header.Get(subjects.HeaderRequestID) != "" || !strings.Contains(string(m.Data), `"message":"1"`) {
		t.Errorf("%d bytes of header", len(fmt.Sprint(m.Header)))
	}
	var state strings.Builder
	const channels = 5000
	for i := range channels {
		fmt.Fprintf(&state, "c%d=100.0/%d!;", 1_000_000_000+i, 1_000_000_000_000_000_000+i)
	}
	item := *newMessage(t, 5, "with a long state")
	item.Pts, item.Index, item.State = 2, 0, state.String()+"pts=2"
	d.loop.Post(func(time.Time, *updates.Machine) {
		_ = d.Store(&updates.Batch{Items: []updates.Item{item}, State: item.State})
	})
	x.until("stored", func(st Status) bool { return st.Pts == 2 })
	if err := x.end(); err != nil {
		t.Fatal(err)
	}
	if err := x.records.Forget(context.Background(), "main"); err != nil {
		t.Fatal(err)
	}
	next := newTelegram(t)
	next.pts.Store(2)
	x.run(next)
	d = x.r.ownership().driver
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	if st := d.ledger.state; len(st.Channels) != channels || st.Pts != 2 || !st.Channels[1_000_000_000+channels-1].Behind {
		t.Errorf("%d channels, pts %d", len(st.Channels), st.Pts)
	}
}

// A stream that takes nothing new stops an account, and says so at once, however little waits; nothing is lost.
func TestWhyUpdatesAreHeld(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*jetstream.StreamConfig)
	}{
		{"full", "maximum messages", func(c *jetstream.StreamConfig) { c.Discard, c.MaxMsgs = jetstream.DiscardNew, 1 }},
		{"full for the subject", "per subject", func(c *jetstream.StreamConfig) {
			c.Discard, c.DiscardNewPerSubject, c.MaxMsgsPerSubject = jetstream.DiscardNew, true, 1
		}},
		{"takes next to nothing", "size exceeds", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 100 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newRig(t)
			x.held = 50 * time.Millisecond
			g := newTelegram(t)
			x.run(g)
			var done atomic.Int64
			g.say(&done)
			x.messages(1)
			var before jetstream.StreamConfig
			x.edit(func(s *jetstream.StreamConfig) { before = *s; c.change(s) })
			g.say(&done)
			g.say(&done)
			x.until("held", func(st Status) bool { return st.Held != nil && strings.Contains(st.Held.Reason, c.want) })
			x.edit(func(s *jetstream.StreamConfig) { *s = before })
			x.until("not held", func(st Status) bool { return st.Held == nil })
			if got := x.texts(3); got != "1 2 3" {
				t.Error(got)
			}
		})
	}
}

// What does not fit takes the next smaller form, in both encodings.
func TestForms(t *testing.T) {
	for _, encoding := range []string{"json", "msgpack"} {
		w := testWriter(t, func(s *settings.Settings) { s.Encoding = encoding })
		decode := json.Unmarshal
		if encoding == "msgpack" {
			decode = msgpack.Unmarshal
		}
		item := newMessage(t, 42, strings.Repeat("y", 3000))
		item.Users = [][]byte{encode(t, codec.M{"_": "user", "id": 42, "first_name": strings.Repeat("x", 5000)})}
		for _, c := range []struct {
			limit    int64
			redacted string
			whole    bool
		}{
			{20_000, "", true}, {7000, "users and chats", true}, {2000, "too large", false}, {500, "too large", false},
		} {
			m := w.message(item)
			limits := stream.Limits{Message: c.limit, Header: 60_000}
			if !limits.Takes(m) {
				all := w.smaller(m, limits, "")
				if m = all[0]; len(all) != 1 {
					t.Errorf("%d messages", len(all))
				}
			}
			if got := m.Header.Get(subjects.HeaderRedacted); !limits.Takes(m) || got != c.redacted {
				t.Errorf("%s at %d: %d bytes, %q", encoding, c.limit, len(m.Data), got)
			}
			var body map[string]any
			if len(m.Data) > 0 && decode(m.Data, &body) != nil || strings.Contains(string(m.Data), "yyy") != c.whole {
				t.Errorf("%s at %d: %q", encoding, c.limit, m.Data)
			}
		}
		deleted := &updates.Item{Name: "updateDeleteMessages", Box: updates.Box{Kind: updates.Common}, Pts: 9, Update: encode(t, codec.M{
			"_": "updateDeleteMessages", "messages": ids(5000), "pts": 9, "pts_count": 5000})}
		m := w.smaller(w.message(deleted), stream.Limits{Message: 4000, Header: 4000}, "")[0]
		var body struct {
			Redacted struct {
				IDs  []int `json:"message_ids" msgpack:"message_ids"`
				Left int   `json:"message_ids_left_out" msgpack:"message_ids_left_out"`
			} `json:"redacted" msgpack:"redacted"`
		}
		if err := decode(m.Data, &body); err != nil || len(body.Redacted.IDs) < 100 || len(body.Redacted.IDs)+body.Redacted.Left != 5000 {
			t.Errorf("%v: %d ids, %d left out", err, len(body.Redacted.IDs), body.Redacted.Left)
		}
	}
}

func ids(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// Parts of a state, folded one after the other, are the state.
func TestChunks(t *testing.T) {
	for _, state := range []string{"", "pts=1", "pts=1;qts=2", "pts=105.3@77;c77=105.0/-5!;part=channel.77/120/12/9f3c61a2b8d40e57;date=1"} {
		for most := 1; most < len(state)+2; most++ {
			parts := chunks(state, most)
			if got := strings.Join(parts, ";"); got != state {
				t.Errorf("%d: %q", most, got)
			}
			for _, p := range parts {
				if len(p) > most && strings.Contains(p, ";") {
					t.Errorf("%d: %q", most, p)
				}
			}
		}
	}
}
