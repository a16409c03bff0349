package dialogs

import (
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// pins are the pinned chats of each folder.
type pins struct {
	order   map[int][]updates.Peer // the uppermost first
	changes int                    // how often updates have changed them
	since   time.Time              // when the list was asked for that was read last: what had come by then is in it
	told    func(updates.Peer)     // is told of a chat that has another place
	named   map[updates.Peer]bool  // chats that updates about pins have named since the list was read
	moved   map[updates.Peer]bool  // chats that were moved to another folder since
}

// place is where a chat is in a folder, from 1; 0: it is not pinned there.
func (p *pins) place(folder int, chat updates.Peer) int {
	return slices.Index(p.order[folder], chat) + 1
}

// set sets which chats are pinned in a folder, in their order.
func (p *pins) set(folder int, order []updates.Peer) {
	before := p.order[folder]
	p.order[folder] = order
	for _, list := range [][]updates.Peer{before, order} {
		for _, chat := range list {
			if slices.Index(before, chat) != slices.Index(order, chat) {
				p.told(chat)
			}
		}
	}
}

// pin pins a chat at the top of a folder, or not any more, because an update says so.
func (p *pins) pin(chat updates.Peer, folder int, on bool) {
	p.changes++
	order := without(p.order[folder], chat)
	if on {
		order = slices.Insert(order, 0, chat)
	}
	p.set(folder, order)
}

func without(order []updates.Peer, chat updates.Peer) []updates.Peer {
	return slices.DeleteFunc(slices.Clone(order), func(have updates.Peer) bool { return have == chat })
}

// crossed notes in one of the two that an update is about a chat, and reports whether the chat is in the other: which of the two updates is the
// older one is not known then. Moves come in differences, pins do not, and who was away gets them in this order, whatever happened first.
func crossed(one, other map[updates.Peer]bool, chat updates.Peer) bool {
	one[chat] = true
	return other[chat]
}

// listed notes that a list was read behind all that is known.
func (p *pins) listed() {
	clear(p.named)
	clear(p.moved)
}

// noFolder is none: a dialog that is gone is pinned nowhere.
const noFolder = -1

// remove takes a chat out of all folders but one.
func (p *pins) remove(chat updates.Peer, but int) {
	for _, folder := range slices.Sorted(maps.Keys(p.order)) {
		if order := p.order[folder]; folder != but && slices.Contains(order, chat) {
			p.set(folder, without(order, chat))
		}
	}
}
