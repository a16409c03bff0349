package updates

import (
	"cmp"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

type schema struct {
	decl  *tl.Schema
	s     *codec.Schema
	rules *Rules
}

var loadAPI = sync.OnceValues(func() (schema, error) { return load("api.tl", schemas.API()) })

func load(name string, text []byte) (l schema, err error) {
	if l.decl, err = tl.Parse(name, text); err != nil {
		return l, err
	}
	if l.s, err = codec.Compile(l.decl); err != nil {
		return l, err
	}
	l.rules, err = Compile(l.s, l.decl)
	return l, err
}

func api(t testing.TB) schema {
	t.Helper()
	l, err := loadAPI()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type M = codec.M

func (l schema) encode(m M) []byte {
	b, err := l.s.Encode(nil, m)
	if err != nil {
		panic(err)
	}
	return b
}

// What Telegram sends, short enough to read in a table.

func peerUser(id int64) M    { return M{"_": "peerUser", "user_id": id} }
func peerChannel(id int64) M { return M{"_": "peerChannel", "channel_id": id} }

func message(id int, peer M) M {
	return M{"_": "message", "id": id, "peer_id": peer, "date": 1000 + id, "message": fmt.Sprint("text ", id)}
}

func newMessage(id, pts int) M {
	return M{"_": "updateNewMessage", "message": message(id, peerUser(7)), "pts": pts, "pts_count": 1}
}

func newChannelMessage(channel int64, id, pts int) M {
	return M{"_": "updateNewChannelMessage", "message": message(id, peerChannel(channel)), "pts": pts, "pts_count": 1}
}

func deleted(id, pts, count int) M {
	return M{"_": "updateDeleteMessages", "messages": []int{id}, "pts": pts, "pts_count": count}
}

func encrypted(id, qts int) M {
	return M{"_": "updateNewEncryptedMessage", "message": encryptedMessage(id), "qts": qts}
}

func participant(user, qts int) M {
	return M{"_": "updateChannelParticipant", "channel_id": 77, "date": 1, "actor_id": 5, "user_id": user, "qts": qts}
}

func encryptedMessage(id int) M {
	return M{"_": "encryptedMessageService", "random_id": id, "chat_id": 5, "date": 1, "bytes": []byte{}}
}

func userName(id int) M {
	return M{"_": "updateUserName", "user_id": id, "first_name": "", "last_name": "", "usernames": []M{}}
}

func short(update M) M { return M{"_": "updateShort", "update": update, "date": 50} }

// updates is a container; seq 0 for none.
func updates(seq, date int, list ...M) M {
	return M{"_": "updates", "updates": list, "users": []M{}, "chats": []M{}, "date": date, "seq": seq}
}

func withChats(container M, chats ...M) M {
	container["chats"] = chats
	return container
}

func withUsers(container M, users ...M) M {
	container["users"] = users
	return container
}

func channel(id, hash int64) M {
	return M{"_": "channel", "id": id, "access_hash": hash, "title": "c", "photo": M{"_": "chatPhotoEmpty"}, "date": 1}
}

func user(id int64) M { return M{"_": "user", "id": id, "access_hash": id * 10, "first_name": "u"} }

func state(pts, qts, date, seq int) M {
	return M{"_": "updates.state", "pts": pts, "qts": qts, "date": date, "seq": seq, "unread_count": 0}
}

func difference(kind string, st M, messages, encrypted, other, chats []M) M {
	m := M{"_": kind, "new_messages": messages, "new_encrypted_messages": encrypted, "other_updates": other, "chats": chats, "users": []M{}}
	if kind == "updates.differenceSlice" {
		m["intermediate_state"] = st
	} else {
		m["state"] = st
	}
	return m
}

func differenceEmpty(date, seq int) M {
	return M{"_": "updates.differenceEmpty", "date": date, "seq": seq}
}

func channelDifference(final bool, pts int, messages, other []M) M {
	return M{"_": "updates.channelDifference", "final": final, "pts": pts, "new_messages": messages, "other_updates": other,
		"chats": []M{}, "users": []M{}}
}

func channelTooLong(pts int, messages ...M) M {
	return M{"_": "updates.channelDifferenceTooLong", "final": true, "messages": messages, "chats": []M{}, "users": []M{},
		"dialog": M{"_": "dialog", "peer": peerChannel(9), "top_message": 1, "read_inbox_max_id": 0, "read_outbox_max_id": 0,
			"unread_count": 0, "unread_mentions_count": 0, "unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": M{"_": "peerNotifySettings"}, "pts": pts}}
}

// bench drives one machine and writes down what it puts out, a line each.
type bench struct {
	t     testing.TB
	l     schema
	m     *Machine
	now   time.Time
	log   []string
	tops  bool           // the log tells the newest messages that states tell
	fetch map[Box]*Fetch // not answered yet
	asked []*Fetch       // the same of those in the background
	fold  State          // of what the machine put out
	items []Item
}

var start = time.Unix(1_700_000_000, 0)

// newBench is a machine that is up to date at st.
func newBench(t testing.TB, st State, c Config) *bench {
	b := startBench(t, st, c)
	b.answer(Box{Kind: Common}, differenceEmpty(st.Date, st.Seq))
	b.log = nil
	return b
}

// startBench is a machine that has just asked for its first difference.
func startBench(t testing.TB, st State, c Config) *bench {
	t.Helper()
	b := idleBench(t, st, c)
	b.m.Start(b.now)
	b.drain()
	return b
}

// idleBench is a machine that has been told nothing.
func idleBench(t testing.TB, st State, c Config) *bench {
	t.Helper()
	if c.SelfID == 0 {
		c.SelfID = 1
	}
	c.Look.Every, c.Look.State, c.Look.List = cmp.Or(c.Look.Every, -1), cmp.Or(c.Look.State, -1), cmp.Or(c.Look.List, -1)
	l := api(t)
	m, err := New(l.rules, st, c)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, l: l, m: m, now: start, fetch: make(map[Box]*Fetch), fold: st.Clone()}
}

func (b *bench) push(m M) { b.pushMeta(m, Meta{}) }

func (b *bench) pushMeta(m M, meta Meta) {
	b.m.Push(b.now, b.l.encode(m), meta)
	b.drain()
}

func (b *bench) answer(box Box, m M) { b.result(box, b.l.encode(m), nil) }

func (b *bench) fail(box Box, err error) { b.result(box, nil, err) }

func (b *bench) result(box Box, body []byte, err error) {
	b.t.Helper()
	f := b.fetch[box]
	if f == nil {
		b.t.Fatalf("nothing was fetched for %v; so far %q", box, b.log)
	}
	delete(b.fetch, box)
	b.m.Result(b.now, f.ID, body, err)
	b.drain()
}

// wait lets time pass, with a tick whenever the machine asks for one.
func (b *bench) wait(d time.Duration) {
	end := b.now.Add(d)
	for n, wake := 0, b.m.Wake(); !wake.After(end); n, wake = n+1, b.m.Wake() {
		if n > 10_000 {
			b.t.Fatalf("wants to be woken again and again at %v", wake)
		}
		b.now = wake
		b.m.Tick(b.now)
		b.drain()
	}
	b.now = end
}

func (b *bench) drain() {
	for out, ok := b.m.Next(); ok; out, ok = b.m.Next() {
		b.note(out)
	}
}

func (b *bench) note(out Output) {
	b.t.Helper()
	switch out := out.(type) {
	case *Batch:
		b.batch(out)
	case *Fetch:
		v, err := b.l.s.View(out.Query)
		if err != nil {
			b.t.Fatal(err)
		}
		if out.Background {
			b.asked = append(b.asked, out)
		} else {
			b.fetch[out.Box] = out
		}
		b.log = append(b.log, describe(v))
	case *Release:
		b.log = append(b.log, fmt.Sprint("release ", out.Tokens))
	case *Unreadable:
		b.log = append(b.log, fmt.Sprint("broken ", out.Box))
	}
}

func describe(v codec.View) string {
	switch v.Name() {
	case "updates.getDifference":
		return fmt.Sprintf("getDifference pts=%d qts=%d date=%d", v.Int("pts"), v.Int("qts"), v.Int("date"))
	case "updates.getChannelDifference":
		to, _ := v.Object("channel")
		forced := map[bool]string{true: " force"}[v.Bool("force")]
		return fmt.Sprintf("getChannelDifference %d/%d pts=%d limit=%d%s", to.Int("channel_id"), to.Int("access_hash"), v.Int("pts"), v.Int("limit"), forced)
	case "messages.getMessages":
		return "getMessages " + describeIDs(v)
	case "channels.getMessages":
		to, _ := v.Object("channel")
		return fmt.Sprintf("getMessages %d/%d %s", to.Int("channel_id"), to.Int("access_hash"), describeIDs(v))
	case "messages.getDialogs":
		peer, _ := v.Object("offset_peer")
		return fmt.Sprintf("getDialogs folder=%d from=%d/%d/%v", v.Int("folder_id"), v.Int("offset_date"), v.Int("offset_id"), peerValue(peer))
	case "messages.getPeerDialogs":
		return fmt.Sprint("getPeerDialogs ", peersOf(v))
	default:
		return v.Name()[len("updates."):]
	}
}

func idsOf(v codec.View) (ids []int) {
	for id := range v.Objects("id") {
		ids = append(ids, int(id.Int("id")))
	}
	return ids
}

func describeIDs(v codec.View) string {
	ids := idsOf(v)
	return fmt.Sprintf("%d..%d (%d)", ids[0], ids[len(ids)-1], len(ids))
}

func peersOf(v codec.View) (ids []int64) {
	for p := range v.Objects("peers") {
		peer, _ := p.Object("peer")
		ids = append(ids, peer.Int("channel_id"))
	}
	return ids
}

func (b *bench) batch(out *Batch) {
	b.t.Helper()
	checkBatch(b.t, out, b.fold)
	for i, it := range out.Items {
		mark := ""
		if out.Whole && i > 0 {
			mark = "+ "
		}
		b.log = append(b.log, mark+b.line(it))
	}
	b.items = append(b.items, out.Items...)
	if !hasStored(out) && out.State != "" {
		b.log = append(b.log, "state "+b.topless(out.State))
	}
	if len(out.Release) > 0 {
		b.log = append(b.log, fmt.Sprint("then release ", out.Release))
	}
	if err := b.fold.Apply(out.State); err != nil {
		b.t.Fatal(err)
	}
}

var newest = regexp.MustCompile(`@[0-9]+`)

// topless leaves the newest messages out of a state, which most tables are not about.
func (b *bench) topless(state string) string {
	if b.tops {
		return state
	}
	return newest.ReplaceAllString(state, "")
}

func (b *bench) line(it Item) string {
	it.State = b.topless(it.State)
	return line(it)
}

// reply answers the oldest question of the background.
func (b *bench) reply(m M) { b.replied(b.l.encode(m), nil) }

func (b *bench) refuse(err error) { b.replied(nil, err) }

func (b *bench) replied(body []byte, err error) {
	b.t.Helper()
	if len(b.asked) == 0 {
		b.t.Fatalf("nothing was asked; so far %q", b.log)
	}
	f := b.asked[0]
	b.asked = b.asked[1:]
	b.m.Result(b.now, f.ID, body, err)
	b.drain()
}

// line is an item as the tables have it.
func line(it Item) string {
	text := fmt.Sprintf("%s %v %d.%d", it.Name, it.Box, it.Pts, it.Index)
	if it.Gap != nil {
		text = fmt.Sprintf("gap %v %d..%d %s", it.Gap.Box, it.Gap.From, it.Gap.To, it.Gap.Reason)
		if it.Gap.Fill || it.Gap.UpTo != 0 && it.Gap.Above != 0 {
			text += fmt.Sprintf(", messages %d..%d fill=%v", it.Gap.Above, it.Gap.UpTo, it.Gap.Fill)
		}
	}
	if it.Backfill {
		text += " backfill"
	}
	if it.Live {
		text += " live"
	}
	if it.State != "" {
		text += " [" + it.State + "]"
	}
	return text
}
