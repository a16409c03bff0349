package chats

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

var manyDialogs = flag.Int("dialogs", 2000, "how many an account with many has")

// crowd is a Telegram with many dialogs, the one with the greatest id first, and a stream of which only the figures are kept.
type crowd struct {
	*memory
	s       *codec.Schema
	n       int
	archive int // so many of them, those with the least ids, are in the archive
	asked   map[string]int
	written int // records
	bytes   int
	through through
	full    atomic.Bool // it takes no more
	held    []message   // the records that are there
	gone    int         // records of dialogs that are there no more
	refuses func(v codec.View) *mtproto.Error
}

const roundTrip = 100 * time.Millisecond

// invoke answers what a keeper asks.
func (c *crowd) invoke(ctx context.Context, query []byte) ([]byte, error) {
	if err := pause(ctx, roundTrip); err != nil {
		return nil, err
	}
	v, err := c.s.View(query)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.asked[v.Name()]++
	refuses := c.refuses
	c.mu.Unlock()
	if refuses != nil {
		if err := refuses(v); err != nil {
			err.Method = v.Name()
			return nil, err
		}
	}
	var ids []int
	form := "messages.peerDialogs"
	switch v.Name() {
	case "messages.getDialogFilters":
		return c.s.Encode(nil, codec.M{"_": "messages.dialogFilters", "filters": []codec.M{}})
	case "messages.getDialogs":
		form = "messages.dialogsSlice"
		next, end := c.n, c.archive
		if v.Int("folder_id") == 1 {
			next, end = c.archive, 0
		}
		if at := int(v.Int("offset_id")); at > 0 {
			next = at - 1
		}
		for ; next > end && len(ids) < int(v.Int("limit")); next-- {
			ids = append(ids, next)
		}
	case "messages.getPeerDialogs":
		for one := range v.Objects("peers") {
			in, _ := one.Object("peer")
			ids = append(ids, int(in.Int("user_id")))
		}
	}
	m := c.answer(form, ids)
	if form == "messages.dialogsSlice" && v.Int("folder_id") == 1 {
		m["count"] = c.archive
	} else if form == "messages.dialogsSlice" {
		m["count"] = c.n - c.archive
	}
	return c.s.Encode(nil, m)
}

// answer is one about dialogs with users, whose newest messages have their ids.
func (c *crowd) answer(form string, ids []int) codec.M {
	dialogs, messages, users := []codec.M{}, []codec.M{}, []codec.M{}
	for _, id := range ids {
		peer := codec.M{"_": "peerUser", "user_id": id}
		one := codec.M{"_": "dialog", "peer": peer, "top_message": id, "read_inbox_max_id": id - 1, "read_outbox_max_id": 0, "unread_count": 1,
			"unread_mentions_count": 0, "unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": codec.M{"_": "peerNotifySettings"}}
		if id <= c.archive {
			one["folder_id"] = 1
		}
		dialogs = append(dialogs, one)
		messages = append(messages, codec.M{"_": "message", "id": id, "peer_id": peer, "date": 1_700_000_000 + id, "message": "how are you?"})
		users = append(users, codec.M{"_": "user", "id": id, "access_hash": 1, "first_name": "Somebody", "last_name": fmt.Sprint(id)})
	}
	m := codec.M{"_": form, "dialogs": dialogs, "messages": messages, "chats": []codec.M{}, "users": users}
	if form == "messages.peerDialogs" {
		m["state"] = codec.M{"_": "updates.state", "pts": 1, "qts": 0, "date": 1, "seq": 0, "unread_count": 0}
	}
	return m
}

func (c *crowd) records(_ context.Context, _ string, each func(message)) error {
	for _, m := range c.held {
		each(m)
	}
	return nil
}

func (c *crowd) write(_ context.Context, all []*nats.Msg, over uint64) (uint64, error) {
	if c.full.Load() {
		return 0, &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range all {
		c.written++
		if string(m.Data) == string(gone) {
			c.gone++
		}
		c.bytes += len(m.Subject) + len(m.Data)
		for name, values := range m.Header {
			c.bytes += len(name) + len(values[0])
		}
	}
	c.through = through{}
	return over + 1, json.Unmarshal(all[len(all)-1].Data, &c.through)
}

// tally is what was written so far, and asked.
func (c *crowd) tally() (written int, asked map[string]int, to through) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written, maps.Clone(c.asked), c.through
}

// newCrowd is one, and who keeps its dialogs.
func newCrowd(n int) (*crowd, *Keeper) {
	s, decl := apitest.Layer()
	c := &crowd{memory: &memory{}, s: s, n: n, asked: map[string]int{}}
	k := newKeeper(Config{
		Account: "main", User: 1, Schema: s, Decl: decl, Invoke: c.invoke, Unknown: func(error) bool { return false }, Learn: func([]byte) {},
		Log: slog.New(slog.DiscardHandler), Input: func(_ context.Context, p updates.Peer) ([]byte, error) {
			return s.Encode(nil, codec.M{"_": "inputPeerUser", "user_id": p.ID, "access_hash": 1})
		},
	}, c)
	k.Stored(1, nil)
	return c, k
}

// A stream that takes no more is told of, as often as one may look; Telegram is asked for nothing because of it, and all is written once there
// is room.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 150
		c, k := newCrowd(n)
		c.full.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		end := running(ctx, cancel, k.Run)
		defer end()
		time.Sleep(time.Minute)
		synctest.Wait()
		_, asked, _ := c.tally()
		if asked["messages.getDialogs"] == 0 {
			t.Fatalf("nothing was asked: %v", asked)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if f := k.Figures(); f == nil || f.Error != "nats: API error: code=503 err_code=10077 description=maximum bytes exceeded" || time.Since(f.Since) < time.Hour || f.Kept != n || !f.Complete {
			t.Errorf("told %+v", f)
		}
		if written, again, _ := c.tally(); !maps.Equal(asked, again) || written > 0 {
			t.Errorf("asked %v and then %v; %d records", asked, again, written)
		}
		c.full.Store(false)
		time.Sleep(fullEvery + steady + time.Second)
		synctest.Wait()
		written, _, to := c.tally()
		if f := k.Figures(); f.Error != "" || !f.Since.IsZero() || written <= n || to.Listing || to.Seq != 1 {
			t.Errorf("%+v; %d records, to %+v", f, written, to)
		}
	})
}

// Records that go further than the stream as a daemon knows it are another owner's: they are left alone, as long as this one may not have heard
// yet that it is the former owner. What it hears of meanwhile it goes on with.
func TestAnotherHasWritten(t *testing.T) {
	for name, hears := range map[string]bool{"and it hears nothing": false, "and it hears of the updates": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, k := newCrowd(5)
				known, err := json.Marshal(through{Seq: 100, User: 1, Stream: c.made()})
				if err != nil {
					t.Fatal(err)
				}
				record := subjects.Records(c.names())
				c.held = []message{
					{subject: record.Subject("main", subjects.StateDialog, subjects.User, 5), data: []byte(`{"stale":true}`)},
					{subject: record.Subject("main", subjects.StateThrough, "", 0), data: known, seq: 2},
				}
				ctx, cancel := context.WithCancel(t.Context())
				end := running(ctx, cancel, k.Run)
				defer end()
				time.Sleep(patience / 2)
				synctest.Wait()
				written, asked, _ := c.tally()
				if f := k.Figures(); written > 0 || len(asked) > 0 || f == nil || !strings.Contains(f.Error, "another daemon") {
					t.Fatalf("%d records written, asked %v, told %+v", written, asked, f)
				}
				if hears {
					k.Stored(100, nil)
				}
				time.Sleep(2 * patience)
				synctest.Wait()
				_, _, to := c.tally()
				if f := k.Figures(); f == nil || !f.Complete || f.Error != "" || (to.Seq == 100) != hears {
					t.Errorf("%+v, written through %d", f, to.Seq)
				}
			})
		})
	}
}

// An account with many dialogs: as many questions as there are hundreds of them, twice, a second apart, and two records of each.
func TestManyDialogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := *manyDialogs
		c, k := newCrowd(n)
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		end := running(ctx, cancel, k.Run)
		defer end()
		for f := k.Figures(); f == nil || !f.Complete; f = k.Figures() {
			if time.Since(begun) > 24*time.Hour {
				t.Fatalf("not done after a day: %+v", f)
			}
			time.Sleep(time.Second)
		}
		took := time.Since(begun)
		time.Sleep(throughEvery)
		synctest.Wait()
		if f := k.Figures(); f.Kept != n {
			t.Errorf("%d of %d are kept", f.Kept, n)
		}
		if c.through.Listing || c.through.Seq != 1 {
			t.Errorf("the records go to %+v", c.through)
		}
		pages := (n + mostAsked - 1) / mostAsked
		if got := c.asked["messages.getDialogs"]; got > pages+3 {
			t.Errorf("%d pages were asked for, of %d", got, pages)
		}
		if got := c.asked["messages.getPeerDialogs"]; got > pages+1 {
			t.Errorf("%d times dialogs were asked for, of %d", got, pages)
		}
		if most := time.Duration(2*pages+8) * (askPause + roundTrip); took > most {
			t.Errorf("it took %v, want %v at most", took, most)
		}
		if c.written > 2*n+4*pages+50 {
			t.Errorf("%d records were written of %d dialogs", c.written, n)
		}
		t.Logf("%d dialogs: known after %v, %d records written, %d bytes", n, took, c.written, c.bytes)
	})
}

// Where each second write goes well, because somebody else writes over the records, it is told for how long that has been so.
func TestFailsAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := newCrowd(1)
		begun := time.Now()
		for range 20 {
			k.failed(jetstream.ErrKeyExists)
			time.Sleep(steady / 4)
			k.failed(nil)
			if f := k.Figures(); f == nil || f.Error == "" || !f.Since.Equal(begun) {
				t.Fatalf("told %+v", f)
			}
			time.Sleep(steady / 4)
		}
		if time.Sleep(steady); k.Figures() != nil {
			t.Errorf("told %+v", k.Figures())
		}
	})
}
