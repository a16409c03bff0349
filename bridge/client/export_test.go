package client

import "time"

// SetChangeTime has an answer to a change of a durable waited for as long as this, until back is called.
func SetChangeTime(d time.Duration) (back func()) {
	before := changeTime
	changeTime = d
	return func() { changeTime = before }
}
