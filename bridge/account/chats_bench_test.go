package account

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

// dialogs are the answers to questions about dialogs: there is one, with Eve.
func (g *telegram) dialogs(v codec.View) codec.M {
	none := codec.M{"_": "messages.peerDialogs", "dialogs": []codec.M{}, "messages": []codec.M{}, "chats": []codec.M{}, "users": []codec.M{},
		"state": codec.M{"_": "updates.state", "pts": 1, "qts": 0, "date": 1, "seq": 0, "unread_count": 0}}
	switch v.Name() {
	case "messages.getPinnedDialogs":
		return none
	case "messages.getPeerDialogs":
		none["dialogs"] = []codec.M{{"_": "dialog", "peer": eve, "top_message": int(g.pts.Load()), "read_inbox_max_id": 0, "read_outbox_max_id": 0, "unread_count": 1,
			"unread_mentions_count": 0, "unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": codec.M{"_": "peerNotifySettings"}}}
		return none
	case "messages.getDialogs":
		return codec.M{"_": "messages.dialogs", "dialogs": []codec.M{}, "messages": []codec.M{}, "chats": []codec.M{}, "users": []codec.M{}}
	case "messages.getDialogFilters":
		return codec.M{"_": "messages.dialogFilters", "filters": []codec.M{}}
	}
	return nil
}

// asked is a Telegram that answers questions about dialogs too.
type asked struct{ *telegram }

func (g asked) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	s, _ := layer()
	v, err := s.View(query)
	if err != nil {
		return nil, err
	}
	if m := g.dialogs(v); m != nil {
		return s.Encode(nil, m)
	}
	return g.telegram.Invoke(ctx, query)
}

// BenchmarkUpdatesWithDialogs is updates from the client into JetStream, without and with the dialogs kept of them, in turns; ratio is
// that of the medians.
func BenchmarkUpdatesWithDialogs(b *testing.B) {
	var rigs [2]*rig
	for i := range rigs {
		x := newRig(b)
		if i == 1 {
			x.set.State = []string{"all"}
			kept, err := chats.Open(context.Background(), x.storage)
			if err != nil {
				b.Fatal(err)
			}
			x.chats = kept
		}
		g := newTelegram(b)
		x.wrap = func(o mtproto.Options) (Client, error) { g.o = o; return asked{g}, nil }
		x.run(g)
		rigs[i] = x
	}
	var took [2][]float64
	const n = 20_000
	for range b.N {
		for i, x := range rigs {
			took[i] = append(took[i], n/x.push(b, n).Seconds())
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	off, on := took[0][len(took[0])/2], took[1][len(took[1])/2]
	b.ReportMetric(off, "without/s")
	b.ReportMetric(on, "with/s")
	b.ReportMetric(on/off, "ratio")
	b.ReportMetric(float64(rigs[1].r.ownership().driver.chats.Figures().Kept), "dialogs")
}

// push has Eve write, and waits until that is stored.
func (x *rig) push(b *testing.B, n int) time.Duration {
	x.emptied(b)
	var done atomic.Int64
	begun, before := time.Now(), x.r.Status().Stored
	for range n {
		x.g.say(&done)
	}
	for x.r.Status().Stored < before+uint64(n) {
		time.Sleep(time.Millisecond)
	}
	return time.Since(begun)
}

// emptied takes out of the stream what was pushed before.
func (x *rig) emptied(b *testing.B) {
	st, err := x.js.Stream(context.Background(), "TG_UPDATES")
	if err != nil {
		b.Fatal(err)
	}
	if err := st.Purge(context.Background(), jetstream.WithPurgeSubject("tg.upd.>")); err != nil {
		b.Fatal(err)
	}
}
