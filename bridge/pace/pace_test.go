package pace

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	for _, c := range []struct {
		plain, batch time.Duration
		want         int
	}{
		{0, 0, guessFrom},
		{250 * time.Microsecond, 4 * time.Millisecond, 16},
		{28 * time.Microsecond, 3 * time.Millisecond, maxFrom},
		{5 * time.Millisecond, 5 * time.Millisecond, minFrom},
		{time.Nanosecond, time.Nanosecond, 15},
	} {
		var p Pace
		if c.plain > 0 {
			for range 100 {
				p.Plain(1, c.plain)
				p.Batch(2, c.batch)
			}
		}
		if got := p.From(); got != c.want {
			t.Errorf("%v %v: from %d, want %d", c.plain, c.batch, got, c.want)
		}
	}
}
