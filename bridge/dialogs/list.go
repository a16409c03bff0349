package dialogs

import (
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// list is where the list of all dialogs stands.
type list struct {
	wanted bool // it is not known which dialogs there are, or which are pinned
	asked  bool // that is being asked for
}

// Listing is a list of all dialogs as it is being read.
type Listing struct {
	f       *Fold
	seen    map[updates.Peer]bool
	pinned  map[int][]updates.Peer
	changes int // of what is pinned, when it began
	began   time.Time
	newest  int // when it began
	left    int // dialogs that Telegram counts, and does not list
}

// Listing begins to read the list.
func (f *Fold) Listing(now time.Time) *Listing {
	f.list = list{asked: true}
	return &Listing{f: f, seen: map[updates.Peer]bool{}, pinned: map[int][]updates.Peer{}, changes: f.pins.changes, began: now, newest: f.newest.id}
}

// Pinned takes the pinned dialogs of a folder, in their order: a messages.PeerDialogs.
func (l *Listing) Pinned(folder int, v codec.View) {
	l.pinned[folder] = []updates.Peer{}
	for one := range v.Objects("dialogs") {
		if one.Name() == "dialog" {
			l.pinned[folder] = append(l.pinned[folder], chatOf(one))
		}
	}
	l.Page(v)
}

// Page takes dialogs of the list.
func (l *Listing) Page(v codec.View) {
	for one := range v.Objects("dialogs") {
		if one.Name() != "dialog" {
			continue
		}
		p := chatOf(one)
		l.seen[p] = true
		l.f.newest.see(p, int(one.Int("top_message")))
		l.compare(p, one)
	}
}

// Left notes how many more dialogs Telegram counts in a folder than it has listed. It may count those that are pinned too.
func (l *Listing) Left(folder, n int) { l.left += max(n-len(l.pinned[folder]), 0) }

// compare doubts a dialog that is in the list as it is not known.
func (l *Listing) compare(p updates.Peer, v codec.View) {
	d := l.f.table.of[p]
	switch {
	case d == nil:
		l.f.table.add(p)
	case d.base != nil && !d.stale:
		is := dialog{peer: p}
		v, _, err := l.f.form.clean(v.Raw())
		if err == nil {
			is.read(v, d.date)
		}
		if err == nil && is.same(d) {
			d.since = l.began
		} else {
			l.f.table.doubt(d)
		}
	}
}

// Done ends the list. Dialogs that are not in it are doubted. Where updates have changed meanwhile what is pinned, all is asked anew.
func (l *Listing) Done() {
	f := l.f
	f.list.asked, f.unlisted = false, l.left
	for _, folder := range slices.Sorted(maps.Keys(l.pinned)) {
		f.pins.set(folder, l.pinned[folder])
	}
	f.pins.since, f.newest.listed = l.began, l.newest
	if l.changes != f.pins.changes {
		f.Relist()
	} else {
		f.pins.listed()
	}
	for _, d := range f.table.all {
		if d.missing = !l.seen[d.peer] && l.left == 0; !l.seen[d.peer] {
			f.table.doubt(d)
		}
	}
}
