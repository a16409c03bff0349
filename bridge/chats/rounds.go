package chats

import "time"

// rounds say when all dialogs are listed again: of what no update tells, and no difference brings back, only the list does. That is what
// happened while nobody was connected: drafts, pins, and what was read in channels.
type rounds struct {
	wanted bool      // something may have been missed since
	last   time.Time // when the list was gone through last
	began  time.Time // when that began
	took   time.Duration
}

const (
	relistEvery = 24 * time.Hour   // where nothing is known to be missed
	relistPause = 10 * time.Minute // between two rounds at least, however often the connection is lost
	relistShare = 20               // and so many times what the last one took
)

// due is how long until they are to be listed again; 0 or less: now.
func (r *rounds) due(now time.Time) time.Duration {
	switch {
	case r.last.IsZero() && r.wanted:
		return 0
	case r.last.IsZero(): // the first one is under way
		return relistEvery
	case r.wanted:
		return r.last.Add(relistPause + relistShare*r.took).Sub(now)
	}
	return r.last.Add(relistEvery).Sub(now)
}

// begun notes that they are being listed.
func (r *rounds) begun() { r.wanted = false }

// ended notes that they were, and for how long something was asked.
func (r *rounds) ended(began, now time.Time, took time.Duration) {
	r.began, r.last, r.took = began, now, took
}
