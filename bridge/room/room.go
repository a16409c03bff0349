// Package room shares out the memory that updates may take while they wait: a budget of the whole daemon, of which every account is
// sure of its part, and may take more while others need less.
package room

import "sync"

// Budget is how many bytes all shares together may take. It is safe for concurrent use.
type Budget struct {
	total int64

	mu     sync.Mutex
	shares map[*Share]struct{}
	used   int64
	beyond int64 // taken beyond what the shares are sure of
	moving int64 // of used: what will be given back by itself, so that whoever waits will be told
	waits  int   // shares that were told that there is no room
}

// NewBudget makes a budget.
func NewBudget(total int64) *Budget { return &Budget{total: total, shares: map[*Share]struct{}{}} }

// Share is one account's part of a budget. A nil Share is never full.
type Share struct {
	b      *Budget
	most   int64
	wake   func()
	used   int64
	moving int64 // of used
	full   bool  // nothing more may be taken, until half of it was given back
	wait   bool  // somebody was told that there is no room
	gone   bool  // closed
}

// Open gives a new account its part, of which it may never take more than most bytes. wake is called when there is room again after
// somebody was told that there is none; it must not block. Close gives the part back.
func (b *Budget) Open(most int64, wake func()) *Share {
	if b == nil {
		return nil
	}
	s := &Share{b: b, most: most, wake: wake}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares[s] = struct{}{}
	b.recount()
	return s
}

// Close gives back all that a share has taken, and the part itself.
func (s *Share) Close() {
	if s == nil {
		return
	}
	s.b.mu.Lock()
	s.b.used -= s.used
	s.b.moving -= s.moving
	s.used, s.moving = 0, 0
	s.waiting(false)
	s.gone = true
	delete(s.b.shares, s)
	s.b.recount()
	waiting := s.b.roomy()
	s.b.mu.Unlock()
	tell(waiting)
}

// sure is what every account may take whatever the others do: half of the budget goes by heads.
func (b *Budget) sure() int64 { return b.total / 2 / int64(max(len(b.shares), 1)) }

func (b *Budget) recount() {
	b.beyond = 0
	for s := range b.shares {
		b.beyond += s.beyond()
	}
}

// beyond is what of a share is more than it is sure of.
func (s *Share) beyond() int64 { return max(s.used-s.b.sure(), 0) }

func (s *Share) add(n int64) {
	if s.gone {
		return
	}
	before := s.beyond()
	s.used, s.b.used = s.used+n, s.b.used+n
	s.b.beyond += s.beyond() - before
}

// Take notes n bytes that are there already, and stay until something else happens.
func (s *Share) Take(n int64) { s.note(n, 0) }

// Send notes n bytes that are there already, and are on their way: Sent gives them back.
func (s *Share) Send(n int64) { s.note(n, n) }

func (s *Share) note(n, moving int64) {
	if s == nil {
		return
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.add(n)
	s.move(moving)
}

func (s *Share) move(n int64) {
	if !s.gone {
		s.moving, s.b.moving = s.moving+n, s.b.moving+n
	}
}

// Try takes n bytes for something that is to come, if there is room for it; Sent gives them back. Where nothing moves at all, there
// always is: else nothing ever would.
func (s *Share) Try(n int64) bool {
	if s == nil {
		return true
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	before := s.beyond()
	s.add(n)
	if s.b.moving == 0 || s.used <= s.most && (s.beyond() == before || s.b.beyond <= s.b.total/2) {
		s.move(n)
		return true
	}
	s.add(-n)
	s.waiting(true)
	return false
}

// waiting notes whether somebody has to be told when there is room.
func (s *Share) waiting(yes bool) {
	switch {
	case yes && !s.wait:
		s.b.waits++
	case !yes && s.wait:
		s.b.waits--
	}
	s.wait = yes
}

// Give gives back what Take noted.
func (s *Share) Give(n int64) { s.back(n, 0) }

// Sent gives back what Send noted, or Try took.
func (s *Share) Sent(n int64) { s.back(n, n) }

func (s *Share) back(n, moving int64) {
	if s == nil || n == 0 {
		return
	}
	s.b.mu.Lock()
	s.add(-n)
	s.move(-moving)
	waiting := s.b.roomy()
	s.b.mu.Unlock()
	tell(waiting)
}

// Full reports whether nothing more is to be taken.
func (s *Share) Full() bool {
	if s == nil {
		return false
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.judge() {
		s.waiting(true)
	}
	return s.full
}

// judge lets a share be full until half of what it is full of was given back, so that it does not change with every update.
func (s *Share) judge() bool {
	limit, common := s.most, s.b.total/2
	if s.full {
		limit, common = limit/2, common/2
	}
	s.full = s.used > limit || s.beyond() > 0 && s.b.beyond > common
	return s.full
}

// roomy are the shares that were told that there is no room, and have some now.
func (b *Budget) roomy() (all []*Share) {
	if b.waits == 0 {
		return nil
	}
	for s := range b.shares {
		if s.wait && (b.moving == 0 || !s.judge()) {
			s.waiting(false)
			all = append(all, s)
		}
	}
	return all
}

func tell(waiting []*Share) {
	for _, s := range waiting {
		s.wake()
	}
}

// Used is how many bytes the share has taken.
func (s *Share) Used() int64 {
	if s == nil {
		return 0
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.used
}

// Sure is how many bytes the share may take whatever others do.
func (s *Share) Sure() int64 {
	if s == nil {
		return 0
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return min(s.b.sure(), s.most)
}

// Used is how many bytes all shares have taken.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Total is how many they may take.
func (b *Budget) Total() int64 { return b.total }
