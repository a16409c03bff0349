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

// frost notes when the account was last found frozen.
type frost struct {
	mu sync.Mutex
	at time.Time
}

// due says whether to ask again.
func (f *frost) due(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.at.IsZero() && now.Sub(f.at) < frozenEvery {
		return false
	}
	f.at = now
	return true
}

// frozen finds out what there is to know, and says it.
func (c *Client) frozen(method string) {
	if !c.frost.due(time.Now()) {
		return
	}
	c.background(func() {
		e := Frozen{Method: method}
		query, err := c.o.Schema.Encode(nil, codec.M{"_": "help.getAppConfig", "hash": 0})
		if err == nil {
			var body []byte
			if body, err = c.Invoke(c.life.ctx, query); err == nil {
				c.readFreeze(&e, body)
			}
		}
		if err != nil {
			c.o.Log.Warn("the account is frozen, and it cannot be said since when", "error", err)
		}
		c.emit(e)
	})
}

// readFreeze reads the fields freeze_* of a help.AppConfig.
func (c *Client) readFreeze(e *Frozen, body []byte) {
	v, err := c.o.Schema.View(body)
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

// jsonDate is a time in Unix seconds, given as a number or a string; zero for 0.
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

// background does something that Run waits for, unless it is ending.
func (c *Client) background(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live() {
		c.life.wg.Go(f)
	}
}
