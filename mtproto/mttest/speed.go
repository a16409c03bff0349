package mttest

import (
	"fmt"
	"time"
)

// direction is whose bytes go where.
type direction struct {
	account int64
	up      bool
}

// allowance is how many bytes may go in a direction now.
type allowance struct {
	bytes float64
	at    time.Time
}

// What clients have been told to wait, in seconds.
const (
	slowLeast = 4
	slowMost  = 15
)

// slow refuses n bytes where they come faster than the account may move them, see [FilesConfig.Speed].
func (r *Request) slow(up bool, n int) error {
	s := r.server
	if s.cfg.Files.Speed <= 0 {
		return nil
	}
	speed, now := float64(s.cfg.Files.Speed), s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	d := direction{r.Account.id, up}
	a := s.files.speeds[d]
	if a == nil {
		a = &allowance{bytes: slowMost * speed, at: now}
		s.files.speeds[d] = a
	}
	a.bytes, a.at = min(a.bytes+speed*now.Sub(a.at).Seconds(), slowMost*speed), now
	if a.bytes >= float64(n) {
		a.bytes -= float64(n)
		return nil
	}
	wait := min(max(int((float64(n)-a.bytes)/speed)+1, slowLeast), slowMost)
	return refusal(420, fmt.Sprintf("FLOOD_PREMIUM_WAIT_%d", wait))
}
