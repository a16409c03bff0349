package dialogs

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

// many is an account with many dialogs.
type many struct {
	testing.TB
	s     *codec.Schema
	peers []updates.Peer
	empty func() *Fold
}

func newMany(tb testing.TB, n int) *many {
	s, decl := apitest.Layer()
	m := &many{TB: tb, s: s, empty: func() *Fold { return New(s, decl, nil) }}
	for i := range n {
		m.peers = append(m.peers, updates.Peer{Kind: updates.PeerUser, ID: 1_000_000 + int64(i)})
	}
	return m
}

// answer is Telegram's about some of them.
func (m *many) answer(peers []updates.Peer) codec.View {
	var dialogs, messages, users []codec.M
	for _, p := range peers {
		peer := codec.M{"_": "peerUser", "user_id": p.ID}
		dialogs = append(dialogs, codec.M{"_": "dialog", "peer": peer, "top_message": 7, "read_inbox_max_id": 6, "read_outbox_max_id": 0, "unread_count": 1,
			"unread_mentions_count": 0, "unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": codec.M{"_": "peerNotifySettings"}})
		messages = append(messages, codec.M{"_": "message", "id": 7, "peer_id": peer, "date": 1_700_000_000, "message": "how are you?"})
		users = append(users, codec.M{"_": "user", "id": p.ID, "access_hash": p.ID, "first_name": "Somebody", "last_name": fmt.Sprint(p.ID)})
	}
	tl, err := m.s.Encode(nil, codec.M{"_": "messages.peerDialogs", "dialogs": dialogs, "messages": messages, "chats": []codec.M{}, "users": users,
		"state": codec.M{"_": "updates.state", "pts": 1, "qts": 0, "date": 1, "seq": 0, "unread_count": 0}})
	if err != nil {
		m.Fatal(err)
	}
	v, err := m.s.View(tl)
	if err != nil {
		m.Fatal(err)
	}
	return v
}

// spent is the time that something takes for each dialog.
type spent struct{ list, ask, write, update, read, page time.Duration }

func (s *spent) least(o spent, n int) {
	for _, one := range []struct{ a, b *time.Duration }{{&s.list, &o.list}, {&s.ask, &o.ask}, {&s.write, &o.write}, {&s.update, &o.update}, {&s.read, &o.read}, {&s.page, &o.page}} {
		if per := *one.b / time.Duration(n); *one.a == 0 || per < *one.a {
			*one.a = per
		}
	}
}

func timed(total *time.Duration, do func()) {
	begun := time.Now()
	do()
	*total += time.Since(begun)
}

// fill has all dialogs listed and asked for.
func (m *many) fill(t *spent) *Fold {
	f := m.empty()
	l := f.Listing(time.Time{})
	for at := 0; at < len(m.peers); at += 100 {
		v := m.answer(m.peers[at : at+100])
		timed(&t.list, func() { l.Page(v) })
	}
	timed(&t.list, l.Done)
	f.AskFolders()
	f.TakeFolders(nil)
	for more := true; more; {
		var asked []updates.Peer
		timed(&t.ask, func() { asked = f.Ask(100, time.Time{}) })
		v := m.answer(asked)
		timed(&t.ask, func() { f.Take(asked, v); more = f.Next() == Dialogs })
	}
	return f
}

// write gives the records.
func (m *many) write(f *Fold) (records []Record) {
	for more := true; more; {
		some, left, err := f.Changed(900)
		if err != nil {
			m.Fatal(err)
		}
		records, more = append(records, some...), left
	}
	return records
}

// read reads them back.
func (m *many) read(records []Record) *Fold {
	f := m.empty()
	l := f.Load()
	for _, r := range records {
		if err := l.Record(r.Chat, 1, r.Body); err != nil {
			m.Fatal(err)
		}
	}
	l.Done(1)
	return f
}

// update folds in a message of each, as a daemon does, which looks each time what is to be asked.
func (m *many) update(f *Fold, seq uint64) {
	for i, p := range m.peers {
		f.Apply(seq+uint64(i), &Fact{Name: "updateNewMessage", Chat: p, About: updates.About{MsgID: 8}, Date: 1_700_000_001})
		_ = f.Next()
	}
}

func (m *many) all(t *spent) (f *Fold, records []Record) {
	f = m.fill(t)
	timed(&t.write, func() { records = m.write(f) })
	timed(&t.read, func() { m.read(records) })
	timed(&t.page, func() { f.Chats(0) })
	timed(&t.update, func() { m.update(f, 2) })
	return f, records
}

func heap() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// BenchmarkManyDialogs is what an account with few and with many dialogs costs, for each of them: nothing that is quadratic.
func BenchmarkManyDialogs(b *testing.B) {
	for _, n := range []int{2000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := newMany(b, n)
			var least spent
			var bytes, memory, joiner int
			for range b.N {
				var t spent
				_, records := m.all(&t)
				least.least(t, n)
				before := heap()
				f := m.fill(&t)
				m.write(f)
				memory = int(heap()-before) / n //nolint:gosec // small
				before = heap()
				j := m.read(records)
				joiner = int(heap()-before) / n //nolint:gosec // small
				runtime.KeepAlive(f)
				runtime.KeepAlive(j)
				bytes = 0
				for _, r := range records {
					bytes += len(r.Body)
				}
			}
			for unit, one := range map[string]time.Duration{"list": least.list, "ask": least.ask, "write": least.write, "update": least.update, "read": least.read, "page": least.page} {
				b.ReportMetric(float64(one.Nanoseconds()), unit+"-ns")
			}
			b.ReportMetric(float64(bytes/n), "record-B")
			b.ReportMetric(float64(memory), "memory-B")
			b.ReportMetric(float64(joiner), "joiner-B")
		})
	}
}
