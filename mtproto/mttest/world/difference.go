package world

// State is where an account's common sequences stand.
type State struct{ Pts, Qts, Seq, Date, Unread int }

// Outcome is the form of a difference.
type Outcome uint8

// The forms a difference can have.
const (
	Empty   Outcome = iota + 1
	Full            // all there is
	Slice           // more remains after State
	TooLong         // too much to tell: go on from State.Pts
)

// Difference is what an account missed (E8).
type Difference struct {
	Outcome  Outcome
	Events   []Event // in order; new messages as they are by now, deleted ones left out
	State    State   // after these events
	Channels []Channel
}

// Limits bound a difference; 0 leaves a bound out.
type Limits struct {
	Page    int // events in one answer, by their counts
	TooLong int // beyond so many the answer is TooLong
}

// State is the account's present state. Asking for it means to know everything up to here.
func (w *World) State(id int64) State {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[id]
	if u == nil {
		return State{}
	}
	return w.state(u)
}

func (w *World) state(u *user) State {
	s := State{Pts: u.box.pts, Qts: u.qts, Seq: u.seq, Date: w.cover()}
	for _, d := range u.dialogs {
		s.Unread += d.unread
	}
	return s
}

// Difference is what happened to the account after the state the client is in. A state from the future is refused
// with PERSISTENT_TIMESTAMP_INVALID (E15).
func (w *World) Difference(id int64, since State, l Limits) (Difference, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[id]
	if u == nil || since.Pts > u.box.pts || since.Pts < 0 {
		return Difference{}, refuse("PERSISTENT_TIMESTAMP_INVALID")
	}
	behind := u.box.pts - since.Pts
	if since.Pts < u.box.begin || l.TooLong > 0 && behind > l.TooLong {
		return Difference{Outcome: TooLong, State: w.state(u)}, nil
	}
	page := l.Page
	if page == 0 {
		page = behind + 1
	}
	events, all := u.box.after(since.Pts, page)
	if !all {
		last := events[len(events)-1]
		s := State{Pts: last.Pts, Qts: since.Qts, Seq: u.seq, Date: since.Date}
		return Difference{Outcome: Slice, Events: present(events, u.shelf), State: s}, nil
	}
	d := Difference{Outcome: Full, Events: present(events, u.shelf)}
	for _, e := range u.qtsLog {
		if e.Qts > since.Qts {
			d.Events = append(d.Events, e)
		}
	}
	for _, e := range u.seqLog {
		if e.Date > since.Date {
			d.Events = append(d.Events, e)
		}
	}
	for _, c := range u.joined {
		if c := w.channels[c]; c.mark > since.Date {
			d.Channels = append(d.Channels, c.snapshot())
		}
	}
	if len(events) == 0 && len(d.Events) == 0 && len(d.Channels) == 0 {
		d.Outcome = Empty
	}
	d.State = w.state(u)
	return d, nil
}

// present shows events as a difference does: messages as they are by now.
func present(events []Event, s shelf) []Event {
	kept := events[:0]
	for _, e := range events {
		if e.Msg != nil {
			if e.Msg = s.get(e.Msg.ID); e.Msg == nil {
				continue
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// ChannelDifference is what a user missed of a channel (E11, E12).
type ChannelDifference struct {
	Outcome Outcome
	Events  []Event
	Channel Channel
	Pts     int        // after these events
	Newest  []*Message // with TooLong: the newest, newest first
}

// ChannelDifference is what happened in a channel after pts. Slice: more remains.
func (w *World) ChannelDifference(viewer, channelID int64, pts int, l Limits) (ChannelDifference, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	c, err := w.visible(viewer, channelID)
	if err != nil {
		return ChannelDifference{}, err
	}
	if pts < 1 {
		return ChannelDifference{}, refuse("PERSISTENT_TIMESTAMP_EMPTY")
	}
	if pts > c.box.pts {
		return ChannelDifference{}, refuse("PERSISTENT_TIMESTAMP_INVALID")
	}
	d := ChannelDifference{Channel: c.snapshot(), Pts: c.box.pts}
	behind := c.box.pts - pts
	switch {
	case behind == 0:
		d.Outcome = Empty
	case pts < c.box.begin || l.TooLong > 0 && behind > l.TooLong:
		d.Outcome, d.Newest = TooLong, c.shelf.newest(max(l.Page, 1))
	default:
		page := l.Page
		if page == 0 {
			page = behind
		}
		events, all := c.box.after(pts, page)
		d.Outcome = Full
		if !all {
			d.Outcome = Slice
		}
		d.Pts = events[len(events)-1].Pts
		d.Events = present(events, c.shelf)
	}
	return d, nil
}

func (s *shelf) newest(n int) (found []*Message) {
	for i := len(s.all) - 1; i >= 0 && len(found) < n; i-- {
		if s.all[i] != nil {
			found = append(found, s.all[i])
		}
	}
	return found
}
