// Package walk decides which pages of a chat's history are asked for, and what of them is wanted: a machine, which is given the answers
// and says what to ask next.
//
// It goes from the oldest message to the newest, so that whoever reads along meets every message behind those that it answers. Where the
// newest so many are wanted it asks first where these begin. The end is the newest message there was when it began: what is written
// meanwhile comes as updates. Pages are asked for as Telegram counts from a message to newer ones: by a negative add_offset. Their
// bounds by max_id and min_id are not used, since Telegram applies them to what it has cut out already.
package walk

// Page is how many messages one question asks for: what Telegram gives at most.
const Page = 100

// highest is the highest id that a message can have.
const highest = 1<<31 - 1

// Bound is one end of a range: a message's id, or a date in Unix seconds. The zero value: none.
type Bound struct {
	ID   int   `json:"id,omitempty"`
	Date int64 `json:"date,omitempty"`
}

// Range is what is wanted of a chat. Both ends belong to it.
type Range struct {
	From  Bound `json:"from,omitzero"`
	To    Bound `json:"to,omitzero"`
	Limit int   `json:"limit,omitempty"` // the newest so many; 0: all
}

// Call is what to ask, as messages.getHistory and messages.getReplies have it.
type Call struct {
	OffsetID   int
	OffsetDate int64
	AddOffset  int
	Limit      int
}

// Answer is what Telegram said: the ids of the messages, in any order, those that are empty too, and how many there are in the chat; 0:
// that is not known.
type Answer struct {
	IDs   []int
	Count int
}

// step is what is asked next.
type step string

const (
	findTop   step = ""      // the newest message of the range
	findDate  step = "date"  // the newest one before the first date
	findLimit step = "limit" // the oldest of the newest so many
	pages     step = "pages"
	ended     step = "ended"
)

// Walk is one way through a history. Its value is all its state, for JSON as well.
type Walk struct {
	Range Range `json:"range"`
	Step  step  `json:"step,omitempty"`
	Top   int   `json:"top,omitempty"`   // the last message that is wanted
	First int   `json:"first,omitempty"` // no message before it is
	Next  int   `json:"next,omitempty"`  // the first one that has not come
	Count int   `json:"count,omitempty"` // of messages in the chat, as Telegram said at first
}

// New begins a walk.
func New(r Range) Walk { return Walk{Range: r} }

// Again has a walk that was broken off go on to what is the newest message now.
func (w *Walk) Again() { w.Step = findTop }

// Ended reports whether everything has come.
func (w *Walk) Ended() bool { return w.Step == ended }

// Call is the next question. It is the same until an answer was taken.
func (w *Walk) Call() Call {
	switch w.Step {
	case findDate:
		return Call{OffsetDate: w.Range.From.Date, Limit: 1}
	case findLimit:
		return Call{OffsetID: w.Top + 1, AddOffset: w.Range.Limit - 1, Limit: 1}
	case pages:
		return Call{OffsetID: w.Next, AddOffset: -Page, Limit: Page}
	}
	c := Call{Limit: 1}
	switch to := w.Range.To; {
	case to.ID > 0 && to.ID < highest: // there is nothing above
		c.OffsetID = to.ID + 1
	case to.Date > 0:
		c.OffsetDate = to.Date + 1
	}
	return c
}

// Take takes the answer to the question. Messages from the id first to the id last are wanted of it; first above last: none.
func (w *Walk) Take(a Answer) (first, last int) {
	switch w.Step {
	case findTop:
		w.top(a)
	case findDate:
		w.First = max(w.First, newest(a.IDs, highest)+1)
		w.from(findLimit)
	case findLimit:
		if at := newest(a.IDs, w.Top); at > 0 {
			w.First = max(w.First, at)
		}
		w.from(pages)
	case pages:
		return w.page(a)
	}
	return 1, 0
}

// top learns where the range ends.
func (w *Walk) top(a Answer) {
	bound := w.Range.To.ID
	if bound == 0 {
		bound = highest
	}
	if w.Top = newest(a.IDs, bound); w.Top == 0 {
		w.Step = ended // there is nothing
		return
	}
	w.Count = a.Count
	if w.Next > 0 { // where it begins was known before
		w.Step = pages
		w.rest()
		return
	}
	w.First = max(w.Range.From.ID, 1)
	w.from(findDate)
}

// from goes on with a step, or the one behind it where that has nothing to find.
func (w *Walk) from(s step) {
	if s == findDate && w.Range.From.Date <= 0 {
		s = findLimit
	}
	if enough := w.Count > 0 && w.Range.Limit >= w.Count; s == findLimit && (w.Range.Limit <= 0 || enough) {
		s = pages
	}
	if w.Step = s; s == pages {
		w.Next = w.First
	}
	w.rest()
}

// rest ends where there is no more.
func (w *Walk) rest() {
	if max(w.First, w.Next) > w.Top {
		w.Step = ended
	}
}

// page takes a page: what is in it of the range, and how far that reaches.
func (w *Walk) page(a Answer) (first, last int) {
	first = w.Next
	last = newest(a.IDs, w.Top)
	if last < first { // there is no newer one
		w.Step = ended
		return 1, 0
	}
	w.Next = last + 1
	w.rest()
	return first, last
}

// newest is the highest id that is no higher than a bound; 0: none.
func newest(ids []int, bound int) (id int) {
	for _, one := range ids {
		if one <= bound {
			id = max(id, one)
		}
	}
	return id
}

// Percent is how much of the range has come, by ids.
func (w *Walk) Percent() int {
	switch {
	case w.Step == ended:
		return 100
	case w.Next == 0 || w.Top < w.First:
		return 0
	}
	return int(int64(w.Next-w.First) * 100 / (int64(w.Top-w.First) + 1))
}

// Of is how many messages there are to come at most; 0: that is not known.
func (w *Walk) Of() int {
	of := w.Count
	if w.Range.From != (Bound{}) || w.Range.To != (Bound{}) {
		of = 0
	}
	if w.Range.Limit > 0 && (of == 0 || of > w.Range.Limit) {
		of = w.Range.Limit
	}
	return of
}
