package updates

import (
	"errors"
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// The messages of a hole are fetched from history by their ids, oldest first: the ids of a channel count its messages, and
// those outside of channels count the account's (E12). So one number tells how far it has come, no dialogs need to be
// gone through, and bots may do it too.

const (
	historyPage = 100 // ids in one call: what Telegram takes
	emptyPages  = 3   // in a row, at the end of a hole that has no known end, mean that it is over
)

// filler fetches history, one call at a time.
type filler struct {
	*env
	ledger  *ledger
	out     *publisher
	asker   *asker
	gaps    *gaps
	history *backfiller
	account *diffState
	in      *dispatcher

	retry
	busy       bool  // a call is out
	box        Box   // it asks for, or did last
	ids        []int // it asks for
	empty      int   // pages in a row without a message, at an open end
	unreadable int   // pages in a row
	waiting    *page // for the account's difference
}

// page is an answer that may hold messages which come as updates too: after the next difference that is known.
type page struct {
	box Box
	ids []int
	c   *container
}

// settle asks for the next messages when there is nothing better to do.
func (f *filler) settle() {
	if len(f.ledger.state.Holes) == 0 || f.busy || f.waiting != nil || f.at.After(f.now) || f.in.channels.catchingUp() {
		return
	}
	h := f.next()
	if h == nil {
		return
	}
	if h = f.trim(h); h == nil {
		return
	}
	f.box, f.ids = h.Box, h.first(historyPage)
	list := make([]codec.M, len(f.ids))
	for i, id := range f.ids {
		list[i] = codec.M{"_": "inputMessageID", "id": id}
	}
	method, call := "messages.getMessages", codec.M{"id": list}
	if f.box.Kind == Channel {
		method, call["channel"] = "channels.getMessages", inputChannel(f.box.ID, f.ledger.state.Channels[f.box.ID].AccessHash)
	}
	f.busy = f.asker.ask(f.box, method, "messages.Messages", call, f.answered)
	if !f.busy {
		f.gaps.giveUp(f.in.box(f.box), GapUnreadable)
	}
}

// wake is the sooner of next and when there is history to fetch.
func (f *filler) wake(next time.Time) time.Time {
	if len(f.ledger.state.Holes) == 0 {
		return next
	}
	return f.upcoming(next, f.at)
}

// next is the hole after the last one that can be asked about.
func (f *filler) next() *Hole {
	holes := f.ledger.state.Holes
	from := slices.IndexFunc(holes, func(h Hole) bool { return h.Box == f.box }) + 1
	for i := range holes {
		h := &holes[(from+i)%len(holes)]
		if h.Box.Kind == Common || f.ledger.state.Channels[h.Box.ID].AccessHash != 0 {
			return h
		}
	}
	return nil
}

// trim gives up the oldest of a hole that is larger than the limit.
func (f *filler) trim(h *Hole) *Hole {
	excess := h.size() - f.c.Fill.Messages
	if excess <= 0 {
		return h
	}
	box, low, high := h.Box, h.IDs[0].Low, 0
	for _, r := range h.IDs {
		if r.High-r.Low >= excess {
			high = r.Low + excess
			break
		}
		excess -= r.High - r.Low
	}
	f.gaps.lost(f.in.box(box), Range{low, high}, GapTooMany)
	return f.ledger.state.hole(box)
}

// answered takes an answer to messages.getMessages or channels.getMessages.
func (f *filler) answered(v codec.View, c *container, err error) {
	f.busy = false
	if err == nil && len(c.lost) > 0 && f.unreadable+1 < f.c.MaxUnreadable {
		err = errUnreadable // all of it may be readable after the connection was begun anew (D3)
	}
	if err != nil {
		f.refused(err)
		return
	}
	f.unreadable = 0
	f.ok(f.now.Add(f.pace(f.c.Fill.Pause)))
	h := f.ledger.state.hole(f.box)
	if h == nil {
		return
	}
	if f.box.Kind == Common && h.isOpen() {
		f.waiting = &page{f.box, f.ids, c}
		f.account.want() // what has come since is an update, and ends the hole
		return
	}
	f.publish(page{f.box, f.ids, c})
}

// refused decides whether to try again.
func (f *filler) refused(err error) {
	f.failed(f.env, err)
	switch e := refusal(err); {
	case e.final():
		f.gaps.giveUp(f.in.box(f.box), e.Type)
	case errors.Is(err, errUnreadable):
		f.out.unreadable(f.box, err)
		if f.unreadable++; f.unreadable >= f.c.MaxUnreadable {
			f.unreadable = 0
			f.gaps.giveUp(f.in.box(f.box), GapUnreadable)
		}
	}
}

// caughtUp goes on with a page that had to wait for the difference.
func (f *filler) caughtUp() {
	if p := f.waiting; p != nil {
		f.waiting = nil
		f.publish(*p)
	}
}

// publish publishes what a page holds of its hole. Each item tells how far it has come, so that a batch may be stored in
// part.
func (f *filler) publish(p page) {
	h := f.ledger.state.hole(p.box)
	if h == nil {
		return
	}
	done, n := Range{Low: p.ids[0] - 1}, 0
	for _, message := range f.history.missing(p.c.f.View(), h) {
		if !slices.Contains(p.ids, int(message.Int("id"))) {
			continue // not asked for
		}
		done.High = int(message.Int("id"))
		f.history.publish(p.box, p.c, message, done)
		n++
	}
	done.High = p.ids[len(p.ids)-1]
	if len(p.c.lost) > 0 { // some of the page, in a layer that nobody here has
		n++
		f.gaps.lost(f.in.box(p.box), done, GapUnreadable)
	} else {
		f.ledger.filled(p.box, done)
	}
	f.endOpen(p.box, n, done.High)
}

// endOpen ends a hole without a known end when nothing comes any more.
func (f *filler) endOpen(id Box, n, last int) {
	h := f.ledger.state.hole(id)
	if f.empty++; n > 0 || h == nil || !h.isOpen() {
		f.empty = 0
		return
	}
	if f.empty >= emptyPages {
		f.empty = 0
		f.ledger.filled(id, Range{Low: last})
	}
}
