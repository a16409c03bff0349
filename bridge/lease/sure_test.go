package lease

import (
	"testing"
	"time"
)

// D8: whether a lease is sure depends on both clocks, and ends with the lease.
func TestSure(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		now, until time.Time
		want       bool
	}{
		"renewed":           {now, now.Add(time.Second), true},
		"long ago":          {now, now.Add(-time.Nanosecond), false},
		"the machine slept": {now.Round(0).Add(time.Minute), now.Add(time.Second), false},
		"clock set back":    {now.Round(0).Add(-time.Minute), now.Add(time.Second), true},
	} {
		if got := within(c.now, c.until); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}

	all, _ := daemons(t, 1, Options{TTL: time.Minute})
	join(t, all[0], Member{})
	l := acquire(t, all[0])
	if !l.Sure() {
		t.Error("taken, and not sure")
	}
	l.member.confirm(time.Now().Add(-46 * time.Second))
	if l.Sure() {
		t.Error("three quarters of the lifetime have passed, and it is sure")
	}
	l.member.confirm(time.Now())
	l.lose("test")
	if l.Sure() {
		t.Error("lost, and sure")
	}
}
