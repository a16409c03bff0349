package loop

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an owner that gives everything to the machine, a client whose account stands at pts 10, and watchers that count.
type rig struct {
	t      *testing.T
	schema *codec.Schema
	*Loop
	machine *updates.Machine

	err    error           // of Store
	every  time.Duration   // of Due
	slow   time.Duration   // how long Store takes
	asked  int             // calls
	refuse error           // of calls
	hang   bool            // calls are not answered
	stored []string        // names of items
	turns  []time.Duration // when, from the beginning on
	begun  time.Time

	mu      sync.Mutex
	bytes   int64 // in the inbox
	handled int64
	pulses  int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := api.Schema()
	if err != nil {
		t.Fatal(err)
	}
	decl, err := api.Declared()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := updates.Compile(s, decl)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, schema: s, every: time.Hour, begun: time.Now()}
	g.Loop = New(watcher{g}, watcher{g})
	if g.machine, err = updates.New(rules, updates.State{Position: updates.Position{Pts: 10, Date: 1}, Listed: true}, updates.Config{SelfID: 1, Look: updates.Look{Every: -1}}); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *rig) encode(v codec.M) []byte {
	g.t.Helper()
	b, err := g.schema.Encode(nil, v)
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

// run has the loop started, and gives how it ends.
func (g *rig) run(ctx context.Context) <-chan error {
	ended := make(chan error, 1)
	g.Post(func(now time.Time, m *updates.Machine) { m.Start(now) })
	go func() { ended <- g.Run(ctx, g.machine, g, g) }()
	return ended
}

// quiet has the loop started, and waits until it rests. asked is how many calls there were by then.
func (g *rig) quiet() (asked int, end func()) {
	ctx, cancel := context.WithCancel(g.t.Context())
	ended := g.run(ctx)
	time.Sleep(time.Minute)
	synctest.Wait()
	return g.asked, func() { cancel(); <-ended }
}

// push has the client push that a message of that id was read.
func (g *rig) push(pts int, done func()) {
	g.Push(mtproto.Update{Received: time.Now(), Ack: done, Body: g.encode(codec.M{"_": "updateShort", "date": 1, "update": codec.M{
		"_": "updateReadHistoryOutbox", "peer": codec.M{"_": "peerUser", "user_id": 5}, "max_id": pts, "pts": pts, "pts_count": 1,
	}})})
}

// pushName has it push what no difference brings.
func (g *rig) pushName(done func()) {
	g.Push(mtproto.Update{Ack: done, Body: g.encode(codec.M{"_": "updateShort", "date": 1, "update": codec.M{
		"_": "updateUserName", "user_id": 5, "first_name": "Eve", "last_name": "", "usernames": []codec.M{},
	}})})
}

func (g *rig) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	g.mu.Lock()
	g.asked++
	g.mu.Unlock()
	if g.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if g.refuse != nil {
		return nil, g.refuse
	}
	return g.schema.Encode(nil, codec.M{"_": "updates.differenceEmpty", "date": 1, "seq": 0})
}

func (g *rig) Admit(_ time.Time, in Input) bool {
	if in.Kind == Answer && in.Err != nil {
		g.stored = append(g.stored, in.Err.Error())
	}
	return true
}

func (g *rig) Store(b *updates.Batch) error {
	time.Sleep(g.slow)
	for _, item := range b.Items {
		g.stored = append(g.stored, item.Name)
	}
	if g.err == nil {
		g.Acknowledge(b.Release)
	}
	return g.err
}

func (g *rig) Fetch(f *updates.Fetch)         { g.Call(f, nil) }
func (g *rig) Unreadable(*updates.Unreadable) { g.stored = append(g.stored, "unreadable") }
func (g *rig) Due(time.Time) time.Duration    { return g.every }
func (g *rig) Turned(now time.Time) (err error) {
	g.turns = append(g.turns, now.Sub(g.begun))
	return nil
}

func (g *rig) add(bytes, handled int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bytes, g.handled = g.bytes+bytes, g.handled+handled
}

// watcher is the [Memory] and the [Pulse] of a rig.
type watcher struct{ g *rig }

func (w watcher) Take(n int64)    { w.g.add(n, 0) }
func (w watcher) Handled(n int64) { w.g.add(-n, n) }
func (w watcher) Begin()          { w.g.pulses++ }
func (w watcher) End()            { w.g.pulses = 0 }

// What arrives goes through the machine in order, is acknowledged once it is stored, and is weighed.
func TestInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		var done []int
		for pts := 11; pts <= 13; pts++ {
			g.push(pts, func() { done = append(done, pts) })
		}
		if g.Waiting() == 0 || g.Waiting() != g.bytes {
			t.Errorf("%d bytes, and %d are taken", g.Waiting(), g.bytes)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := g.run(ctx)
		synctest.Wait()
		if err := g.Wait(ctx, func(time.Time, *updates.Machine) {}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if want := []string{"updateReadHistoryOutbox", "updateReadHistoryOutbox", "updateReadHistoryOutbox"}; !slices.Equal(g.stored, want) {
			t.Errorf("stored %q", g.stored)
		}
		if !slices.Equal(done, []int{11, 12, 13}) {
			t.Errorf("acknowledged %v", done)
		}
		if g.bytes != 0 || g.handled == 0 || g.Waiting() != 0 || g.pulses != 0 {
			t.Errorf("%d bytes are not given back, %d wait; at work: %d", g.bytes, g.Waiting(), g.pulses)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// What was not stored when a run ends is not acknowledged, nor what comes behind it; calls end with it.
func TestEndsWithItsOwner(t *testing.T) {
	for name, hang := range map[string]bool{"calls answered": false, "calls at work": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				g.hang, g.err = hang, errors.New("no room on the disk")
				ended := g.run(t.Context())
				acknowledged := 0
				for range 2 {
					g.pushName(func() { acknowledged++ })
				}
				if err := <-ended; !errors.Is(err, g.err) || acknowledged != 0 {
					t.Errorf("%v; acknowledged: %d", err, acknowledged)
				}
			})
		})
	}
}

// A call takes a minute at most; a refusal of Telegram's comes to the machine as one.
func TestCalls(t *testing.T) {
	for name, c := range map[string]struct {
		hang   bool
		refuse error
		want   string
	}{
		"not answered": {hang: true, want: context.DeadlineExceeded.Error()},
		"refused":      {refuse: &mtproto.Error{Code: 500, Type: "AUTH_RESTART"}, want: "500 AUTH_RESTART"},
		"failed":       {refuse: errors.New("no connection"), want: "no connection"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				g.hang, g.refuse = c.hang, c.refuse
				ctx, cancel := context.WithTimeout(t.Context(), callTime+time.Millisecond)
				defer cancel()
				if err := <-g.run(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				if len(g.stored) == 0 || g.stored[0] != c.want {
					t.Errorf("told %q", g.stored)
				}
			})
		})
	}
}

// What has arrived goes before the time: the update that was missing came while the loop was at work, longer than one waits for it, and
// nobody has to ask for it.
func TestArrivedBeforeTheTime(t *testing.T) {
	for range 20 { // of two things that a loop may do at once it takes either
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t)
			asked, end := g.quiet()
			g.slow = 2 * time.Second
			g.push(12, func() {})
			g.pushName(func() {})
			time.Sleep(g.slow / 2)
			g.push(11, func() {})
			time.Sleep(10 * g.slow)
			synctest.Wait()
			if want := []string{"updateUserName", "updateReadHistoryOutbox", "updateReadHistoryOutbox"}; !slices.Equal(g.stored, want) || g.asked != asked {
				t.Errorf("stored %q, and %d calls", g.stored, g.asked-asked)
			}
			end()
		})
	}
}

// The time comes also where something arrives without a pause: what is missing is asked for.
func TestTimeComesWhileMuchArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		asked, end := g.quiet()
		g.push(12, func() {}) // 11 never comes
		until := time.Now().Add(time.Minute)
		var more func(time.Time, *updates.Machine)
		more = func(time.Time, *updates.Machine) {
			if time.Now().Before(until) {
				time.Sleep(100 * time.Millisecond)
				g.Post(more)
			}
		}
		g.Post(more)
		time.Sleep(30 * time.Second)
		g.mu.Lock()
		if g.asked == asked {
			t.Error("nothing was asked")
		}
		g.mu.Unlock()
		time.Sleep(time.Minute)
		end()
	})
}

// The loop turns when its owner wants it to, and rests else.
func TestDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.every = 10 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		<-g.run(ctx)
		var late []time.Duration
		for _, at := range g.turns {
			if at > 0 {
				late = append(late, at)
			}
		}
		if want := []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}; !slices.Equal(late, want) {
			t.Errorf("turned at %v", late)
		}
	})
}

// What cannot be read is told, and whoever waits does not wait for a loop that has ended.
func TestUnreadableAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := g.run(ctx)
		g.Push(mtproto.Update{Body: []byte("what is this?"), Ack: func() {}})
		synctest.Wait()
		if !slices.Contains(g.stored, "unreadable") {
			t.Errorf("told %q", g.stored)
		}
		cancel()
		<-ended
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Wait(soon, func(time.Time, *updates.Machine) { t.Error("done") }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
