// Package index knows which chat each of an account's newest messages is in, by the ids of the common box: Telegram tells of
// deletions there by nothing but these ids (updateDeleteMessages).
//
// Ids of a common box are given without holes, to whatever chat a message goes. So the index is an array in pages, of which the
// newest [Pages] are kept, in some 2 bytes a message.
package index

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/natsgram/natsgram/subjects"
)

const (
	// PageSize is how many ids a page has: fewer than there are bytes, so that a byte tells all chats of a page apart, and none.
	PageSize = 128
	// Pages is how many pages are kept: the newest 131,072 ids.
	Pages = 1024
)

// Chat is a user or a basic group. The zero Chat is not known.
type Chat struct {
	Kind subjects.Kind
	ID   int64
}

// Index is which message is in which chat. It is safe for concurrent use.
type Index struct {
	mu        sync.Mutex
	pages     map[int]*page  // by their number modulo Pages
	forgotten map[int64]bool // chats, as pages have them
}

// page is which of PageSize ids are in which chat.
type page struct {
	number  int
	chats   []int64 // users; groups by the negative of their ids
	of      [PageSize]uint8
	changed bool // since it was given to be saved
}

// New is an index that knows nothing.
func New() *Index { return &Index{pages: map[int]*page{}, forgotten: map[int64]bool{}} }

// Put notes the chat of a message. What is older than all that there is room for is not noted.
func (x *Index) Put(id int, c Chat) { x.put(id, c, false) }

// PutOld is Put of a message that was read back: of a chat that was forgotten since the index was made nothing is noted.
func (x *Index) PutOld(id int, c Chat) { x.put(id, c, true) }

func (x *Index) put(id int, c Chat, old bool) {
	n, ok := number(c)
	if id <= 0 || !ok {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if old && x.forgotten[n] {
		return
	}
	slot, at := id/PageSize%Pages, id/PageSize
	p := x.pages[slot]
	switch {
	case p == nil || p.number < at:
		p = &page{number: at}
		x.pages[slot] = p
	case p.number > at:
		return
	}
	p.put(id%PageSize, n)
}

func (p *page) put(i int, chat int64) {
	if was := p.of[i]; was > 0 && p.chats[was-1] == chat {
		return
	}
	k := slices.Index(p.chats, chat)
	if k < 0 {
		if len(p.chats) >= PageSize { // messages do not change their chat: never
			return
		}
		k = len(p.chats)
		p.chats = append(p.chats, chat)
	}
	p.of[i], p.changed = uint8(k+1), true
}

// Chat is the chat of a message, the zero one where that is not known.
func (x *Index) Chat(id int) Chat {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.pages[id/PageSize%Pages]
	if id <= 0 || p == nil || p.number != id/PageSize || p.of[id%PageSize] == 0 {
		return Chat{}
	}
	return chatOf(p.chats[p.of[id%PageSize]-1])
}

// Forget takes a chat out: of its messages it is not known any more where they are, nor is it found out by reading back.
func (x *Index) Forget(c Chat) {
	n, ok := number(c)
	if !ok {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forgotten[n] = true
	for _, p := range x.pages {
		p.forget(n)
	}
}

func (p *page) forget(chat int64) {
	k := slices.Index(p.chats, chat)
	if k < 0 {
		return
	}
	p.chats, p.changed = slices.Delete(p.chats, k, k+1), true
	for i, of := range p.of {
		switch {
		case int(of) == k+1:
			p.of[i] = 0
		case int(of) > k+1:
			p.of[i]--
		}
	}
}

// number is a chat as pages have it.
func number(c Chat) (n int64, ok bool) {
	switch {
	case c.ID <= 0:
		return 0, false
	case c.Kind == subjects.User:
		return c.ID, true
	case c.Kind == subjects.Chat:
		return -c.ID, true
	}
	return 0, false
}

func chatOf(n int64) Chat {
	if n < 0 {
		return Chat{subjects.Chat, -n}
	}
	return Chat{subjects.User, n}
}

// Empty reports whether nothing is known.
func (x *Index) Empty() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.pages) == 0
}

// Saved is a page as it is kept. There is room for Pages of them: a newer one takes the slot of one that was given up.
type Saved struct {
	Slot int
	Body []byte
	page *page
}

// Changed are the pages that are to be saved.
func (x *Index) Changed() (all []Saved) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for slot, p := range x.pages {
		if p.changed {
			p.changed = false
			all = append(all, Saved{slot, p.append(nil), p})
		}
	}
	return all
}

// Failed notes that pages were not saved.
func (x *Index) Failed(all []Saved) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range all {
		s.page.changed = true
	}
}

// Lost notes that nothing is saved any more.
func (x *Index) Lost() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.pages {
		p.changed = true
	}
}

// ErrPage says that a saved page cannot be read.
var ErrPage = errors.New("not a page of the index of messages")

// Load takes in a page that was saved. What is noted of later messages stays.
func (x *Index) Load(body []byte) error {
	p, err := parse(body)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	slot := p.number % Pages
	if old := x.pages[slot]; old == nil || old.number < p.number {
		x.pages[slot] = p
	}
	return nil
}

// version is the first byte of a saved page.
const version = 1

// append writes a page: its number, how many chats it has, these, and for each id which of them.
func (p *page) append(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, version), uint64(p.number)) //nolint:gosec // not negative
	dst = binary.AppendUvarint(dst, uint64(len(p.chats)))
	for _, c := range p.chats {
		dst = binary.AppendVarint(dst, c)
	}
	return append(dst, p.of[:]...)
}

// maxID is the highest id that there can be: ids are ints of TL.
const maxID = 1<<31 - 1

func parse(body []byte) (*page, error) {
	r := reader{rest: body}
	first, number, chats := r.byte(), r.uvarint(), r.uvarint()
	if r.bad || first != version || number > maxID/PageSize || chats > PageSize {
		return nil, ErrPage
	}
	p := &page{number: int(number)}
	for range chats {
		p.chats = append(p.chats, r.varint())
	}
	if r.bad || len(r.rest) != PageSize || slices.Contains(p.chats, 0) {
		return nil, ErrPage
	}
	for i, k := range r.rest {
		if int(k) > len(p.chats) {
			return nil, ErrPage
		}
		p.of[i] = k
	}
	return p, nil
}

// reader reads numbers off a page until one is bad.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) byte() (b byte) {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b, r.rest = r.rest[0], r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.bad = true
		return
	}
	r.rest = r.rest[n:]
}
