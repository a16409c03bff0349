package updates

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// The parts of a machine, each alone.

func newEnv(t testing.TB) *env {
	return &env{c: Config{}.withDefaults(), rules: api(t).rules, clock: clock{now: start, heard: start}}
}

func TestClockSlowsDownAfterFloods(t *testing.T) {
	e := newEnv(t)
	for range 9 {
		e.flooded()
	}
	if got := e.pace(time.Second); got != time.Second<<mostSlow {
		t.Errorf("%v", got)
	}
	e.now = e.now.Add(2 * calmAfter)
	if got := e.pace(time.Second); got != time.Second<<(mostSlow-2) {
		t.Errorf("%v, two calm times later", got)
	}
	e.now = e.now.Add(time.Hour)
	if got := e.pace(time.Second); got != time.Second {
		t.Errorf("%v in the end", got)
	}
}

func TestRetryWaits(t *testing.T) {
	e := newEnv(t)
	var r retry
	for _, c := range []struct {
		err  error
		want time.Duration
	}{
		{errors.New("lost"), time.Second},
		{errors.New("lost"), 2 * time.Second},
		{&Error{420, "FLOOD_WAIT_35"}, 35 * time.Second},
		{errors.New("lost"), 8 * time.Second},
	} {
		if r.failed(e, c.err); r.at != e.now.Add(c.want) {
			t.Errorf("%v: waits %v, want %v", c.err, r.at.Sub(e.now), c.want)
		}
	}
	if e.slow != 1 {
		t.Errorf("slow %d after one flood", e.slow)
	}
}

func TestForgetter(t *testing.T) {
	e := newEnv(t)
	l := newLedger(State{Channels: map[int64]ChannelState{5: {Left: true}, 6: {Left: true}, 7: {Closed: true}, 8: {Pts: 1}}}, false)
	f := forgetter{env: e, ledger: &l}
	f.restore()
	l.state.Channels[7] = ChannelState{Pts: 1} // it is open again
	used := func(id int64) bool { return id == 6 }
	f.settle(used)
	if len(l.state.Channels) != 4 {
		t.Fatal("too early")
	}
	e.now = e.now.Add(e.c.Forget)
	f.settle(used)
	if got := string(l.batchState(false, nil)); got != "c5=" {
		t.Errorf("%q", got)
	}
	if len(f.at) != 1 || f.next != e.now.Add(time.Hour) {
		t.Errorf("%v, next %v", f.at, f.next)
	}
}

func TestWatcherTakesTen(t *testing.T) {
	st := &State{Position: Position{Pts: 1}}
	w := watcher{env: newEnv(t), state: st}
	ids := []int64{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 11}
	if got := w.set(ids); !slices.Equal(got, []int64{1}) {
		t.Errorf("rejected %v", got)
	}
	if got := w.ids(); !slices.IsSorted(got) || len(got) != MaxWatched {
		t.Errorf("%v", got)
	}
	w.c.Bot = true
	if got := w.set(ids[:2]); !slices.Equal(got, ids[:2]) || len(w.list) != 0 {
		t.Errorf("a bot watches %v", w.ids())
	}
}

func TestWatcherWaitsAsTold(t *testing.T) {
	w := watcher{env: newEnv(t), state: &State{Position: Position{Pts: 1}, Channels: map[int64]ChannelState{5: {Pts: 1, AccessHash: 1}}}}
	w.set([]int64{5, 6})
	boxes := map[int64]*box{5: {}}
	boxes[5].diff = &boxes[5].own
	w.settle(func(id int64) *box { return boxes[id] }) // 6 has no access hash
	if d := boxes[5].diff; !d.pending || !d.watching {
		t.Errorf("%+v", d)
	}
	for timeout, want := range map[time.Duration]time.Duration{0: time.Second, time.Minute: time.Minute, 48 * time.Hour: longestTimeout} {
		if w.answered(5, timeout); w.wake(start.Add(2*longestTimeout)) != start.Add(want) {
			t.Errorf("timeout %v: wakes after %v", timeout, w.wake(start.Add(2*longestTimeout)).Sub(start))
		}
	}
}

func TestSeqOrder(t *testing.T) {
	e := newEnv(t)
	l := newLedger(State{Position: Position{Seq: 5}}, false)
	o := seqOrder{env: e, ledger: &l, queue: &queue{most: 2, mostBytes: 100}, account: &diffState{}}
	part := func(start, seq int) seqPart { return seqPart{start, seq, &container{cost: 1}} }
	for _, c := range []struct {
		part seqPart
		want verdict
	}{{part(0, 0), unsequenced}, {part(6, 6), fits}, {part(5, 5), late}, {part(7, 9), early}} {
		if got := o.judge(c.part); got != c.want {
			t.Errorf("%+v: %v", c.part, got)
		}
	}
	o.postpone(part(8, 9))
	o.postpone(part(7, 7))
	var published []int
	publish := func(p seqPart) { published = append(published, p.start) }
	if o.drain(publish); published != nil || o.gapEnds != e.now.Add(e.c.GapWait) {
		t.Errorf("%v, until %v", published, o.gapEnds)
	}
	o.move(part(6, 6))
	if o.drain(publish); !slices.Equal(published, []int{7, 8}) || l.state.Seq != 9 || !o.gapEnds.IsZero() || o.queue.n != 0 {
		t.Errorf("%v, seq %d, %d postponed", published, l.state.Seq, o.queue.n)
	}
	for seq := range 3 { // the third has no room
		o.postpone(part(20+seq, 20+seq))
	}
	if len(o.postponed) != 0 || o.queue.n != 0 || !o.account.pending {
		t.Errorf("%d postponed, pending %v", len(o.postponed), o.account.pending)
	}
}

// What is written with a batch without items is written again with the next item, and nothing twice with items.
func TestLedgerWritesOnce(t *testing.T) {
	l := newLedger(State{Position: Position{Pts: 10, PtsItems: 1, Date: 1}}, false)
	common := &box{id: Box{Kind: Common}, pts: 10}
	channel := &box{id: Box{Channel, 5}, channelBox: channelBox{hash: 7}}
	l.move(common, 11, 0)
	l.move(channel, 3, 0)
	l.writeLater(channel)
	batch := func(item bool) func() string {
		return func() string { return string(l.batchState(item, nil)) }
	}
	item := func() string { return l.itemState(channel) }
	for i, c := range []struct {
		write func() string
		want  string
	}{
		{batch(false), "c5=3.0/7;pts=11.0"},
		{batch(false), ""},
		{item, "pts=11.0;c5=3.0"},
		{batch(true), ""},
	} {
		if got := c.write(); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
}

// A box that is behind is said to be so, before the date of the account moves on, until an item has carried it.
func TestLedgerMarksWhatIsBehind(t *testing.T) {
	l := newLedger(State{Position: Position{Date: 1}}, false)
	b := &box{id: Box{Channel, 5}, pts: 3, items: 1, ptsKnown: true}
	b.diff = &b.own
	b.diff.want()
	for _, c := range []struct {
		date int
		item bool
		want string
	}{{2, false, "date=2;c5=3!"}, {3, true, "date=3;c5=3!"}, {4, true, "date=4"}} { // a batch without items may be lost
		l.state.Date = c.date
		if got := string(l.batchState(c.item, []*box{b})); got != c.want {
			t.Errorf("date %d, item %v: %q, want %q", c.date, c.item, got, c.want)
		}
	}
}

// A poller asks nothing of an account of which nothing is known, then where it stands, and less and less often.
func TestPollerAlone(t *testing.T) {
	e := newEnv(t)
	l := newLedger(State{}, false)
	out := publisher{env: e, ledger: &l, read: reader{rules: e.rules}}
	p := poller{env: e, ledger: &l, asker: &asker{rules: e.rules, out: &out, open: make(map[FetchID]question)},
		channels: &channels{env: e, ledger: &l}, account: &diffState{}, common: &box{pts: 5}, secret: &box{}}
	p.c.Look.Every = -1
	p.settle()
	e.now = p.wake(e.now.Add(time.Hour))
	if p.settle(); len(out.asked) != 0 {
		t.Fatal("asks where nothing is known")
	}
	l.state.Pts = 5
	if p.settle(); len(out.asked) != 1 || out.asked[0].(*Fetch).Method != "updates.getState" {
		t.Fatalf("%v", out.asked)
	}
	p.settle() // one at a time
	if _, asked := p.asker.answered(1, api(t).encode(state(6, 0, 1, 0)), nil); !asked || !p.account.pending || len(out.asked) != 1 {
		t.Errorf("asked %v, pending %v, %d fetches", asked, p.account.pending, len(out.asked))
	}
	p.c.Look.Every = time.Minute
	for _, want := range []time.Duration{1, 2, 4, 8, 8} {
		if got := p.every(); got != want*time.Minute {
			t.Errorf("%v after %d rounds without a find", got, p.idle)
		}
		p.endRound()
	}
	p.channels.ahead = true
	if p.endRound(); p.every() != time.Minute {
		t.Errorf("%v after a find", p.every())
	}
}
