package account

import (
	"log/slog"
	"sync"
	"time"
)

// skewLeast is by how much the machine's clock may differ from Telegram's before somebody is told. MTProto works with any clock;
// delays that are measured and TLS to proxies do not.
const skewLeast = 5 * time.Second

// eventSkew says that the machine's clock is wrong, or right again.
const eventSkew = "clock.skew"

// Clock is what a daemon knows of its machine's clock. All its accounts share one, so that it is said once. The zero value is
// fine.
type Clock struct {
	mu   sync.Mutex
	said time.Duration // how far ahead it was when that was said last
}

// note says on the log that the clock is wrong, or right again, where that is news, and reports whether it was.
func (c *Clock) note(log *slog.Logger, ahead time.Duration) (news bool) {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if (ahead - c.said).Abs() < skewLeast {
		return false
	}
	c.said = ahead
	if ahead.Abs() < skewLeast {
		log.Info("this machine's clock agrees with Telegram's again")
	} else {
		log.Warn("this machine's clock differs from Telegram's: set it by NTP; Tg-Delay and the delay metric allow for it",
			"ahead", ahead.Round(time.Second))
	}
	return true
}
