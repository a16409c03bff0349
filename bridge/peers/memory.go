package peers

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/subjects"
)

// memory is what a directory knows without asking anybody, and what of it the bucket is still to be told. Its methods are safe for
// concurrent use; its fields are for who holds mu.
type memory struct {
	mu      sync.Mutex
	peers   generations
	lately  lately
	names   names
	pending map[key]pending
	writing map[key]pending // what was taken out of pending, and is not in the bucket yet
	erased  map[key]place   // who was, since this was made: the last message of before
	erasure int             // how often that has begun or ended
	going   key             // who is being erased now; 0: nobody
	wake    func()          // is called with mu held when something is pending; nil: nothing is kept
	first   func() uint64   // the lowest revision that the bucket held lately
}

// pending is what the bucket is to be told of a peer: a record; other names; neither: in which message he was seen.
type pending struct {
	record *record
	old    bool // the record is of some time ago: what the bucket has is newer
	naming *naming
}

type naming struct {
	name      string
	usernames []string
}

// place is that of a message in the stream of updates, which was made at a time.
type place struct {
	seq  uint64
	made time.Time
}

// behind reports whether a message is not of before another one, or none of the same stream.
func (p place) behind(other place) bool { return p.seq > other.seq || !p.made.Equal(other.made) }

// pendingMost is how much may wait. What is learned beyond is learned again when it comes again.
const pendingMost = 20_000

func newMemory() *memory {
	return &memory{names: newNames(), pending: map[key]pending{}, erased: map[key]place{}, first: func() uint64 { return 0 }}
}

// peer is what is known of a peer.
func (m *memory) peer(k key) (entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peers.get(k)
}

// tell has the bucket told of a peer, with mu held.
func (m *memory) tell(k key, what pending) {
	if m.wake == nil {
		return
	}
	if _, there := m.pending[k]; !there && len(m.pending) >= pendingMost {
		if e, known := m.peers.get(k); known {
			e.raw, e.whole = 0, 0
			m.peers.put(k, e)
		}
		return
	}
	switch before := m.pending[k]; {
	case before.naming == nil:
	case what.record == nil && what.naming == nil:
		return // it is written with the names
	case what.old: // the names are newer
		what.record.Name, what.record.Usernames, what.old = before.naming.name, before.naming.usernames, false
	}
	m.pending[k] = what
	m.wake()
}

// shown is what is known of a peer, and what the bucket is to be told of it; nil: nothing.
func (m *memory) shown(k key) (e entry, known bool, next *record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, known = m.peers.get(k)
	if r := cmp.Or(m.pending[k].record, m.writing[k].record); r != nil {
		one := *r
		next = &one
	}
	return e, known, next
}

// size is how many peers there are.
func (m *memory) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peers.size()
}

// waiting is how many peers the bucket is to be told of.
func (m *memory) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pending)
}

// some takes out some of what is pending.
func (m *memory) some(most int) map[key]pending {
	some := map[key]pending{}
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, what := range m.pending {
		if len(some) == most {
			break
		}
		some[k] = what
		delete(m.pending, k)
	}
	m.writing = some
	return some
}

// again takes back what could not be written, but where there is something newer. The rest is written.
func (m *memory) again(failed map[key]pending) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing = nil
	for k, what := range failed {
		if _, newer := m.pending[k]; !newer {
			m.pending[k] = what
		}
	}
}

// adopt takes in what the bucket knows, as far as it is more.
func (m *memory) adopt(k key, r record, revision uint64) entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.adopted(k, r, revision)
}

// recalled is adopt of what was read beside erasures, and reports whether it is taken in: not where somebody was erased since it was read, nor of
// who is being erased.
func (m *memory) recalled(k key, r record, revision uint64, erasure int) (entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if erasure != m.erasure || k == m.going {
		return entry{}, false
	}
	return m.adopted(k, r, revision), true
}

// adopted is adopt, with mu held.
func (m *memory) adopted(k key, r record, revision uint64) entry {
	e, _ := m.peers.get(k)
	e.kept, e.revision, e.old = r.sum(), revision, false
	e.bot = r.Type == "bot"
	switch {
	case e.full:
	case r.access.full:
		e.full, e.hash, e.sighting = true, r.access.hash, sighting{}
	case e.msg == 0 && !e.untold: // else that one is deleted
		e.sighting = r.access.sighting
	}
	e.untold = !e.full && e.sighting != r.access.sighting
	m.peers.put(k, e)
	return e
}

// wrote notes what the bucket holds of a peer now, which may be of some time ago.
func (m *memory) wrote(k key, r *record, revision uint64, old bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, known := m.peers.get(k); known {
		e.kept, e.revision, e.old = r.sum(), revision, old
		e.untold = !e.full && e.sighting != r.access.sighting
		m.peers.put(k, e)
	}
}

// doubt notes that the bucket holds something else of a peer than is known.
func (m *memory) doubt(k key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, known := m.peers.get(k); known {
		m.peers.put(k, e.unkept())
	}
}

// keptOf is the record as the bucket has it, as far as that is known.
func (m *memory) keptOf(k key) (sum, revision uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, _ := m.peers.get(k)
	return e.kept, e.revision
}

// sample is some of those whom the bucket is known to have.
func (m *memory) sample(most int) (some []key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peers.each(func(k key, e entry) bool {
		if e.kept != 0 {
			some = append(some, k)
		}
		return len(some) < most
	})
	return some
}

// unkept are those by whom calls can be made and of whom it is not known that the bucket has them.
func (m *memory) unkept() (all []key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peersWhere(func(e entry) bool { return e.kept == 0 && (e.full || e.msg != 0) })
}

// untold are those of whom the bucket has another sighting than memory.
func (m *memory) untold() (all []key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peersWhere(func(e entry) bool { return e.untold })
}

// peersWhere are those of whom something holds, with mu held.
func (m *memory) peersWhere(holds func(entry) bool) (all []key) {
	m.peers.each(func(k key, e entry) bool {
		if holds(e) {
			all = append(all, k)
		}
		return true
	})
	return all
}

// tellSightings has the bucket told of some sightings, where it is told nothing else, and nobody has to be woken for it.
func (m *memory) tellSightings(some []key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range some {
		if _, waits := m.pending[k]; !waits {
			m.pending[k] = pending{}
		}
	}
}

// tellKnown has the bucket told what is in memory of somebody, if it is not told more already, nor has him by now. His name is not in memory.
func (m *memory) tellKnown(k key, user int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, known := m.peers.get(k)
	if _, waits := m.pending[k]; !waits && known && e.kept == 0 {
		m.tell(k, pending{record: m.recordOf(k, e, user), old: true})
	}
}

// recordOf is what is in memory of somebody, as a record of a user's directory.
func (m *memory) recordOf(k key, e entry, user int64) *record {
	p := k.peer()
	r := &record{Account: user, Usernames: slices.Clone(m.names.owned[k]), Min: !e.full, Bare: true, access: e.access()}
	switch {
	case e.bot:
		r.Type = "bot"
	case p.kind != subjects.Channel: // or a supergroup
		r.Type = string(p.kind)
	}
	return r
}

// alias is what a name or phone number was last known to stand for, however long ago; what leads to nobody is not among them.
func (m *memory) alias(name string) (alias, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.names.known[name]
	return n, ok
}

// remembered is what a name or phone number is known to stand for now.
func (m *memory) remembered(name string) (alias, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.names.find(name)
	if !ok || time.Now().Before(n.until) {
		return n, ok
	}
	e, known := m.peers.get(keyOf(n.peer)) // whoever was seen has the names that lead to him: see names.own
	return n, n.err == nil && known && time.Since(time.Unix(int64(e.seen), 0)) < nameLife
}

// remember notes what a question about a name has found, and reports whether it has: not where somebody was being erased since it was asked.
func (m *memory) remember(name string, n alias, erasure int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if erasure != m.erasure {
		return false
	}
	m.names.note(name, n)
	return true
}

// erasures tells one time from another between which somebody was being erased.
func (m *memory) erasures() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.erasure
}

// usernames are those that lead to a peer.
func (m *memory) usernames(p peer) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.names.owned[keyOf(p)])
}

// forget takes out a peer, and gives the names that led to it. What came up to a message of the stream does not tell of it any more.
func (m *memory) forget(p peer, upTo place) (usernames []string) {
	k := keyOf(p)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.erased[k] = upTo
	m.going = k
	m.erasure++
	usernames = slices.Clone(m.names.owned[k])
	m.names.own(p, k, nil)
	delete(m.pending, k)
	m.peers.drop(k)
	m.lately = lately{}
	return usernames
}

// gone ends what forget began: the bucket does not have the peer any more.
func (m *memory) gone() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.going = 0
	m.erasure++
}

// goes reports whether a peer is being erased.
func (m *memory) goes(k key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.going == k
}

// storageLost is for when the bucket was lost: it is not known any more what is there.
func (m *memory) storageLost() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peers.storageLost()
	m.lately = lately{}
}

// find is a peer as calls can name it; channel is Config.Channel. asked: so was the bucket, and knows no more of who is min.
func (m *memory) find(kinds []subjects.Kind, id int64, asked bool, channel func(int64) int64) (callable, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, kind := range kinds {
		if kind == subjects.Chat {
			if _, known := m.peers.get(keyOf(peer{kind, id})); !known {
				continue // a bare id is a group's only where there is such a group
			}
		}
		if f, ok := m.findOne(peer{kind, id}, asked, channel); ok {
			return f, true
		}
	}
	return callable{}, false
}

// findOne is find for one kind, with mu held.
func (m *memory) findOne(p peer, asked bool, channel func(int64) int64) (callable, bool) {
	e, known := m.peers.get(keyOf(p))
	if known && e.full || p.kind == subjects.Chat {
		return callable{peer: p, hash: e.hash}, true
	}
	if p.kind == subjects.Channel && channel != nil {
		if hash := channel(p.id); hash != 0 {
			return callable{peer: p, hash: hash}, true
		}
	}
	if !known || e.msg == 0 || e.kept == 0 && !asked {
		return callable{}, false
	}
	in, ok := m.findOne(e.in.peer(), true, channel)
	if !ok || in.in != nil {
		return callable{}, false
	}
	return callable{peer: p, in: &in, msg: e.msg}, true
}
