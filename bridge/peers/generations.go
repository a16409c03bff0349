package peers

// entry is what is known in memory of a peer; names are in the bucket alone.
type entry struct {
	hash int64 // access hash, with full
	// Of the object as it came last, all of it and what of it is kept (see rawOf): the same one tells nothing new.
	whole, raw uint64
	kept       uint64   // of the record in the bucket; 0: it is not known what is there
	revision   uint64   // of that
	sighting            // the newest, without full
	before     sighting // one that is older, for where that is deleted
	seen       uint32   // when its object came last that is not min, in unix seconds; 0: it did not
	told       uint32   // when the bucket was told of a message, in unix seconds
	full       bool     // the access hash is good for everything: what is min has none (E21)
	bot        bool
	old        bool // the record in the bucket is of what came some time ago: what came later than that is newer
	untold     bool // the bucket has another sighting
}

func (e entry) access() access { return access{e.hash, e.full, e.sighting} }

// most is how many peers each of two generations has room for: 140 to 170 bytes each. What was learned or used last stays.
const most = 25_000

// generations are the peers in memory: when the young generation is full, the old one goes.
type generations struct {
	young, old map[key]entry
}

func (g *generations) get(k key) (e entry, ok bool) {
	if e, ok = g.young[k]; ok {
		return e, true
	}
	if e, ok = g.old[k]; ok {
		g.put(k, e)
	}
	return e, ok
}

func (g *generations) put(k key, e entry) {
	if _, there := g.young[k]; !there {
		if len(g.young) >= most {
			g.old, g.young = g.young, nil
		}
		delete(g.old, k)
	}
	if g.young == nil {
		g.young = map[key]entry{}
	}
	g.young[k] = e
}

func (g *generations) drop(k key) {
	delete(g.young, k)
	delete(g.old, k)
}

func (g *generations) size() int { return len(g.young) + len(g.old) }

// unkept is somebody of whom it is not known any more whether the bucket has him: his object is read again when it comes again.
func (e entry) unkept() entry {
	e.kept, e.revision, e.raw, e.whole, e.old = 0, 0, 0, 0, false
	return e
}

// storageLost is for when the bucket was lost: it is not known any more what is there.
func (g *generations) storageLost() {
	for _, one := range []map[key]entry{g.young, g.old} {
		for k, e := range one {
			one[k] = e.unkept()
		}
	}
}

// each tells of all, until yield has enough. What is told counts as used no more than before.
func (g *generations) each(yield func(k key, e entry) bool) {
	for _, one := range []map[key]entry{g.young, g.old} {
		for k, e := range one {
			if !yield(k, e) {
				return
			}
		}
	}
}
