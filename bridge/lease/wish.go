package lease

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Move is somebody's wish that the daemon which has an account lets go of it.
type Move struct {
	From  string `json:"from"`            // the daemon that is meant
	To    string `json:"to,omitempty"`    // a daemon's id; empty: the one with least to do
	Close bool   `json:"close,omitempty"` // nobody is to have it: it is being removed
}

// Ask wishes something of the daemon that has an account. The wish passes away with the lifetime of a lease.
func (c *Table) Ask(ctx context.Context, account string, m Move) error {
	body, err := json.Marshal(m)
	if err == nil {
		_, err = c.leases.members.Put(ctx, moveKey+account, body)
	}
	return err
}

// Asked tells, once, what was wished of this daemon about an account.
func (c *Table) Asked(account string, now time.Time) (Move, bool) {
	self := c.leases.id()
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.moves[account]
	if !ok {
		return Move{}, false
	}
	delete(c.moves, account)
	return m.v, m.v.From == self && self != "" && now.Before(m.at.Add(c.leases.ttl))
}

// ErrKnown says that there is an account of that name already.
var ErrKnown = errors.New("there is an account of that name")

// Add makes an account known, for any daemon to take: ErrKnown when it is already.
func (ls *Leases) Add(ctx context.Context, account string) error {
	body, err := ls.record(Holder{Free: true})
	if err == nil {
		_, err = ls.accounts.Create(ctx, account, body)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return ErrKnown
	}
	return err
}

// Close keeps everybody from taking an account. False: somebody has it, who has to be asked; [WaitError]: somebody may have.
func (ls *Leases) Close(ctx context.Context, account string) (bool, error) {
	by, last, err := ls.read(ctx, account)
	if err != nil || by.Closed {
		return by.Closed, err
	}
	if last != 0 {
		if free, err := ls.mayTake(ctx, by); err != nil || !free || ls.holds(account) {
			return false, err
		}
	}
	ls.mu.Lock()
	young := time.Until(ls.old)
	ls.mu.Unlock()
	if given := by.Free && by.ID != ""; young > 0 && !given {
		return false, &WaitError{account, young}
	}
	body, err := ls.record(Holder{Free: true, Closed: true})
	if err == nil && last == 0 {
		_, err = ls.accounts.Create(ctx, account, body)
	} else if err == nil {
		_, err = ls.accounts.Update(ctx, account, body, last)
	}
	if conflict(err) {
		return false, nil
	}
	return err == nil, err
}

// Remove takes the record of an account away that was closed.
func (ls *Leases) Remove(ctx context.Context, account string) error {
	by, last, err := ls.read(ctx, account)
	if err != nil || last == 0 {
		return err
	}
	if !by.Closed {
		return errors.New("somebody has taken the account meanwhile")
	}
	return ls.accounts.Purge(ctx, account, jetstream.LastRevision(last))
}
