package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// bury makes sure that a daemon's lease has ended: true, it has, for good. The record's place is taken by compare-and-set, so
// that of a renewal still on its way and the grave only one can be written.
func (ls *Leases) bury(ctx context.Context, id string) (bool, error) {
	ls.mu.Lock()
	_, known := ls.dead[id]
	ls.mu.Unlock()
	if known {
		return true, nil
	}
	if soon, err := ls.mayLive(ctx, id); soon || err != nil {
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
	if err != nil {
		return false, fmt.Errorf("finding out whether a daemon lives: %w", err)
	}
	if dead {
		ls.buried(id)
	}
	return dead, nil
}

// mayLive reports whether a daemon can have its lease for sure although its record is not there: it was seen within a lifetime, or
// the bucket is younger than one, so that somebody may have emptied it or made it anew.
func (ls *Leases) mayLive(ctx context.Context, id string) (bool, error) {
	ls.mu.Lock()
	at, seen := ls.alive[id]
	ls.mu.Unlock()
	if seen && time.Since(at) < ls.ttl {
		return true, nil
	}
	return ls.young(ctx, ls.members)
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

// buried notes that a daemon's lease has ended.
func (ls *Leases) buried(id string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if _, known := ls.dead[id]; !known {
		ls.dead[id] = time.Now()
	}
}

// grave is since when a daemon is known to be dead.
func (ls *Leases) grave(id string) (at time.Time, dead bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	at, dead = ls.dead[id]
	return at, dead
}
