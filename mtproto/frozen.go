package mtproto

import (
	"strconv"
	"sync"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// Frozen says that Telegram has frozen the account: most methods are refused until somebody appeals with success (D20).
// The calls that found it out fail with Telegram's error.
type Frozen struct {
	Method string // that was refused

	// Since and Until are what Telegram says of it, zero where it does not; after Until the account is deleted.
	Since, Until time.Time
	AppealURL    string
}

// Name is "frozen".
func (Frozen) Name() string { return "frozen" }

// frozenEvery is how often Telegram is asked about it at most.
const frozenEvery = 10 * time.Minute

// freezeCheck finds out what there is to know of a frozen account.
type freezeCheck struct{ last lastTime }

// report emits that a method was refused because the account is frozen.
func (f *freezeCheck) report(c *Client, method string) {
	if !f.last.due(time.Now(), frozenEvery) {
		return
	}
	_ = c.life.background(func() {
		e := Frozen{Method: method}
		query, err := c.o.Schema.Encode(nil, codec.M{"_": "help.getAppConfig", "hash": 0})
		if err == nil {
			var body []byte
			if body, err = c.Invoke(c.life.ctx, query); err == nil {
				e.read(c.o.Schema, body)
			}
		}
		if err != nil {
			c.o.Log.Warn("the account is frozen, and it cannot be said since when", "error", err)
		}
		c.events.emit(e)
	})
}

// read reads the fields freeze_* of a help.AppConfig.
func (e *Frozen) read(s *codec.Schema, body []byte) {
	v, err := s.View(body)
	if err != nil {
		return
	}
	config, _ := v.Object("config")
	for field := range config.Objects("value") {
		value, _ := field.Object("value")
		switch field.Str("key") {
		case "freeze_since_date":
			e.Since = jsonDate(value)
		case "freeze_until_date":
			e.Until = jsonDate(value)
		case "freeze_appeal_url":
			e.AppealURL = value.Str("value")
		}
	}
}

// jsonDate reads a time in Unix seconds, given as a number or a string; zero for 0.
func jsonDate(v codec.View) time.Time {
	sec := int64(v.Double("value"))
	if v.Name() == "jsonString" {
		sec, _ = strconv.ParseInt(v.Str("value"), 10, 64)
	}
	if sec <= 0 {
		return time.Time{}
	}
	return time.Unix(sec, 0)
}

// lastTime is when something was last done that is not done too often.
type lastTime struct {
	mu sync.Mutex
	at time.Time
}

// due reports whether to do it again, which is noted.
func (t *lastTime) due(now time.Time, every time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.at.IsZero() && now.Sub(t.at) < every {
		return false
	}
	t.at = now
	return true
}
