package account

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/room"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/loop"
)

// What becomes of updates and results without room, in the order in which they come.
func TestPressureDecides(t *testing.T) {
	size := (&loop.Input{Body: []byte("only")}).Size()
	p := pressure{only: func(b []byte) bool { return string(b) == "only" }, most: func() int64 { return 2 * size }}
	for i, c := range []struct {
		kind loop.Kind
		body string
		full bool
		want decision
	}{
		{loop.Update, "only", false, take},
		{loop.Update, "more", true, leave}, // a difference brings it
		{loop.Update, "only", true, park},
		{loop.Result, "more", true, park}, // nobody sends it again
		{loop.Update, "only", true, decline},
		{loop.Result, "more", true, leave},
		{loop.Update, "more", true, leave},
	} {
		if got := p.decide(&loop.Input{Kind: c.kind, Body: []byte(c.body)}, c.full); got != c.want {
			t.Errorf("%d: %d, want %d", i, got, c.want)
		}
	}
	if p.begin(time.Unix(10, 0), nil); !p.holds() {
		t.Error("there is no room")
	}
	if h := p.held("slow", 7); h.Left != 3 || h.Parked != 2 || h.Declined != 1 || h.Waiting != 7 || h.Reason != "slow" || h.Since.Unix() != 10 {
		t.Errorf("%+v", h)
	}
	was := p.end()
	if was.left != 3 || was.declined != 1 || len(was.parked) != 2 || was.since.Unix() != 10 {
		t.Errorf("%+v", was)
	}
	if p.holds() || p.held("", 0) != nil || p.bytes != 0 {
		t.Error("there is room again")
	}
}

// What is parked can be had at any time, and makes room for more.
func TestPressureUnparks(t *testing.T) {
	in := loop.Input{Kind: loop.Result}
	p := pressure{most: in.Size}
	if p.decide(&in, true) != park || p.decide(&in, true) != leave {
		t.Error("there is room for one")
	}
	if got := p.unpark(); len(got) != 1 || p.decide(&in, true) != park {
		t.Errorf("%d were parked", len(got))
	}
}

// A beginning is said once; refusals are said when they last, once, also where there was no room before for another reason.
func TestPressureIsSaidOnce(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1700000000+int64(s), 0) }
	full := stream.Doing{Err: errors.New("no storage is left"), Failing: at(0)}
	p := pressure{after: 3 * time.Second}
	if p.failing(at(2), full) || p.failing(at(9), stream.Doing{}) || p.holds() {
		t.Error("it is too early")
	}
	if !p.failing(at(3), full) || p.failing(at(4), full) {
		t.Error("it is said once")
	}
	if p.begin(at(5), full.Err) {
		t.Error("that is no news")
	}
	p.end()
	if !p.begin(at(10), nil) || p.begin(at(11), nil) {
		t.Error("a beginning is said once")
	}
	if !p.failing(at(12), full) || p.failing(at(13), full) {
		t.Error("the reason is news, once")
	}
}

// A position is saved after so many groups or so much time, and first of all once the stream holds where the account begins.
func TestLedgerSaves(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1700000000+int64(s), 0) }
	follows, saves := 0, 0
	l := ledger{follows: func() { follows++ }}
	turn := func(s int) { l.turned(at(s), func(func(context.Context)) { saves++; l.position() }) }
	turn(0)
	if follows != 0 || saves != 0 || l.due(at(0)) != time.Hour {
		t.Error("nothing is known, and nothing to save")
	}
	if !l.fold(&stream.Group{State: "pts=1;date=1"}, 5) {
		t.Error("the first has to be looked at")
	}
	turn(1)
	if follows != 1 || saves != 1 {
		t.Errorf("told %d times, saved %d times", follows, saves)
	}
	if l.fold(&stream.Group{State: "pts=2"}, 6); l.due(at(11)) != 20*time.Second {
		t.Error(l.due(at(11)))
	}
	turn(30)
	if saves != 1 {
		t.Error("too early")
	}
	turn(31)
	if saves != 2 || follows != 1 {
		t.Errorf("told %d times, saved %d times", follows, saves)
	}
	looks := 0
	for range savePositionAfter {
		if l.fold(&stream.Group{}, 0) {
			looks++
		}
	}
	turn(32)
	if p := l.position(); looks != 2 || saves != 3 || p.Seq != 6 {
		t.Errorf("%d looks, saved %d times, %+v", looks, saves, p)
	}
}

// Calls wait for room for their answers, in order.
func TestFetchesWaitForRoom(t *testing.T) {
	const pending = 8 * mostAnswer
	share := room.NewBudget(4*mostAnswer).Open(pending, func() {})
	m := memory{share: share, pending: pending}
	var made []updates.FetchID
	x := fetches{memory: &m, call: func(f *updates.Fetch, weight int64) {
		if weight != mostAnswer {
			t.Errorf("%d bytes are set aside", weight)
		}
		made = append(made, f.ID)
	}}
	now := time.Unix(1700000000, 0)
	for id := range updates.FetchID(12) {
		x.make(now, &updates.Fetch{ID: id})
	}
	n := len(made)
	if n == 0 || n == 12 || !x.roomless.Load() || x.late(now, 3*time.Second) != 3*time.Second {
		t.Fatalf("%d calls were made", n)
	}
	for range n {
		share.Sent(mostAnswer)
	}
	for x.again(); x.roomless.Load(); x.again() {
		share.Sent(mostAnswer)
	}
	if want := []updates.FetchID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}; !slices.Equal(made, want) {
		t.Errorf("made %v", made)
	}
	x.hold(&updates.Fetch{ID: 12})
	for range 12 - n {
		share.Sent(mostAnswer)
	}
	if x.resume(now); made[len(made)-1] != 12 || x.late(now, time.Second) != time.Hour {
		t.Errorf("made %v", made)
	}
}
