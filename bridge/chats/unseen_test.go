package chats

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// unseen is what happens of which no update tells, or none that surely arrives: it is known once the list was gone through since.
type unseen struct {
	recent  []happened // while the account was connected: what of it was on its way when a daemon ended is lost
	chats   map[updates.Peer]*hidden
	pinned  *hidden // which dialogs are, and in which order; nil: all of it was told
	folders *hidden
	offline bool // nobody may be connected
}

// happened is one thing.
type happened struct {
	at            time.Time
	in            updates.Peer
	pins, folders bool
}

// hidden is the last of such things in one place.
type hidden struct {
	at   time.Time
	from uint64 // the record of TG_STATE from which on it is known; 0: it is not known yet
}

// onItsWay is how long an update may take.
const onItsWay = 10 * time.Second

// happens notes one.
func (u *unseen) happens(one happened) {
	one.at = time.Now()
	if u.offline {
		u.hide(one)
	} else {
		u.recent = append(u.recent, one)
	}
}

// cut notes that what was on its way may not have arrived, and that from now on nothing arrives.
func (u *unseen) cut() {
	u.offline = true
	for _, one := range u.recent {
		if time.Since(one.at) < onItsWay {
			u.hide(one)
		}
	}
	u.recent = nil
}

func (u *unseen) hide(one happened) {
	if one.in.ID != 0 {
		u.chats[one.in] = &hidden{at: one.at}
	}
	if one.pins {
		u.pinned = &hidden{at: one.at}
	}
	if one.folders {
		u.folders = &hidden{at: one.at}
	}
}

// listed notes that the list was gone through from then on, and that what it told is in the records up to one.
func (u *unseen) listed(began time.Time, record uint64) {
	all := []*hidden{u.pinned, u.folders}
	for _, h := range u.chats {
		all = append(all, h)
	}
	for _, h := range all {
		if h != nil && h.from == 0 && began.After(h.at) {
			h.from = record
		}
	}
}

// knows reports whether who has read the records up to one can know of it.
func (h *hidden) knows(record uint64) bool { return h == nil || h.from != 0 && record >= h.from }

// listed finds out what the list has told, when all has come to rest. Who joins folds in what the keeper was not told of yet on top of what the
// list has told: where that had come before the list was asked for, it may be the older of the two.
func (m *model) listed() {
	k := m.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fold == nil || !k.fold.Complete() || k.fold.Dirty() || k.rounds.wanted || k.rounds.last.IsZero() {
		return
	}
	began := k.rounds.began
	for _, e := range m.streams.behind(k.fold.Seq(), 1<<60) {
		if e.tell && e.fact.At.Before(began) {
			return
		}
	}
	m.streams.mu.Lock()
	defer m.streams.mu.Unlock()
	m.unseen.listed(began, m.streams.seq)
}
