package mtproto

import "time"

// SetWall has a client live by another wall clock; before Run.
func (c *Client) SetWall(wall func() time.Time) { c.life.wall = wall }
