package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// Pages goes through a list of dialogs: of what stands on a page (messages.Dialogs) it tells where the next one begins. It is a machine: its
// caller asks for the page at [Pages.Next], and hands in the answer, until there is none.
//
// A page ends where its last dialog stands, by the date and the id of its newest message, and by its peer. Of some dialogs no date is known: they
// have no message, or the page lacks it, or the date is none by which they are ordered. Such a page ends behind the last dialog of which it is
// known, at the peer of the last; or, if that brings nothing new, at the last that is known, and then by date and id alone. So the list is read
// to its end as long as Telegram goes by any of these, and never without end: each page has a dialog that was on none before, or stands
// further down, or uses up one of these three.
type Pages struct {
	seen  map[Peer]bool
	known Offset   // where the last dialog of the pages so far stands whose place is known
	next  []Offset // where the next page may begin, the likeliest first
	count int      // of dialogs, as Telegram has it
	whole bool     // there are no others, as Telegram says
}

// Offset is where a page of dialogs begins: behind a message in a chat, whose peer may not be known. The zero one is the top.
type Offset struct {
	Date, ID int
	Peer     Peer
}

// NewPages begins at the top.
func NewPages() *Pages { return &Pages{seen: map[Peer]bool{}, next: []Offset{{}}} }

// Next is where the next page begins. ok is false where the last one was the last.
func (p *Pages) Next() (at Offset, ok bool) {
	if len(p.next) == 0 {
		return Offset{}, false
	}
	return p.next[0], true
}

// Refused notes that there is no page at the offset, as Telegram does not take it, or nobody can name its peer. It reports whether there
// is another one.
func (p *Pages) Refused() (more bool) {
	p.next = p.next[1:]
	return len(p.next) > 0
}

// Take takes the page at the offset. Dialogs that are pinned stand at the top, whatever their place is.
func (p *Pages) Take(v codec.View) {
	tried := p.next[0]
	p.next = p.next[1:]
	if v.Name() != "messages.dialogsSlice" {
		p.whole, p.next = true, nil
		return
	}
	p.count = int(v.Int("count"))
	news, last, known := p.read(v)
	switch {
	case news || known.below(p.known):
		if known != (Offset{}) {
			p.known = known
		}
		p.next = nil
		for _, at := range []Offset{{p.known.Date, p.known.ID, last}, p.known, {p.known.Date, p.known.ID, Peer{}}} {
			if at != tried && at != (Offset{}) && !slices.Contains(p.next, at) {
				p.next = append(p.next, at)
			}
		}
	case p.Left() == 0:
		p.next = nil
	}
}

// read reads whether there are dialogs on a page that were on none before, which is its last, and where the last stands whose place is known.
func (p *Pages) read(v codec.View) (news bool, last Peer, known Offset) {
	dates := datesOf(v)
	for d := range v.Objects("dialogs") {
		peer, _ := d.Object("peer")
		in := peerValue(peer)
		if d.Name() != "dialog" || in.ID == 0 {
			continue
		}
		news = news || !p.seen[in]
		p.seen[in] = true
		if d.Bool("pinned") {
			continue
		}
		last = in
		at := Offset{ID: int(d.Int("top_message")), Peer: in}
		if at.Date = dates[at]; at.Date > 0 {
			known = at
		}
	}
	return news, last, known
}

// Left is how many more dialogs Telegram counts than were on the pages.
func (p *Pages) Left() int {
	if p.whole {
		return 0
	}
	return max(p.count-len(p.seen), 0)
}

// below reports whether an offset is known to be further down in the list.
func (o Offset) below(other Offset) bool {
	return o.Date > 0 && (o.Date < other.Date || o.Date == other.Date && o.ID < other.ID)
}

// datesOf are the dates of a page's messages, by where they are. What is written to a channel's administrators, in a chat of its own, tells nothing: that
// stands where the channel does.
func datesOf(v codec.View) map[Offset]int {
	aside := map[Peer]bool{}
	for c := range v.Objects("chats") {
		if c.Bool("monoforum") {
			aside[Peer{PeerChannel, c.Int("id")}] = true
		}
	}
	all := map[Offset]int{}
	for m := range v.Objects("messages") {
		peer, _ := m.Object("peer_id")
		if in := peerValue(peer); !aside[in] {
			all[Offset{ID: int(m.Int("id")), Peer: in}] = int(m.Int("date"))
		}
	}
	return all
}
