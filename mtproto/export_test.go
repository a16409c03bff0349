package mtproto

import "time"

// SetWall has a client live by another wall clock; before Run.
func (c *Client) SetWall(wall func() time.Time) { c.life.wall = wall }

// Flooded is a -429 for somebody.
func (t *Throttle) Flooded(now time.Time) { t.flooded(now) }

// Wait is how long nobody may connect yet.
func (t *Throttle) Wait(now time.Time) time.Duration { return t.wait(now) }
