package mtproto

import (
	"sync"
	"testing"
	"time"
)

const ms = time.Millisecond

// The first retry is made at once, then the pause doubles up to its bound.
func TestBackoffWithoutAnswer(t *testing.T) {
	b := backoff{max: 30 * time.Second}
	want := []time.Duration{0, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 16000 * ms, 30000 * ms, 30000 * ms}
	for i, w := range want {
		b.failed()
		if d := b.next(0); d != w {
			t.Errorf("failure %d: %v, want %v", i+1, d, w)
		}
		if d := b.next(0.999); d < w/2 || d > w {
			t.Errorf("failure %d: jitter makes it %v of %v", i+1, d, w)
		}
	}
	for range 10000 {
		b.failed()
	}
	if d := b.next(0); d != 30*time.Second {
		t.Errorf("after very many: %v", d)
	}
}

// A lost connection that had worked is replaced at once.
func TestBackoffAfterLongLife(t *testing.T) {
	b := backoff{max: 30 * time.Second}
	for range 100 {
		b.lost(time.Hour)
		if d := b.next(0); d != 0 {
			t.Fatalf("%v", d)
		}
	}
	b.failed()
	if d := b.next(0); d != 0 && d > backoffFirst {
		t.Errorf("first failure after it: %v", d)
	}
}

// A server that answers and cuts, again and again, is not hammered, and costs no call a minute either.
func TestBackoffWhenFlapping(t *testing.T) {
	b := backoff{max: 30 * time.Second}
	var sum time.Duration
	for i := range 100 {
		b.lost(5 * ms)
		d := b.next(0)
		if i == 0 && d != 0 {
			t.Errorf("the first cut: %v", d)
		}
		sum += d
	}
	if sum < 10*time.Second || sum > time.Minute {
		t.Errorf("100 cuts cost %v", sum)
	}
	for range 1000 {
		b.lost(5 * ms)
	}
	if d := b.next(0); d != 5*time.Second {
		t.Errorf("in the end %v", d)
	}
	b.lost(provenAfter)
	if d := b.next(0); d != 0 {
		t.Errorf("after a good connection %v", d)
	}
}

// A12: 2, 4, 8 ... 120 s for all clients of the process; several that hear of the same flood count once.
func TestThrottle(t *testing.T) {
	var th Throttle
	now := time.Unix(1e9, 0)
	if th.wait(now) > 0 {
		t.Fatal("waits for nothing")
	}
	for _, want := range []time.Duration{2, 4, 8, 16, 32, 64, 120, 120} {
		th.flooded(now)
		th.flooded(now.Add(time.Second))
		d := th.wait(now)
		if d < want*time.Second || d > (want+1)*time.Second {
			t.Errorf("pause %v, want %v s", d, int(want))
		}
		now = now.Add(want * time.Second)
		if d := th.wait(now); d > 0 {
			t.Errorf("still waits %v after the pause", d)
		}
	}
	now = now.Add(time.Hour)
	th.flooded(now)
	if d := th.wait(now); d > 3*time.Second {
		t.Errorf("an hour later it still holds a grudge: %v", d)
	}
}

func TestThrottleConcurrently(t *testing.T) {
	var th Throttle
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				th.flooded(time.Now())
				th.wait(time.Now())
			}
		})
	}
	wg.Wait()
}

// A12: connections that are lost at once cost no more than TDLib's clients may make, four in a second and five in five.
func TestDials(t *testing.T) {
	var d dials
	now := time.Unix(1e9, 0)
	var made []time.Time
	for end := now.Add(time.Minute); now.Before(end); now = now.Add(max(ms, d.wait(now))) {
		if d.wait(now) > 0 {
			t.Fatalf("waits for more than it said")
		}
		d.note(now)
		made = append(made, now)
	}
	for i := range made {
		if i >= 4 && made[i].Sub(made[i-4]) < time.Second || i >= 5 && made[i].Sub(made[i-5]) < 5*time.Second {
			t.Errorf("connection %d came too soon", i)
		}
	}
	if len(made) < 55 {
		t.Errorf("%d connections in a minute: a network that comes and goes costs too much", len(made))
	}
}

// A12: clients that start together do not connect together.
func TestQueue(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		perSecond int
		last      time.Duration // that the hundredth waits
	}{{0, 9 * time.Second}, {50, time.Second}, {-1, 0}} {
		th := Throttle{PerSecond: c.perSecond}
		var wait time.Duration
		for range 100 {
			wait = th.queue(now)
		}
		if wait != c.last {
			t.Errorf("%d a second: the hundredth waits %v, want %v", c.perSecond, wait, c.last)
		}
		if wait = th.queue(now.Add(time.Hour)); wait > 0 {
			t.Errorf("%d a second: after an hour it waits %v", c.perSecond, wait)
		}
	}
}
