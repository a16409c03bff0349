package updates

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

var (
	seeds    = flag.Int("seeds", 300, "random runs of the model")
	seedFrom = flag.Uint64("seed", 1, "the first one")
)

// checkBatch holds for every batch: the states of its items fold to the state of the batch.
func checkBatch(t testing.TB, b *Batch, before State) {
	t.Helper()
	one, all := before.Clone(), before.Clone()
	for _, it := range b.Items {
		if it.Live && it.State != "" {
			t.Errorf("a live item carries state: %s", line(it))
		}
		if err := one.Apply(it.State); err != nil {
			t.Error(err)
		}
	}
	if err := all.Apply(b.State); err != nil {
		t.Error(err)
	}
	if len(b.Items) > 0 && !reflect.DeepEqual(one, all) && hasStored(b) {
		t.Errorf("items fold to %+v, their batch %q to %+v", one, b.State, all)
	}
}

// checkPlaces holds for the state behind a batch: it stands at each of the items or past it, or tells that they are
// a part of a difference, so that none of them comes again.
func checkPlaces(t testing.TB, b *Batch, after State) {
	t.Helper()
	for _, it := range b.Items {
		if it.Box.Kind == None || it.Backfill || it.Live {
			continue
		}
		if pts, n := after.place(it.Box); (pts < it.Pts || pts == it.Pts && n <= it.Index) && after.partial(it.Box) == nil {
			t.Errorf("%s is stored, and the state %q stands at %d.%d", line(it), b.State, pts, n)
		}
	}
}

func (s *State) place(b Box) (pts, n int) {
	switch b.Kind {
	case Common:
		return s.Pts, s.PtsItems
	case Secret:
		return s.Qts, s.QtsItems
	default:
		return s.Channels[b.ID].Pts, s.Channels[b.ID].PtsItems
	}
}

func hasStored(b *Batch) bool {
	return slices.ContainsFunc(b.Items, func(it Item) bool { return !it.Live })
}

// event is something that happened, in one box. Its number is in the message id, or where the update has a number.
type event struct {
	id, pts, count, date int
	update               M
	message              M // it comes back as a bare message
}

// model is Telegram: boxes with all that ever happened in them.
type model struct {
	r         *rand.Rand
	l         schema
	nextID    int
	date, seq int
	boxes     map[Box][]event
	fallen    map[Box][]span // pts that were too long ago
	sequenced []event        // updates without a box, in containers with seq
	tooLong   int            // more than so many events behind: TooLong
}

var modelBoxes = []Box{{Kind: Common}, {Kind: Secret}, {Channel, 77}, {Channel, 88}, {Channel, 99}}

func (s *model) top(b Box) int {
	if n := len(s.boxes[b]); n > 0 {
		return s.boxes[b][n-1].pts
	}
	return 10
}

// happen lets something happen in a box.
func (s *model) happen(b Box) event {
	s.nextID++
	s.date++
	e := event{id: s.nextID, count: 1, date: s.date}
	kind := s.r.IntN(4)
	if kind == 0 {
		e.count = 1 + s.r.IntN(3)
	}
	if b.Kind == Secret {
		e.count = 1
	}
	e.pts = s.top(b) + e.count
	switch {
	case b.Kind == Secret:
		e.update, e.message = encrypted(e.id, e.pts), encryptedMessage(e.id)
	case b.Kind == Common && kind == 0:
		e.update = deleted(e.id, e.pts, e.count)
	case b.Kind == Common:
		e.update = newMessage(e.id, e.pts)
		e.message = e.update["message"].(M)
	case kind == 0:
		e.update = M{"_": "updateDeleteChannelMessages", "channel_id": b.ID, "messages": []int{e.id}, "pts": e.pts, "pts_count": e.count}
	default:
		e.update = newChannelMessage(b.ID, e.id, e.pts)
		e.message = e.update["message"].(M)
	}
	s.boxes[b] = append(s.boxes[b], e)
	return e
}

// push is a container with one to three events, with seq or without.
func (s *model) push() M {
	var list, chats []M
	for range 1 + s.r.IntN(3) {
		b := modelBoxes[s.r.IntN(len(modelBoxes))]
		list = append(list, s.happen(b).update)
		if b.Kind == Channel {
			chats = append(chats, channel(b.ID, b.ID*100))
		}
	}
	seq := 0
	if s.r.IntN(2) == 0 {
		s.seq++
		seq = s.seq
		s.nextID++
		s.date++
		e := event{id: s.nextID, date: s.date, update: userName(s.nextID)}
		s.sequenced = append(s.sequenced, e)
		list = append(list, e.update)
	}
	if s.r.IntN(3) == 0 {
		slices.Reverse(list)
	}
	return withChats(updates(seq, s.date, list...), chats...)
}

func (s *model) answer(call codec.View) M {
	switch call.Name() {
	case "updates.getState":
		return s.answerState()
	case "updates.getDifference":
		return s.difference(int(call.Int("pts")), int(call.Int("qts")), int(call.Int("date")))
	case "messages.getMessages":
		return s.history(modelBoxes[0], idsOf(call))
	case "channels.getMessages":
		return s.history(s.channelOf(call), idsOf(call))
	case "messages.getDialogs":
		return s.dialogs(call)
	case "messages.getPeerDialogs":
		m := s.dialogPage("messages.peerDialogs", boxesOf(peersOf(call)))
		m["state"] = s.answerState()
		return m
	default:
		return s.channelDifference(s.channelOf(call), int(call.Int("pts")), int(call.Int("limit")))
	}
}

func (s *model) channelOf(call codec.View) Box {
	to, _ := call.Object("channel")
	if to.Int("access_hash") != to.Int("channel_id")*100 {
		panic("wrong access hash")
	}
	return Box{Channel, to.Int("channel_id")}
}

func (s *model) after(b Box, pts int) []event {
	all := s.boxes[b]
	i := slices.IndexFunc(all, func(e event) bool { return e.pts > pts })
	if i < 0 {
		return nil
	}
	return all[i:]
}

func split(events []event) (messages, other []M) {
	for _, e := range events {
		if e.message != nil {
			messages = append(messages, e.message)
		} else {
			other = append(other, e.update)
		}
	}
	return messages, other
}

func (s *model) difference(pts, qts, date int) M {
	common, secret := s.after(modelBoxes[0], pts), s.after(modelBoxes[1], qts)
	if s.tooLong > 0 && len(common) > s.tooLong {
		to := common[len(common)-2].pts
		s.fallen[modelBoxes[0]] = append(s.fallen[modelBoxes[0]], span{pts, to})
		return M{"_": "updates.differenceTooLong", "pts": to}
	}
	if n := 1 + s.r.IntN(8); n < len(common) {
		messages, other := split(common[:n])
		return difference("updates.differenceSlice", state(common[n-1].pts, qts, date, s.seq), messages, nil, other, nil)
	}
	messages, other := split(common)
	secrets, _ := split(secret)
	var chats []M
	for _, e := range s.sequenced {
		if e.date > date {
			other = append(other, e.update)
		}
	}
	for _, b := range modelBoxes[2:] {
		if all := s.boxes[b]; len(all) > 0 && all[len(all)-1].date > date {
			u := M{"_": "updateChannelTooLong", "channel_id": b.ID}
			if s.r.IntN(2) == 0 {
				u["pts"] = s.top(b)
			}
			other = append(other, u)
			chats = append(chats, channel(b.ID, b.ID*100))
		}
	}
	if len(messages)+len(other)+len(secrets) == 0 {
		return differenceEmpty(s.date, s.seq)
	}
	return difference("updates.difference", state(s.top(modelBoxes[0]), s.top(modelBoxes[1]), s.date, s.seq), messages, secrets, other, chats)
}

func (s *model) channelDifference(b Box, pts, limit int) M {
	events := s.after(b, pts)
	switch {
	case len(events) == 0:
		return M{"_": "updates.channelDifferenceEmpty", "final": true, "pts": max(pts, s.top(b))}
	case s.tooLong > 0 && len(events) > s.tooLong:
		return s.channelTooLong(b, pts, events[len(events)-2].pts)
	}
	n := min(limit, 1+s.r.IntN(6))
	final := n >= len(events)
	events = events[:min(n, len(events))]
	messages, other := split(events)
	return channelDifference(final, events[len(events)-1].pts, messages, other)
}

// run is a daemon on that Telegram: a machine, a network that loses, doubles and reorders, a stream that is stored item by
// item, and crashes.
type run struct {
	t        *testing.T
	r        *rand.Rand
	s        *model
	c        Config
	m        *Machine
	now      time.Time
	network  []M
	fetches  []*Fetch
	out      []Output
	stream   []Item
	fold     State // of what is stored
	snapshot []byte
	kept     int // items of the stream that the snapshot has
	crashes  int
	lossless bool // the network keeps everything, in order
	polls    bool // the machine looks by itself
}

func newRun(t *testing.T, seed uint64, tooLong int) *run {
	r := rand.New(rand.NewPCG(seed, 0))
	u := &run{t: t, r: r, now: start, s: &model{r: r, l: api(t), boxes: make(map[Box][]event), fallen: make(map[Box][]span), date: 100, tooLong: tooLong}}
	u.lossless, u.polls = seed%2 == 0, seed%3 == 0
	u.c = Config{SelfID: 1, MaxBatch: 2 + r.IntN(6), Concurrent: 1 + r.IntN(3), ChannelLimit: 5, Look: Look{State: -1, Every: -1, List: -1}}
	if u.polls {
		u.c.Look = Look{Page: 1 + r.IntN(3)}
	}
	if r.IntN(4) == 0 {
		u.c.Fill.Messages = 1 + r.IntN(40)
	}
	if r.IntN(3) == 0 {
		u.c.MaxHeld = 3
	}
	if r.IntN(2) == 0 {
		u.c.ChannelWait = 300 * time.Millisecond
	}
	for _, b := range modelBoxes {
		u.s.happen(b)
	}
	u.fold = State{Position: Position{Pts: u.s.top(modelBoxes[0]), Qts: u.s.top(modelBoxes[1]), Date: u.s.date}, Channels: make(map[int64]ChannelState)}
	for _, b := range modelBoxes[2:] {
		u.fold.Channels[b.ID] = ChannelState{Pts: u.s.top(b), AccessHash: b.ID * 100, TopID: u.s.nextID}
	}
	u.fold.TopID = u.s.nextID
	u.keep()
	u.boot()
	return u
}

// keep writes the snapshot.
func (u *run) keep() {
	u.snapshot, _ = json.Marshal(u.fold)
	u.kept = len(u.stream)
}

// boot begins from what is stored: the snapshot, and the stream behind it.
func (u *run) boot() {
	var st State
	if err := json.Unmarshal(u.snapshot, &st); err != nil {
		u.t.Fatal(err)
	}
	for _, it := range u.stream[u.kept:] {
		if err := st.Apply(it.State); err != nil {
			u.t.Fatal(err)
		}
	}
	m, err := New(api(u.t).rules, st, u.c)
	if err != nil {
		u.t.Fatal(err)
	}
	u.m, u.fold, u.out, u.fetches = m, st, nil, nil
	if u.polls {
		u.m.SetWatched(u.now, []int64{77})
	}
	u.m.Start(u.now)
	u.drain()
}

func (u *run) drain() {
	for out, ok := u.m.Next(); ok; out, ok = u.m.Next() {
		u.out = append(u.out, out)
	}
	if err := u.m.check(); err != nil {
		u.t.Fatal(err)
	}
}

// check is what must hold between any two inputs.
func (m *Machine) check() error {
	d := &m.dispatcher
	n, bytes := len(d.common.postponed)+len(d.secret.postponed)+len(d.seq.postponed), 0
	for _, b := range m.channels.active {
		n += len(b.postponed)
		if m.channels.byID[b.id.ID] != b {
			return fmt.Errorf("%v is active, and not at work", b.id)
		}
	}
	for _, u := range d.common.postponed {
		bytes += u.c.cost
	}
	switch {
	case n != m.queue.n:
		return fmt.Errorf("%d are postponed, %d were counted", n, m.queue.n)
	case n == 0 && m.queue.bytes != 0:
		return fmt.Errorf("nothing is postponed, %d bytes are counted", m.queue.bytes)
	case n > m.c.MaxHeld || bytes > m.c.MaxHeldBytes:
		return fmt.Errorf("%d are postponed in %d bytes", n, bytes)
	case len(m.channels.byID) != len(m.channels.active):
		return fmt.Errorf("%d boxes, %d active", len(m.channels.byID), len(m.channels.active))
	case len(m.asker.open) > 5:
		return fmt.Errorf("%d questions at a time", len(m.asker.open))
	case len(m.ledger.state.Holes) > m.c.Fill.Boxes:
		return fmt.Errorf("%d holes", len(m.ledger.state.Holes))
	case len(m.channelCatchUp.running) > m.c.Concurrent:
		return fmt.Errorf("%d differences at a time", len(m.channelCatchUp.running))
	}
	return nil
}

// step does one thing that may happen next.
func (u *run) step() {
	switch n := u.r.IntN(100); {
	case n < 30:
		u.network = append(u.network, u.s.push())
	case n < 55:
		u.deliver()
	case n < 80:
		u.store()
	case n < 92:
		u.reply(u.r.IntN(8) == 0)
	case n < 97:
		u.tick()
	case n < 98 && u.crashes < 5:
		u.crashes++
		u.boot()
	case n < 99:
		u.keep()
	default:
		u.m.Start(u.now)
		u.drain()
	}
}

// deliver brings one of the next few pushes, or loses it, or brings it twice.
func (u *run) deliver() {
	if len(u.network) == 0 {
		return
	}
	i, luck := u.r.IntN(min(3, len(u.network))), u.r.IntN(20)
	if u.lossless {
		i, luck = 0, 3
	}
	m := u.network[i]
	if luck != 0 { // else it comes again
		u.network = slices.Delete(u.network, i, i+1)
	}
	if luck > 2 {
		u.m.Push(u.now, u.s.l.encode(m), Meta{Token: 1})
		u.drain()
	}
}

// store takes the oldest output. Of a batch that is not whole, a crash may leave the first items.
func (u *run) store() {
	if len(u.out) == 0 {
		return
	}
	out := u.out[0]
	u.out = u.out[1:]
	switch out := out.(type) {
	case *Fetch:
		u.fetches = append(u.fetches, out)
	case *Unreadable:
		u.t.Fatalf("broken: %v", out.Err)
	case *Batch:
		u.storeBatch(out)
	}
}

func (u *run) storeBatch(b *Batch) {
	checkBatch(u.t, b, u.fold)
	if len(b.Items) > u.c.MaxBatch {
		u.t.Fatalf("a batch of %d", len(b.Items))
	}
	if !b.Whole && len(b.Items) > 1 && u.crashes < 5 && u.r.IntN(20) == 0 {
		u.crashes++
		u.stream = append(u.stream, b.Items[:u.r.IntN(len(b.Items))]...)
		u.boot()
		return
	}
	u.stream = append(u.stream, b.Items...)
	if err := u.fold.Apply(b.State); err != nil {
		u.t.Fatal(err)
	}
	checkPlaces(u.t, b, u.fold)
}

// reply answers one of the fetches that are out.
func (u *run) reply(fail bool) {
	if len(u.fetches) == 0 {
		return
	}
	i := u.r.IntN(len(u.fetches))
	f := u.fetches[i]
	u.fetches = slices.Delete(u.fetches, i, i+1)
	if fail {
		u.m.Result(u.now, f.ID, nil, errors.New("connection lost"))
	} else {
		call, err := u.s.l.s.View(f.Query)
		if err != nil {
			u.t.Fatal(err)
		}
		u.m.Result(u.now, f.ID, u.s.l.encode(u.s.answer(call)), nil)
	}
	u.drain()
}

func (u *run) tick() {
	u.now = u.now.Add(time.Duration(u.r.IntN(700)) * time.Millisecond)
	if wake := u.m.Wake(); u.now.After(wake) {
		u.m.Tick(u.now)
		u.drain()
	}
}

// finish loses nothing any more, and waits until nothing is left to do. Where something was lost, one thing more happens in
// each box, because what is lost at the end of a channel nobody can know, who does not look.
func (u *run) finish() {
	for len(u.network) > 0 {
		u.m.Push(u.now, u.s.l.encode(u.network[0]), Meta{})
		u.network = u.network[1:]
		u.drain()
	}
	for _, b := range modelBoxes {
		if u.lossless || u.polls && b.Kind == Channel {
			break
		}
		u.m.Push(u.now, u.s.l.encode(withChats(updates(0, 0, u.s.happen(b).update), channel(b.ID, b.ID*100))), Meta{})
		u.drain()
	}
	u.m.Start(u.now)
	u.drain()
	for i := 0; u.busy() || u.polls && i < 400; i++ {
		if i < 20 && u.r.IntN(4) == 0 {
			u.boot()
		}
		for len(u.out) > 0 && (i >= 20 || u.r.IntN(4) > 0) {
			u.store()
		}
		for len(u.fetches) > 0 && (i >= 20 || u.r.IntN(3) > 0) {
			u.reply(false)
		}
		u.now = u.now.Add(time.Second)
		u.m.Tick(u.now)
		u.drain()
		if i > 2000 {
			u.t.Fatal("never comes to rest")
		}
	}
}

// busy: something is left to do, now or soon. Looks that go on for ever do not count.
func (u *run) busy() bool {
	m := u.m
	stored := !slices.ContainsFunc(u.out, func(out Output) bool { _, batch := out.(*Batch); return batch })
	calm := !slices.ContainsFunc(m.channels.active, func(b *box) bool { return !b.own.watching || len(b.postponed) > 0 })
	state, seq := &m.ledger.state, &m.dispatcher.seq
	return !stored || !calm || m.account.pending || len(state.Holes) > 0 || len(seq.postponed) > 0 || u.polls && !state.Listed
}

// verify compares the stream with what happened.
func (u *run) verify() {
	seen := make(map[int]Item)
	last := make(map[Box]Item)
	var gaps []Gap
	for _, it := range u.stream {
		if it.Box.Kind != None && !it.Backfill {
			if before, ok := last[it.Box]; ok && (it.Pts < before.Pts || it.Pts == before.Pts && it.Index <= before.Index) {
				u.t.Errorf("%s after %s", line(it), line(before))
			}
			last[it.Box] = it
		}
		if it.Gap != nil {
			gaps = append(gaps, *it.Gap)
			continue
		}
		id := u.number(it)
		if before, ok := seen[id]; ok {
			u.t.Errorf("%d twice: %s and %s", id, line(before), line(it))
		}
		seen[id] = it
	}
	for box, events := range u.s.boxes {
		for _, e := range events[1:] {
			u.expect(seen, box, e, gaps)
		}
	}
	for _, e := range u.s.sequenced {
		u.expect(seen, Box{}, e, nil)
	}
	if u.t.Failed() && testing.Verbose() {
		for _, it := range u.stream {
			u.t.Log(line(it))
		}
	}
	if !u.t.Failed() && u.s.tooLong == 0 && len(gaps) > 0 {
		u.t.Errorf("gaps: %v", gaps)
	}
}

func (u *run) expect(seen map[int]Item, box Box, e event, gaps []Gap) {
	it, ok := seen[e.id]
	gap := slices.ContainsFunc(gaps, func(g Gap) bool { return g.Box == box && g.From < e.pts && e.pts <= g.To })
	given := slices.ContainsFunc(gaps, func(g Gap) bool { return g.Box == box && g.From == g.To && g.Above < e.id && e.id <= g.UpTo })
	fell := slices.ContainsFunc(u.s.fallen[box], func(s span) bool { return s.from < e.pts && e.pts <= s.to })
	switch {
	case !ok && e.message != nil && box.Kind != Secret && !given:
		u.t.Errorf("lost, though history has it: %d %v of %v", e.id, e.update, box)
	case !ok && !gap:
		u.t.Errorf("lost: %d %v of %v", e.id, e.update, box)
	case ok && it.Box != box:
		u.t.Errorf("%d is in %v, not in %v", e.id, it.Box, box)
	case ok && it.Backfill && !fell:
		u.t.Errorf("%d is out of history, and was never out of reach", e.id)
	}
}

// number is the number of the event that an item tells of.
func (u *run) number(it Item) int {
	v, err := u.s.l.s.View(it.Update)
	if err != nil {
		u.t.Fatal(err)
	}
	if ids := v.Longs("messages"); len(ids) == 1 {
		return int(ids[0])
	}
	message, _ := v.Object("message")
	return int(max(message.Int("id"), message.Int("random_id"), v.Int("user_id")))
}

// E3 to E11, E16, E23: whatever is lost, doubled, reordered or crashed, each update is in the stream once, in the order of
// its box, or a gap says that it is not.
func TestModel(t *testing.T) {
	for i := range *seeds {
		seed := *seedFrom + uint64(i)
		for _, tooLong := range []int{0, 6} {
			t.Run(fmt.Sprintf("seed=%d,toolong=%d", seed, tooLong), func(t *testing.T) {
				u := newRun(t, seed, tooLong)
				for range 400 {
					u.step()
				}
				u.finish()
				u.verify()
			})
		}
	}
}
