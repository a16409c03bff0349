package updates

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl/codec"
)

// publisher gathers what one call to the machine has to put out.
type publisher struct {
	*env
	ledger   *ledger
	read     reader
	mentions mentions

	gathered
	asked  []Output // fetches, and what could not be read
	lastID FetchID

	out   []Output
	taken int // of out
}

// gathered is what becomes the batches of one call.
type gathered struct {
	items   []Item
	stored  int      // of items: not live
	whole   bool     // the state moves with the last item
	ends    *endings // where the difference ends that the items are of, for those that do not fit into one batch
	refs    [][]byte
	tokens  []uint64 // may go at once
	release []uint64 // may go once the items are stored
}

// next is the next output.
func (p *publisher) next() (Output, bool) {
	if p.taken == len(p.out) {
		clear(p.out)
		p.out, p.taken = p.out[:0], 0
		return nil, false
	}
	p.taken++
	return p.out[p.taken-1], true
}

// fetch asks for a call; an error means that the schema does not have it.
func (p *publisher) fetch(b Box, method string, call codec.M, background bool) (FetchID, error) {
	call["_"] = method
	query, err := p.rules.s.Encode(nil, call)
	if err != nil {
		return 0, err
	}
	p.lastID++
	p.asked = append(p.asked, &Fetch{ID: p.lastID, Query: query, Method: method, Box: b, Background: background})
	return p.lastID, nil
}

func (p *publisher) unreadable(b Box, err error) {
	p.asked = append(p.asked, &Unreadable{Box: b, Err: err})
}

// expect makes room for n more items at once.
func (p *publisher) expect(n int) { p.items = slices.Grow(p.items, n) }

// emit adds an update to the batch. What it returns is good until the next one.
func (p *publisher) emit(c *container, u codec.View, rule *rule) *Item {
	l := p.read.look(u)
	it := Item{Update: u.Raw(), Name: rule.name, Peer: peerOf(l, rule.peers), Date: dateOf(l, rule, c), Live: rule.live, About: aboutOf(l, rule)}
	return p.add(c, it, it.Update)
}

// add adds an item; about is the TL whose users and chats go with it.
func (p *publisher) add(c *container, it Item, about []byte) *Item {
	it.Origin, it.Era = c.meta.Origin, p.ledger.state.Era
	it.Users, it.Chats = p.mentioned(c, about)
	p.items = append(p.items, it)
	if !it.Live {
		p.stored++
	}
	return &p.items[len(p.items)-1]
}

func (p *publisher) mentioned(c *container, about []byte) (users, chats [][]byte) {
	all := c.entities()
	if len(all) == 0 || about == nil {
		return nil, nil
	}
	found := p.mentions.find(p.rules.ids, about, all)
	return p.pick(all, found, true), p.pick(all, found, false)
}

// pick takes slices off one large one, which the driver owns together with the items.
func (p *publisher) pick(all []entity, found []int, users bool) [][]byte {
	start := len(p.refs)
	for _, i := range found {
		if (all[i].kind == PeerUser) == users {
			p.refs = append(p.refs, all[i].raw)
		}
	}
	if len(p.refs) == start {
		return nil
	}
	return p.refs[start:len(p.refs):len(p.refs)]
}

// dateOf is when it happened, as far as the update tells.
func dateOf(u *looked, rule *rule, c *container) int {
	if rule.message != "" {
		message := u.inner(rule.message)
		if date := int(message.Int("edit_date")); date != 0 && strings.Contains(rule.name, "Edit") {
			return date
		}
		if date := int(message.Int("date")); date != 0 {
			return date
		}
	}
	if date := int(u.Int("date")); date != 0 {
		return date
	}
	return c.date
}

// flush turns what was gathered into outputs. Active are the channels at work.
func (p *publisher) flush(active []*box) {
	if len(p.tokens) > 0 {
		p.out = append(p.out, &Release{Tokens: p.tokens})
	}
	if most := p.c.MaxBatch; len(p.items) > most {
		p.describeParts(p.items[:(len(p.items)-1)/most*most])
	}
	tail := p.ledger.batchState(p.stored > 0, active)
	if p.stored > 0 {
		last := p.lastStored()
		last.State = joinState(last.State, string(tail))
	}
	p.batches(string(tail))
	p.out = append(p.out, p.asked...)
	p.gathered, p.asked = gathered{}, p.asked[:0]
}

func (p *publisher) lastStored() *Item {
	for i := len(p.items) - 1; ; i-- {
		if !p.items[i].Live {
			return &p.items[i]
		}
	}
}

// batches cuts the items into batches.
func (p *publisher) batches(tail string) {
	if len(p.items) == 0 {
		if tail != "" || len(p.release) > 0 {
			p.out = append(p.out, &Batch{State: tail, Release: p.release})
		}
		return
	}
	most := p.c.MaxBatch
	for len(p.items) > most {
		p.out = append(p.out, newBatch(p.items[:most:most], p.whole, nil, ""))
		p.items = p.items[most:]
	}
	if p.stored > 0 {
		tail = "" // the last item has it
	}
	p.out = append(p.out, newBatch(p.items, p.whole, p.release, tail))
}

func newBatch(items []Item, whole bool, release []uint64, tail string) *Batch {
	b := &Batch{Items: items, Release: release}
	var last string
	stored, size := 0, len(tail)
	for i := range items {
		if !items[i].Live {
			stored++
		}
		if items[i].State != "" {
			last, size = items[i].State, size+len(items[i].State)+1
		}
	}
	b.Whole = whole && stored > 1
	if b.State = joinState(last, tail); size > len(last)+len(tail)+1 {
		b.State = joinStates(items, size, tail)
	}
	return b
}

func joinState(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ";" + b
}

func joinStates(items []Item, size int, tail string) string {
	all := make([]byte, 0, size)
	for i := range items {
		if s := items[i].State; s != "" {
			all = append(append(all, s...), ';')
		}
	}
	return strings.TrimSuffix(string(append(all, tail...)), ";")
}

// describeParts says of items whose state moves with a later batch what they are, for when that is never stored. Updates in
// none box count as the common box's: its difference brings them again.
func (p *publisher) describeParts(items []Item) {
	if !p.whole {
		return
	}
	var boxes []Box
	for i := range items {
		it := &items[i]
		if it.State != "" || it.Live {
			continue
		}
		at := ending{box: Box{Kind: Common}}
		if p.ends != nil {
			at = *p.ends.at(it.Box)
		}
		it.State = string(appendItemOfPart(nil, &at, it.Index, p.rules.key(it.Update)))
		if !slices.Contains(boxes, at.box) {
			boxes = append(boxes, at.box)
		}
	}
	for _, b := range boxes {
		if p.ledger.state.partial(b) == nil { // else it ends with the difference
			p.ledger.writePartialEnd(b)
		}
	}
}
