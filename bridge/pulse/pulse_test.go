package pulse

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pulse
		start = time.Now()
		if p.Busy() != 0 {
			t.Error("it waits")
		}
		p.Begin()
		time.Sleep(time.Minute)
		if got := p.Busy(); got < time.Minute-time.Second || got > time.Minute+time.Second {
			t.Error(got)
		}
		p.End()
		if p.Busy() != 0 {
			t.Error("it waits again")
		}
	})
}
