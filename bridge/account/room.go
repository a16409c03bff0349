package account

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// held bounds what a machine holds back, so that it does not fill the log at once.
func (c *Config) held() (updates, bytes int) {
	most := c.Settings.Pending / parkedShare
	return int(max(most/heldWeight, 10)), int(max(most/heldGrowth, 64<<10))
}

const (
	// mostAnswer is what is set aside for the answer to a fetch until it is there.
	mostAnswer = 512 << 10
	// heldWeight is what an update that the machine holds will weigh in the log beside its bytes, which are three times as many there.
	heldWeight, heldGrowth = 2300, 3
)

// answerWeight is what is set aside for an answer: less where an account may have little.
func (d *driver) answerWeight() int64 {
	if d.room == nil {
		return 0
	}
	return min(mostAnswer, d.r.Settings.Pending/8)
}

// fetchIfRoom makes a call for the machine once the daemon has room for the answer.
func (d *driver) fetchIfRoom(f *updates.Fetch) {
	if weight := d.answerWeight(); d.room.Try(weight) {
		d.fetch(f, weight)
		return
	}
	if len(d.fetches.waiting) == 0 {
		d.fetches.since = time.Now()
	}
	d.fetches.waiting = append(d.fetches.waiting, f)
	d.fetches.roomless.Store(true)
}

// roomLate is how long until it has to be said that there is no room, if there is none until then.
func (d *driver) roomLate(now time.Time) time.Duration {
	if len(d.fetches.waiting) == 0 || d.held() != nil {
		return time.Hour
	}
	return d.fetches.since.Add(d.r.heldAfter).Sub(now)
}

// fetchWaiting makes the calls for which there was no room.
func (d *driver) fetchWaiting() {
	waiting := d.fetches.waiting
	d.fetches.waiting = nil
	for i, f := range waiting {
		weight := d.answerWeight()
		if !d.room.Try(weight) {
			d.fetches.waiting = waiting[i:]
			break
		}
		d.fetch(f, weight)
	}
	d.fetches.roomless.Store(len(d.fetches.waiting) > 0)
	if d.roomLate(time.Now()) <= 0 {
		d.hold(0, 0)
	}
}

// weighHeld takes room for what the machine holds back until a difference comes: all of it goes into the log at once then.
func (d *driver) weighHeld() {
	n, bytes := d.machine.Postponed()
	now := int64(n)*heldWeight + int64(bytes)*heldGrowth
	d.room.Take(now - d.heldBytes)
	d.heldBytes = now
}
