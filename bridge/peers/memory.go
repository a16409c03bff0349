package peers

import (
	"time"

	"github.com/natsgram/natsgram/subjects"
)

// key is a peer in eight bytes: a directory may hold a great many.
type key uint64

func keyOf(p peer) key {
	k := key(p.id) << 2 //nolint:gosec // ids are positive, and far below 2^62
	switch p.kind {
	case subjects.Chat:
		return k | 1
	case subjects.Channel:
		return k | 2
	}
	return k
}

func (k key) peer() peer {
	return peer{[...]subjects.Kind{subjects.User, subjects.Chat, subjects.Channel, subjects.None}[k&3], int64(k >> 2)} //nolint:gosec // see keyOf
}

// entry is what is known in memory of a peer; names are in the bucket alone.
type entry struct {
	hash int64 // access hash, with full
	// Of the object as it came last, all of it and what of it is kept (see rawOf): the same one tells nothing new.
	whole, raw uint64
	kept       uint64 // of the record in the bucket; 0: it is not known what is there
	in         key    // the chat where a message tells who it is, without full
	msg        int32  // which one; 0: none
	seen       uint32 // when its object came last that is not min, in unix seconds; 0: it did not
	told       uint32 // when the bucket was told of a message, in unix seconds
	full       bool   // the access hash is good for everything: what is min has none (E21)
	bot        bool
}

// most is how many peers each of two generations has room for: some 70 bytes each. What was learned or used last stays.
const most = 25_000

// memory is the two generations: when the young one is full, the old one goes.
type memory struct {
	young, old map[key]entry
}

func (m *memory) get(k key) (e entry, ok bool) {
	if e, ok = m.young[k]; ok {
		return e, true
	}
	if e, ok = m.old[k]; ok {
		m.put(k, e)
	}
	return e, ok
}

func (m *memory) put(k key, e entry) {
	if _, there := m.young[k]; !there {
		if len(m.young) >= most {
			m.old, m.young = m.young, nil
		}
		delete(m.old, k)
	}
	if m.young == nil {
		m.young = map[key]entry{}
	}
	m.young[k] = e
}

// forget is for when the bucket was lost: it is not known any more what is there.
func (m *memory) forget() {
	for _, g := range []map[key]entry{m.young, m.old} {
		for k, e := range g {
			e.kept, e.raw, e.whole = 0, 0, 0
			g[k] = e
		}
	}
}

func now32() uint32 { return uint32(time.Now().Unix()) } //nolint:gosec // until 2106
