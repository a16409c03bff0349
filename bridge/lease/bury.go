package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// bury makes sure that a daemon's lease has ended: true, it has, for good. The record's place is taken by compare-and-set, so
// that of a renewal still on its way and the grave only one can be written. In a bucket that is younger than a lifetime a grave
// tells nothing: it may have been meant for the bucket before.
func (ls *Leases) bury(ctx context.Context, id string) (bool, error) {
	ls.mu.Lock()
	known := ls.dead[id].sure
	ls.mu.Unlock()
	if known {
		return true, nil
	}
	made, soon, err := ls.mayLive(ctx, id)
	if soon || err != nil {
		return false, err
	}
	body, err := json.Marshal(Member{Holder: Holder{ID: id, At: time.Now().UTC()}, Dead: true})
	if err != nil {
		return false, err
	}
	_, err = ls.members.Create(ctx, memberKey+id, body)
	dead := err == nil
	if errors.Is(err, jetstream.ErrKeyExists) { // it lives, or somebody else was faster
		dead, err = ls.buriedBySomebody(ctx, id)
	}
	if dead && err == nil {
		var now time.Time
		now, err = ls.born(ctx, ls.members)
		dead = now.Equal(made)
	}
	if err != nil {
		return false, fmt.Errorf("finding out whether a daemon lives: %w", err)
	}
	if dead {
		ls.buried(id, true)
	}
	return dead, nil
}

// mayLive reports whether a daemon can have its lease for sure although its record is not there: it was seen within a lifetime,
// somebody deleted the record, or the bucket is younger than a lifetime, so that somebody may have emptied it or made it anew.
func (ls *Leases) mayLive(ctx context.Context, id string) (made time.Time, soon bool, err error) {
	ls.mu.Lock()
	at, seen := ls.alive[id]
	ls.mu.Unlock()
	if seen && time.Since(at) < ls.ttl {
		return made, true, nil
	}
	if made, soon, err = ls.young(ctx, ls.members); soon || err != nil {
		return made, soon, err
	}
	if _, err = ls.members.Get(ctx, memberKey+id); !errors.Is(err, jetstream.ErrKeyNotFound) {
		return made, false, err
	}
	mark, err := ls.storage.Mark(ctx, storage.Leases, memberKey+id) // of a deletion; it passes away as the record would have
	return made, mark.Revision != 0, err
}

// lives notes that a daemon's record was seen.
func (ls *Leases) lives(id string, now time.Time) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	maps.DeleteFunc(ls.alive, func(_ string, at time.Time) bool { return now.Sub(at) > ls.ttl })
	ls.alive[id] = now
}

func (ls *Leases) buriedBySomebody(ctx context.Context, id string) (bool, error) {
	entry, err := ls.members.Get(ctx, memberKey+id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil // has passed away just now
	}
	var there Member
	if err == nil {
		_ = json.Unmarshal(entry.Value(), &there) // what cannot be read is no grave
	}
	return there.Dead, err
}

// death is since when a daemon is known to be dead. sure: it was found out here, and not only told by the bucket.
type death struct {
	at   time.Time
	sure bool
}

// buried notes that a daemon's lease has ended.
func (ls *Leases) buried(id string, sure bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	d, known := ls.dead[id]
	if !known {
		d.at = time.Now()
	}
	d.sure = d.sure || sure
	ls.dead[id] = d
}

// grave is since when a daemon is said to be dead.
func (ls *Leases) grave(id string) (at time.Time, dead bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	d, dead := ls.dead[id]
	return d.at, dead
}
