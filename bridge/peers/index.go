package peers

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// index tells whose record in the bucket may have a username, so that whoever is not in memory any more, or not yet, is found by it, and the
// bucket needs no key for each name. It is made of one pass through the bucket, when a name is first looked for there, and told of records as they are
// written. It may tell of too many: what counts is the record.
type index struct {
	account *accountStore
	keeper  *keeper

	mu      sync.Mutex
	kept    bool          // what is written is told of: a pass has begun
	sorted  []held        // of the last pass, and what was told of since
	told    []held        // that are not in sorted yet
	room    int           // how many there may be until they are found out anew: names that somebody had stay among them
	err     error         // of the last pass; errUnread: there was none
	again   time.Time     // when another pass may be made, with err
	passing chan struct{} // closed when the pass that is made now is done
}

// held is that somebody has a username: 12 bytes, since there may be a million.
type held struct {
	name      uint32 // its hash
	high, low uint32 // of the key
}

const (
	// unsorted is how many are looked through one by one.
	unsorted = 1024
	// spare is how many names more than twice as many as a pass has found are told of before there is another pass.
	spare = 50_000
	// passRest is how long the bucket is left alone at least behind a pass that has failed.
	passRest = 10 * time.Second
)

var errUnread = errors.New("the names of its records are not read yet")

func newIndex(a *accountStore, k *keeper) *index {
	return &index{account: a, keeper: k, err: errUnread}
}

func holds(k key, name string) held {
	return held{uint32(maphash.String(seed, name)), uint32(k >> 32), uint32(k)} //nolint:gosec // the parts of it
}

func (h held) key() key { return key(h.high)<<32 | key(h.low) }

func (h held) compare(other held) int {
	return cmp.Or(cmp.Compare(h.name, other.name), cmp.Compare(h.key(), other.key()))
}

// wrote takes in that a record was written.
func (x *index) wrote(k key, usernames []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.kept {
		return
	}
	for _, name := range usernames {
		x.told = append(x.told, holds(k, name))
	}
	if len(x.told) >= unsorted && x.passing == nil {
		x.sort()
	}
}

// sort puts what was told of where it is found sooner, with mu held.
func (x *index) sort() {
	slices.SortFunc(x.told, held.compare)
	x.sorted, x.told = merge(x.sorted, x.told), x.told[:0]
	if len(x.sorted) > x.room {
		x.sorted, x.told, x.kept, x.err, x.again = nil, nil, false, errUnread, time.Time{}
	}
}

// merge puts some into what is sorted as they are.
func merge(all, some []held) []held {
	n := len(all)
	all = append(all, some...)
	for to := len(all) - 1; n > 0 && len(some) > 0; to-- {
		if last := len(some) - 1; all[n-1].compare(some[last]) > 0 {
			n--
			all[to] = all[n]
		} else {
			all[to], some = some[last], some[:last]
		}
	}
	copy(all, some)
	return slices.Compact(all)
}

// find tells whose record may have a username. An error says that there may be others.
func (x *index) find(ctx context.Context, name string) (maybe []key, err error) {
	if err := x.read(ctx); err != nil {
		return nil, err
	}
	h := holds(0, name)
	x.mu.Lock()
	defer x.mu.Unlock()
	at, _ := slices.BinarySearchFunc(x.sorted, h, held.compare)
	for ; at < len(x.sorted) && x.sorted[at].name == h.name; at++ {
		maybe = append(maybe, x.sorted[at].key())
	}
	for _, one := range x.told {
		if one.name == h.name {
			maybe = append(maybe, one.key())
		}
	}
	return maybe, x.err
}

// read has a pass made where one is wanting, and waits for it.
func (x *index) read(ctx context.Context) error {
	x.mu.Lock()
	if x.err != nil && x.passing == nil && !time.Now().Before(x.again) {
		done := make(chan struct{})
		if !x.keeper.begin(func() { x.pass(done) }) {
			x.mu.Unlock()
			return errClosed
		}
		x.passing, x.kept = done, true
	}
	passing := x.passing
	x.mu.Unlock()
	if passing == nil {
		return nil
	}
	select {
	case <-passing:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass goes through the bucket.
func (x *index) pass(done chan struct{}) {
	defer close(done)
	begun := time.Now()
	var all []held
	err := x.account.peers(x.keeper.life, "", func(p peer, r *record) bool {
		for _, name := range r.Usernames {
			all = append(all, holds(keyOf(p), name))
		}
		return !x.keeper.stopped()
	})
	if x.keeper.stopped() {
		err = errClosed
	}
	slices.SortFunc(all, held.compare)
	all = slices.Compact(all)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.passing, x.err, x.again = nil, err, time.Now().Add(max(time.Since(begun), passRest))
	if err == nil || len(all) >= len(x.sorted) {
		x.sorted, x.room = slices.Clone(all), 2*len(all)+spare
	}
	x.sort()
}
