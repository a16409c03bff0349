package world

import (
	"cmp"
	"maps"
	"slices"
)

// Marks are what a user has set of its conversations.
type Marks struct {
	Pinned  map[int][]Peer // by folder, the uppermost first
	Folder  map[Peer]int   // 1: the archive; none: the list itself
	Unread  map[Peer]bool  // marked so by hand
	Drafts  map[Peer]any   // passed through
	Notify  map[Peer]any   // the same
	Filters []any          // folders that show conversations by rules, passed through
}

func (m *Marks) clone() Marks {
	c := Marks{
		Pinned: map[int][]Peer{}, Folder: maps.Clone(m.Folder), Unread: maps.Clone(m.Unread), Drafts: maps.Clone(m.Drafts), Notify: maps.Clone(m.Notify),
		Filters: slices.Clone(m.Filters),
	}
	for folder, order := range m.Pinned {
		c.Pinned[folder] = slices.Clone(order)
	}
	return c
}

func newMarks() Marks {
	return Marks{Pinned: map[int][]Peer{}, Folder: map[Peer]int{}, Unread: map[Peer]bool{}, Drafts: map[Peer]any{}, Notify: map[Peer]any{}}
}

// Pin puts a conversation at the top of its folder, or takes it from there.
func (m *Marks) Pin(p Peer, on bool) {
	folder := m.Folder[p]
	m.Pinned[folder] = slices.DeleteFunc(m.Pinned[folder], func(have Peer) bool { return have == p })
	if on {
		m.Pinned[folder] = slices.Insert(m.Pinned[folder], 0, p)
	}
}

// Marks are those of a user.
func (w *World) Marks(id int64) Marks {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if u := w.users[id]; u != nil {
		return u.marks.clone()
	}
	return newMarks()
}

// Mark changes marks, and tells the user's devices by an update that is handed in, numbered by seq.
func (w *World) Mark(id int64, change func(*Marks), update, origin any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[id]
	if u == nil {
		return refuse("USER_ID_INVALID")
	}
	change(&u.marks)
	w.pushRaw(u, BySeq, origin, update)
	return nil
}

// Move puts a conversation into another folder, where it is not pinned. The event tells the pts after it.
func (w *World) Move(id int64, p Peer, folder int, origin any) (Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[id]
	if u == nil {
		return Event{}, refuse("USER_ID_INVALID")
	}
	if u.marks.Folder[p] != folder {
		u.marks.Pin(p, false)
	}
	if u.marks.Folder[p] = folder; folder == 0 {
		delete(u.marks.Folder, p)
	}
	return w.record(u, Event{What: Moved, Body: []any{p}, MaxID: folder}, 1, w.stamp(), id, origin), nil
}

// sort puts conversations in the order of a list: pinned ones as the user has ordered them, then the last spoken in first.
func (m *Marks) sort(all []Dialog) {
	place := func(d Dialog) int {
		if i := slices.Index(m.Pinned[d.Folder], d.Peer); i >= 0 {
			return i
		}
		return len(all)
	}
	slices.SortStableFunc(all, func(a, b Dialog) int {
		if i, j := place(a), place(b); i != j {
			return i - j
		}
		dateA, idA := a.Place()
		dateB, idB := b.Place()
		return cmp.Or(dateB-dateA, idB-idA)
	})
}

// mark fills in what the user has set of a conversation.
func (m *Marks) mark(d Dialog) Dialog {
	d.Folder, d.UnreadMark, d.Draft, d.Notify = m.Folder[d.Peer], m.Unread[d.Peer], m.Drafts[d.Peer], m.Notify[d.Peer]
	d.Pinned = slices.Contains(m.Pinned[d.Folder], d.Peer)
	return d
}
