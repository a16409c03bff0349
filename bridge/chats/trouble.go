package chats

import "time"

// trouble is why records cannot be read or written at present.
type trouble struct {
	why   string
	since time.Time // when it began
	fine  time.Time // when something first went well after it; zero: nothing has
}

// steady is for how long all goes well before nobody speaks of trouble any more: where somebody else writes over the records each second write
// goes well.
const steady = 10 * time.Second

// on reports whether there is any.
func (t *trouble) on(now time.Time) bool {
	return t.why != "" && (t.fine.IsZero() || now.Sub(t.fine) < steady)
}

// note takes in how something went, and reports whether that is news.
func (t *trouble) note(now time.Time, err error) (news bool) {
	if err == nil {
		if t.fine.IsZero() {
			t.fine = now
		}
		return false
	}
	if !t.on(now) {
		t.why, t.since = "", now
	}
	news = err.Error() != t.why
	t.why, t.fine = err.Error(), time.Time{}
	return news
}
