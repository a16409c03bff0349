package updates

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

// shelf is a list of dialogs at a Telegram, which goes by some of what an offset says.
type shelf struct {
	s     *codec.Schema
	all   []standing
	page  int
	go_   manner
	asked int
}

// standing is a dialog in the list.
type standing struct {
	peer     Peer
	date, id int  // where it stands
	dateless bool // the page does not say
	aside    bool // its newest message is older than where it stands
}

// manner is what an offset is taken for.
type manner int

const (
	byPeer     manner = iota // behind the peer, where there is one
	byPlace                  // behind the date and id, whatever the peer
	fromTop                  // an offset with a peer is none
	refusesAll               // an offset with a peer is refused
	refusesHim               // one with a peer that has no message
	manners
)

func (o Offset) of(one standing) bool { return o.Peer == one.peer }

// from is where the page at an offset begins; -1: it is refused.
func (x *shelf) from(at Offset) int {
	peer := slices.IndexFunc(x.all, at.of)
	switch {
	case at == (Offset{}):
		return 0
	case x.go_ == fromTop && at.Peer.ID != 0:
		return 0
	case x.go_ == refusesAll && at.Peer.ID != 0, x.go_ == refusesHim && peer >= 0 && x.all[peer].dateless:
		return -1
	case x.go_ == byPeer && peer >= 0:
		return peer + 1
	}
	i := slices.IndexFunc(x.all, func(one standing) bool { return (Offset{Date: one.date, ID: one.id}).below(at) })
	if i < 0 {
		return len(x.all)
	}
	return i
}

func (x *shelf) answer(t *testing.T, from int) codec.View {
	t.Helper()
	dialogs, messages, chats := []codec.M{}, []codec.M{}, []codec.M{}
	for _, one := range x.all[from:min(from+x.page, len(x.all))] {
		peer, date, top := codec.M{"_": "peerChannel", "channel_id": one.peer.ID}, one.date, one.id
		switch {
		case one.aside:
			date = 1
		case one.dateless && top%2 == 0: // else the page lacks the message
			top = 0
		}
		dialogs = append(dialogs, codec.M{"_": "dialog", "peer": peer, "top_message": top, "read_inbox_max_id": 0, "read_outbox_max_id": 0,
			"unread_count": 0, "unread_mentions_count": 0, "unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": codec.M{"_": "peerNotifySettings"}})
		chats = append(chats, codec.M{"_": "channel", "id": one.peer.ID, "title": "x", "photo": codec.M{"_": "chatPhotoEmpty"}, "date": 1, "monoforum": one.aside})
		if !one.dateless {
			messages = append(messages, codec.M{"_": "message", "id": top, "peer_id": peer, "date": date, "message": "x"})
		}
	}
	b, err := x.s.Encode(nil, codec.M{"_": "messages.dialogsSlice", "count": len(x.all), "dialogs": dialogs, "messages": messages, "chats": chats, "users": []codec.M{}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.s.View(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// read goes through the list, and gives what was on its pages.
func (x *shelf) read(t *testing.T) *Pages {
	p := NewPages()
	for at, ok := p.Next(); ok; at, ok = p.Next() {
		x.asked++
		if from := x.from(at); from >= 0 {
			p.Take(x.answer(t, from))
		} else if !p.Refused() {
			break
		}
		if x.asked > 10*len(x.all)+10 {
			t.Fatal("it does not end")
		}
	}
	return p
}

// shelfOf is a list of n dialogs, of which about one in m has no message and one in m stands where its message does not, and the longest run
// of those.
func shelfOf(r *rand.Rand, n, m int) (all []standing, run int) {
	for i := range n {
		one := standing{peer: Peer{PeerChannel, int64(1 + i)}, date: 1000 + r.IntN(2*n), id: 1 + r.IntN(9), dateless: r.IntN(m) == 0}
		one.aside = !one.dateless && r.IntN(m) == 0
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b standing) int { return cmp.Or(b.date-a.date, b.id-a.id, int(a.peer.ID-b.peer.ID)) })
	all = slices.CompactFunc(all, func(a, b standing) bool { return a.date == b.date && a.id == b.id }) // nobody could tell which of the two was the last
	now := 0
	for i := range all {
		if now++; !all[i].dateless && !all[i].aside {
			now = 0
		}
		run = max(run, now)
	}
	return all, run
}

// Each dialog of a list is on a page, whatever stands on the pages and whichever part of an offset Telegram goes by. Where it goes by the
// date alone nothing leads past a page without any.
func TestPages(t *testing.T) {
	s, _ := apitest.Layer()
	reached := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		all, run := shelfOf(r, r.IntN(60), 1+r.IntN(5))
		x := &shelf{s: s, all: all, page: 1 + r.IntN(8), go_: manner(r.IntN(int(manners)))}
		p := x.read(t)
		what := fmt.Sprintf("seed %d: manner %d, pages of %d, %d in a row without a date", seed, x.go_, x.page, run)
		if x.go_ == byPeer || run < x.page {
			reached++
			if len(p.seen) != len(all) || p.Left() != 0 {
				t.Errorf("%s: %d of %d, %d left", what, len(p.seen), len(all), p.Left())
			}
		}
		if p.Left() != len(all)-len(p.seen) {
			t.Errorf("%s: %d of %d, and %d are said to be left", what, len(p.seen), len(all), p.Left())
		}
		if most := 4 * (len(all)/x.page + 2) * (run + 1); x.asked > most {
			t.Errorf("%s: %d dialogs, asked %d times", what, len(all), x.asked)
		}
		if x.go_ == byPeer && run == 0 && x.asked > len(all)/x.page+2 {
			t.Errorf("%s: %d dialogs, asked %d times", what, len(all), x.asked)
		}
	}
	if reached < 1000 {
		t.Errorf("only %d lists were to be read to the end", reached)
	}
}
