package walk

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// chat is a history as Telegram has it, by which the machine is judged.
type chat struct {
	ids   []int // ascending
	dates map[int]int64
	next  int
	clock int64
}

func newChat(r *rand.Rand, n, hole int) *chat {
	c := &chat{dates: map[int]int64{}, next: 1, clock: 1000}
	for range n {
		c.write(r, hole)
	}
	return c
}

func (c *chat) write(r *rand.Rand, hole int) {
	c.next += r.IntN(hole)
	c.clock += int64(r.IntN(3))
	c.ids, c.dates[c.next] = append(c.ids, c.next), c.clock
	c.next++
}

// ask is messages.getHistory: newest first, from the first message that is older than the offset.
func (c *chat) ask(q Call) Answer {
	all := slices.Clone(c.ids)
	slices.Reverse(all)
	start := 0
	if q.OffsetID > 0 || q.OffsetDate > 0 {
		start = len(all)
		for i, id := range all {
			if (q.OffsetID == 0 || id < q.OffsetID) && (q.OffsetDate == 0 || c.dates[id] < q.OffsetDate) {
				start = i
				break
			}
		}
	}
	from := max(start+q.AddOffset, 0)
	from = min(from, len(all))
	return Answer{IDs: all[from:min(from+q.Limit, len(all))], Count: len(all)}
}

// wanted is what a range means, of what there is.
func (c *chat) wanted(r Range) (all []int) {
	for _, id := range c.ids {
		d := c.dates[id]
		if id >= r.From.ID && d >= r.From.Date && (r.To.ID == 0 || id <= r.To.ID) && (r.To.Date == 0 || d <= r.To.Date) {
			all = append(all, id)
		}
	}
	if r.Limit > 0 && len(all) > r.Limit {
		all = all[len(all)-r.Limit:]
	}
	return all
}

func someBound(r *rand.Rand, c *chat) Bound {
	switch r.IntN(3) {
	case 0:
		return Bound{ID: 1 + r.IntN(c.next+5)}
	case 1:
		return Bound{Date: 990 + r.Int64N(c.clock-990+20)}
	}
	return Bound{}
}

// Whatever is asked of whatever history, with messages that come and go meanwhile and a machine that is written down and read again at any
// time: everything that was there from beginning to end comes, once, oldest first, and nothing that was not asked for.
func TestWalkAgainstModel(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := newChat(r, r.IntN(450), 1+r.IntN(4))
		ask := Range{From: someBound(r, c), To: someBound(r, c)}
		if r.IntN(2) == 0 {
			ask.Limit = 1 + r.IntN(300)
		}
		before, busy, limited := c.wanted(ask), r.IntN(2) == 0, ask.Limit > 0
		var got []int
		w := New(ask)
		for calls := 0; !w.Ended(); calls++ {
			if calls > 20 {
				t.Fatalf("seed %d: %+v does not end: %+v", seed, ask, w)
			}
			b, _ := json.Marshal(w)
			w = Walk{}
			if err := json.Unmarshal(b, &w); err != nil {
				t.Fatal(err)
			}
			a := c.ask(w.Call())
			first, last := w.Take(a)
			page := slices.DeleteFunc(slices.Clone(a.IDs), func(id int) bool { return id < first || id > last })
			slices.Reverse(page)
			got = append(got, page...)
			if r.IntN(4) == 0 {
				w.Again()
			}
			for range r.IntN(3) {
				if busy && len(c.ids) > 0 {
					c.ids = slices.Delete(c.ids, 0, 1)
					i := r.IntN(len(c.ids) + 1)
					c.ids = slices.Delete(c.ids, max(i-1, 0), i)
				}
			}
			if busy && r.IntN(2) == 0 && ask.To == (Bound{}) {
				c.write(r, 2)
			}
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("seed %d: %+v: twice, or not in order: %v", seed, ask, got)
		}
		if !busy && !slices.Equal(got, before) {
			t.Fatalf("seed %d: %+v of %v: got %v, want %v", seed, ask, c.ids, got, before)
		}
		for _, id := range before {
			if busy && !limited && slices.Contains(c.ids, id) && !slices.Contains(got, id) {
				t.Fatalf("seed %d: %+v: %d is missing in %v", seed, ask, id, got)
			}
		}
		if w.Percent() != 100 {
			t.Fatalf("seed %d: ended at %d percent", seed, w.Percent())
		}
	}
}

// What is asked of Telegram, step by step.
func TestWalkAsks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	c := newChat(r, 250, 1)
	w, got := New(Range{Limit: 120, From: Bound{Date: 900}}), ""
	for !w.Ended() {
		q := w.Call()
		first, last := w.Take(c.ask(q))
		got += fmt.Sprintf("%+v: %d to %d, %d %% of %d\n", q, first, last, w.Percent(), w.Of())
	}
	want := `{OffsetID:0 OffsetDate:0 AddOffset:0 Limit:1}: 1 to 0, 0 % of 120
{OffsetID:0 OffsetDate:900 AddOffset:0 Limit:1}: 1 to 0, 0 % of 120
{OffsetID:251 OffsetDate:0 AddOffset:119 Limit:1}: 1 to 0, 0 % of 120
{OffsetID:131 OffsetDate:0 AddOffset:-100 Limit:100}: 131 to 230, 83 % of 120
{OffsetID:231 OffsetDate:0 AddOffset:-100 Limit:100}: 231 to 250, 100 % of 120
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What is asked of Telegram has the size of a number of TL, also where the highest bounds are wanted that may be asked for.
func TestWalkAsksNothingAboveTheHighest(t *testing.T) {
	for _, to := range []Bound{{ID: highest}, {ID: highest - 1}, {Date: highest - 1}} {
		w := New(Range{To: to})
		if q := w.Call(); q.OffsetID > highest || q.OffsetDate > highest {
			t.Errorf("%+v: %+v", to, q)
		}
	}
}

// Answers that no Telegram gives end a walk, and do not lead it round in a circle.
func FuzzWalk(f *testing.F) {
	f.Add([]byte{1, 2, 3}, 5, 7, 3)
	f.Fuzz(func(t *testing.T, said []byte, from, to, limit int) {
		w := New(Range{From: Bound{ID: from}, To: Bound{ID: to}, Limit: limit})
		at := 0
		for calls := 0; !w.Ended(); calls++ {
			if calls > 300 {
				t.Fatalf("%+v does not end", w)
			}
			var a Answer
			for range min(len(said), Page) {
				a.IDs = append(a.IDs, int(int8(said[0])))
				said = said[1:]
			}
			first, last := w.Take(a)
			if first <= last && first <= at || w.Percent() < 0 || w.Percent() > 100 {
				t.Fatalf("%d to %d behind %d: %+v", first, last, at, w)
			}
			at = max(at, last)
		}
	})
}
