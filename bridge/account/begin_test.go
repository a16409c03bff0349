package account

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/subjects"
)

// story is what the stream tells of the account, in short: "begins 1 at 10 (beginning)", "1: 11".
func (x *rig) story(n int) string {
	x.t.Helper()
	var all []string
	x.until(fmt.Sprint(n, " in the stream"), func(Status) bool {
		all = all[:0]
		st, err := x.js.Stream(context.Background(), "TG_UPDATES")
		if err != nil {
			return false
		}
		info, err := st.Info(context.Background())
		for seq := uint64(1); err == nil && seq <= info.State.LastSeq; seq++ {
			if m, err := st.GetMsg(context.Background(), seq); err == nil && strings.HasPrefix(m.Subject, "tg.upd.") {
				all = append(all, line(m))
			}
		}
		return len(all) >= n
	})
	return strings.Join(all, ", ")
}

func line(m *jetstream.RawStreamMsg) string {
	var body struct {
		Update struct{ Message struct{ Message string } }
		Gap    *struct {
			From, To int
			Reason   string
		}
	}
	if err := json.Unmarshal(m.Data, &body); err != nil {
		return err.Error()
	}
	user := m.Header.Get(subjects.HeaderUser)
	if body.Gap != nil {
		return fmt.Sprintf("%s begins at %d: %s", user, body.Gap.To, body.Gap.Reason)
	}
	return user + ": " + body.Update.Message.Message
}

// N6, guarantees: where an account begins is the first word in the stream, and it follows nothing before that is stored.
func TestBeginningIsStoredFirst(t *testing.T) {
	x := newRig(t)
	g := newTelegram(t)
	g.pts.Store(10)
	x.held = time.Millisecond
	x.pauseStreamAfterOwner(true)
	x.start(g)
	x.until("asked", func(Status) bool { return len(g.called("updates.getState")) > 0 })
	x.until("held", func(st Status) bool { return st.Held != nil })
	if x.r.Status().Follows {
		t.Error("it is said to be followed, and the stream does not know from where")
	}
	x.pauseStreamAfterOwner(false)
	x.await(func(st Status) bool { return st.Follows })
	var done atomic.Int64
	g.say(&done)
	if got := x.story(2); got != "1 begins at 10: beginning, 1: 11" {
		t.Error(got)
	}
}

// A position that cannot be written costs nothing: the stream says where the account stands.
func TestNoPositionIsNeeded(t *testing.T) {
	x := newRig(t)
	lost := make(chan struct{})
	x.lost = lost
	g := newTelegram(t)
	g.pts.Store(10)
	x.run(g)
	close(lost) // as a crash
	_ = x.end()
	if err := x.records.Forget(context.Background(), "main"); err != nil {
		t.Fatal(err)
	}
	x.lost = nil
	next := newTelegram(t)
	next.pts.Store(13)
	x.run(next)
	if got := x.story(4); got != "1 begins at 10: beginning, 1: 11, 1: 12, 1: 13" {
		t.Error(got)
	}
}

// N6: what comes between the sign-in and the first time that a daemon runs the account is in the stream.
func TestBeginsWhereItSignedIn(t *testing.T) {
	x := newRig(t)
	if err := x.records.SignedIn(context.Background(), "main", 1, json.RawMessage(`{"pts":10,"date":1700000000}`)); err != nil {
		t.Fatal(err)
	}
	g := newTelegram(t)
	g.pts.Store(12)
	x.run(g)
	want := "1 begins at 10: beginning, 1: 11, 1: 12"
	if got := x.story(3); got != want {
		t.Error(got)
	}
	x.until("forgotten", func(Status) bool {
		p, err := x.records.SignIn(context.Background(), "main")
		return err == nil && p.User == 0
	})
}

// N1, N2: whoever signs in under a name that another user had begins anew, whatever was kept or lost of the other; what has
// the same place as an update of his is no repetition of it.
func TestAnotherUserBeginsAnew(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		before int64 // pts of the former user
		lose   func(*rig) error
	}{
		{"signed in over", 1, func(*rig) error { return nil }},
		{"removed, low", 1, func(x *rig) error { return x.records.Forget(ctx, "main") }},
		{"removed, high", 10_000, func(x *rig) error { return x.records.Forget(ctx, "main") }},
		{"owner record lost", 10_000, func(x *rig) error { return x.purge("tg.own.main") }},
		{"record and position lost", 10_000, func(x *rig) error {
			if err := x.records.Forget(ctx, "main"); err != nil {
				return err
			}
			return x.purge("tg.own.main")
		}},
		{"an old position came back", 1, func(x *rig) error {
			return x.records.SavePosition(ctx, "main", records.Position{Seq: 1, User: 2, State: json.RawMessage(`{"pts":3,"date":1}`)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newRig(t)
			var done atomic.Int64
			g := newTelegram(t)
			g.pts.Store(c.before)
			x.run(g)
			g.say(&done)
			x.story(2)
			if err := x.end(); err != nil {
				t.Fatal(err)
			}
			if err := c.lose(x); err != nil {
				t.Fatal(err)
			}
			x.signIn(2)
			next := newTelegram(t)
			next.pts.Store(1) // the same places as the former user's, where that is low
			x.run(next)
			next.say(&done)
			want := fmt.Sprintf("1 begins at %d: beginning, 1: %d, 2 begins at 1: another user, 2: 2", c.before, c.before+1)
			if got := x.story(4); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if err := x.end(); err != nil {
				t.Fatal(err)
			}
			x.signIn(1) // and back
			back := newTelegram(t)
			back.pts.Store(c.before + 5)
			x.run(back)
			want += fmt.Sprintf(", 1 begins at %d: another user", c.before+5)
			if got := x.story(5); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// The same user may sign in anew: he goes on, whether he was removed meanwhile or not.
func TestSameUserGoesOn(t *testing.T) {
	x := newRig(t)
	var done atomic.Int64
	g := newTelegram(t)
	g.pts.Store(10)
	x.run(g)
	g.say(&done)
	x.story(2)
	if err := x.end(); err != nil {
		t.Fatal(err)
	}
	if err := x.records.Forget(context.Background(), "main"); err != nil {
		t.Fatal(err)
	}
	x.signIn(1)
	if err := x.records.SignedIn(context.Background(), "main", 1, json.RawMessage(`{"pts":13,"date":1700000000}`)); err != nil {
		t.Fatal(err)
	}
	next := newTelegram(t)
	next.pts.Store(14)
	x.run(next)
	if got := x.story(5); got != "1 begins at 10: beginning, 1: 11, 1: 12, 1: 13, 1: 14" {
		t.Error(got)
	}
}

// A stream that was made anew, or an older one out of a backup: what the account's position says counts in another stream.
func TestAnotherStream(t *testing.T) {
	ctx := context.Background()
	x := newRig(t)
	var done atomic.Int64
	g := newTelegram(t)
	x.run(g)
	for range 20 {
		g.say(&done)
	}
	x.story(21)
	if err := x.end(); err != nil {
		t.Fatal(err)
	}
	if err := x.js.DeleteStream(ctx, "TG_UPDATES"); err != nil {
		t.Fatal(err)
	}
	x.open()
	next := newTelegram(t)
	next.pts.Store(22)
	x.run(next)
	if got := x.story(2); got != "1: 21, 1: 22" {
		t.Error(got)
	}
}

func (x *rig) purge(subject string) error {
	st, err := x.js.Stream(context.Background(), "TG_UPDATES")
	if err != nil {
		return err
	}
	return st.Purge(context.Background(), jetstream.WithPurgeSubject(subject))
}

// pauseStreamAfterOwner has the stream take owner records, and nothing of updates.
func (x *rig) pauseStreamAfterOwner(on bool) {
	x.t.Helper()
	x.edit(func(c *jetstream.StreamConfig) {
		c.MaxMsgSize = -1
		if on {
			c.MaxMsgSize = 300
		}
	})
}
