package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A lease of lifetime T is renewed every T/4, and holds for sure until 3T/4 after a renewal was asked for. One attempt may take
// T/8, and one that failed is repeated after T/32: a packet, a connection or a leader that is lost costs one attempt, of five or
// more. What became of it the next attempt finds out by reading.
const (
	renewEvery   = 4
	attemptShare = 8
	againShare   = 32
)

// keep renews until the lease is lost or life ends.
func (c *Table) keep(life context.Context, m *membership) {
	defer m.close()
	ttl := c.leases.ttl
	for wait := ttl / renewEvery; ; {
		t := time.NewTimer(wait)
		select {
		case <-life.Done():
		case <-m.ended:
		case <-t.C:
		}
		t.Stop()
		if life.Err() != nil || m.isOver() {
			return
		}
		err := c.renew(life, m)
		switch {
		case life.Err() != nil:
			return
		case errors.Is(err, errLost):
			m.end(err)
			return
		case err != nil:
			wait = ttl / againShare
		default:
			wait = ttl / renewEvery
		}
	}
}

// renew writes this daemon's record again. errLost: it is not this daemon's any more; any other error may pass.
func (c *Table) renew(ctx context.Context, m *membership) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, c.leases.ttl/attemptShare)
	defer cancel()
	body, err := c.card(m)
	if err != nil {
		return err
	}
	asked := time.Now()
	rev, err := c.leases.members.Update(ctx, memberKey+m.id, body, m.rev)
	if conflict(err) {
		rev, err = c.again(ctx, m, body)
	}
	if err != nil {
		m.doubt(err)
		return err
	}
	m.rev = rev
	if m.remade && !m.isSure() {
		return fmt.Errorf("%w: its record was missing, and was written anew too late", errLost)
	}
	m.remade = false
	m.confirm(asked)
	return nil
}

// again renews when the record is not what this daemon knows to have written last. It may be its own, whose writing was not
// answered. A read may be answered by a copy that is behind, so that only a grave, or somebody else, is believed at once; of
// everything else compare-and-set is the judge, and time.
func (c *Table) again(ctx context.Context, m *membership, body []byte) (uint64, error) {
	kv, key := c.leases.members, memberKey+m.id
	entry, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return c.remake(ctx, m, body)
	}
	if err != nil {
		return 0, err
	}
	var there Member
	if err := json.Unmarshal(entry.Value(), &there); err != nil || there.Dead || there.ID != m.id {
		return 0, errLost
	}
	if entry.Revision() <= m.rev {
		return 0, errors.New("a renewal is still on its way, or the copy of the bucket that was read is behind")
	}
	return kv.Update(ctx, key, body, entry.Revision())
}

// remake writes the record where none is: the bucket was emptied, or is a new one. As long as the lease is sure by what was
// confirmed before, nobody can have taken it, so that the record may stand there again; not a moment longer (a grave passes away as well).
func (c *Table) remake(ctx context.Context, m *membership, body []byte) (uint64, error) {
	if !m.isSure() {
		return 0, fmt.Errorf("%w: its record has passed away", errLost)
	}
	m.remade = true
	rev, err := c.leases.members.Create(ctx, memberKey+m.id, body)
	if err == nil {
		c.leases.log.Warn("this daemon's lease was missing from its bucket, and stands there again")
		return rev, nil
	}
	if !errors.Is(err, jetstream.ErrKeyExists) {
		m.rev = 0 // of a bucket that is no more; if it has been written all the same, the next attempt reads it
	}
	return 0, err
}
