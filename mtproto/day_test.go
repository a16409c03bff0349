package mtproto_test

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// day is a client's day, and what its server executed.
type day struct {
	*rig
	wall world

	mu       sync.Mutex
	executed []uint8 // how often, by title

	made       int
	lost, keys int // connections lost, keys made
	goroutines []int
	heap       []uint64
}

// B25, B26, C10, C23, C27, D18: a day in which the connection breaks every minute under a call, salts change every half hour,
// temporary keys every two, Telegram forgets one now and then, and the wall clock is set, forwards and back. No call is lost
// or executed twice, and nothing is left over.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDay(t)
		d.ready()
		for minute := range 24 * 60 {
			d.pair()
			d.harm(minute)
			time.Sleep(57 * time.Second)
			if minute%60 == 59 {
				d.weigh()
			}
		}
		d.end()
		d.check()
	})
}

// startDay starts a client that makes what is neither read-only nor guarded by a random_id, which takes 0.7 s each time.
func startDay(t *testing.T) *day {
	s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.TrackQueries = false })
	d := &day{executed: make([]uint8, 2*24*60)}
	d.rig = prepare(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) {
		o.Limits.TempKey, o.Dial, o.Updates, o.Events, o.Save = 2*time.Hour, slow(s.Dial), nil, d.event, nil
	})
	s.InterceptMethod("messages.createChat", func(q *mttest.Request) mttest.Action {
		d.count(q.Args.Str("title"))
		return mttest.Delay(700*time.Millisecond, mttest.Answer(M{
			"_": "messages.invitedUsers", "updates": M{"_": "updatesTooLong"}, "missing_invitees": []M{},
		}))
	})
	d.SetWall(d.wall.now)
	go func() { d.ran <- d.Run(d.ctx) }()
	return d
}

// event counts, where a rig's would keep all.
func (d *day) event(e mtproto.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e := e.(type) {
	case mtproto.Disconnected:
		d.lost++
	case mtproto.KeyCreated:
		d.keys++
	case mtproto.KeyDoubted, mtproto.AuthLost:
		d.Errorf("%s: %v", e.Name(), e)
	}
}

func (d *day) count(title string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i, err := strconv.Atoi(title); err == nil {
		d.executed[i]++
	}
}

// harm is what befalls the client besides cuts.
func (d *day) harm(minute int) {
	if minute%30 == 0 {
		d.s.NewSalts()
	}
	switch minute % 300 {
	case 40:
		d.s.ForgetTempKeys()
	case 150:
		d.wall.leap(-40 * time.Minute)
	case 240:
		d.s.UnbindTempKeys()
	case 250:
		d.wall.leap(40 * time.Minute)
	}
}

// pair makes two calls. Under the first of them the connection breaks.
func (d *day) pair() {
	time.AfterFunc(300*time.Millisecond, func() { d.s.Cut() })
	for range 2 {
		title := fmt.Sprint(d.made)
		d.made++
		if _, err := d.tryCall(d.ctx, M{"_": "messages.createChat", "title": title, "users": []M{{"_": "inputUserSelf"}}}); err != nil {
			d.Errorf("call %s: %v", title, err)
		}
	}
}

func (d *day) weigh() {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	d.heap, d.goroutines = append(d.heap, m.HeapAlloc), append(d.goroutines, runtime.NumGoroutine())
}

func (d *day) check() {
	for title, n := range d.executed {
		if n != 1 {
			d.Errorf("call %d was executed %d times", title, n)
		}
	}
	d.Logf("%d connections lost, %d keys made, heap %d, goroutines %d", d.lost, d.keys, d.heap, d.goroutines)
	if d.lost < 24*60 || d.keys < 15 {
		d.Errorf("%d connections lost and %d keys made: this shows little", d.lost, d.keys)
	}
	if first, last := slices.Max(d.heap[1:12]), slices.Max(d.heap[12:]); last > first+64<<10 {
		d.Errorf("the heap grew by %d bytes: %d", last-first, d.heap)
	}
	if first, last := d.goroutines[2], d.goroutines[23]; last > first {
		d.Errorf("goroutines: %d", d.goroutines)
	}
}
