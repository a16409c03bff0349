package stream

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// Who looks at a log sees whether updates can be stored, why not, and how long the first has waited.
func TestDoing(t *testing.T) {
	g := newRig(t, Retention{}, false)
	var good, bad atomic.Int64
	l, _, _ := g.open(Options{AckWait: time.Second, Tried: func(_ time.Duration, err error) {
		if err != nil {
			bad.Add(1)
		} else {
			good.Add(1)
		}
	}})
	until := func(what string, is func(Doing) bool) {
		t.Helper()
		for limit := time.Now().Add(20 * time.Second); !is(l.Doing()); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("not %s: %+v", what, l.Doing())
			}
		}
	}
	l.Add(group(false, 1))
	until("stored", func(d Doing) bool { return d.Oldest.IsZero() && d.Failing.IsZero() && good.Load() == 1 })
	if err := g.js.DeleteStream(context.Background(), "TG_UPDATES"); err != nil {
		t.Fatal(err)
	}
	l.Add(group(false, 2))
	until("failing", func(d Doing) bool { return !d.Oldest.IsZero() && !d.Failing.IsZero() && d.Err != nil && bad.Load() > 0 })
	if _, err := Setup(context.Background(), Retention{}.storage(g.js)); err != nil {
		t.Fatal(err)
	}
	until("stored again", func(d Doing) bool { return d.Oldest.IsZero() && d.Failing.IsZero() && d.Err == nil })
}
