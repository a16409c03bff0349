package session

import (
	"cmp"
	"slices"
	"time"
)

const (
	saltCount   = 32               // salts to ask for: a day or so (C24)
	maxSalts    = 64               // that are kept of an answer (C24)
	saltsLow    = 2                // fewer than these ahead: ask
	saltMargin  = 60 * time.Second // less than this left of the last: ask
	saltRetry   = time.Minute      // until an unanswered request is made again
	saltAgain   = 10 * time.Minute // until a server that has no more is asked again
	saltGuessed = 30 * time.Minute // how long a salt is good that came without its times
)

// Salt is a server salt and when it is valid, in the server's Unix time. Salts belong to the key, not to the session.
type Salt struct {
	Value        int64
	Since, Until int64 // 0: not known
}

// salts are those known: the one in use, and those of later (C24).
type salts struct {
	current Salt
	future  []Salt    // by ascending Since; never changed in place, as events show it
	askAt   time.Time // not before
}

func newSalts(c *Config) salts {
	s := salts{current: Salt{Value: c.Salt}}
	s.future = slices.Clone(c.Salts[:min(len(c.Salts), maxSalts)])
	slices.SortFunc(s.future, bySince)
	return s
}

func bySince(a, b Salt) int { return cmp.Compare(a.Since, b.Since) }

// pick is the newest salt that is valid at the server's time t (C24).
func (s *salts) pick(t time.Time) int64 {
	for now := t.Unix(); len(s.future) > 0 && s.future[0].Since <= now; s.future = s.future[1:] {
		if s.future[0].Until > now {
			s.current = s.future[0]
		}
	}
	return s.current.Value
}

// adopt takes a salt that the server gave without its times. What was known before is wrong then.
func (s *salts) adopt(value int64, t time.Time) bool {
	if value == s.current.Value {
		return false
	}
	s.current = Salt{value, t.Unix(), t.Add(saltGuessed).Unix()}
	s.future, s.askAt = nil, time.Time{}
	return true
}

// wanted reports whether more salts should be asked for.
func (s *salts) wanted(now, t time.Time) bool {
	if now.Before(s.askAt) {
		return false
	}
	last := s.current.Until
	if n := len(s.future); n > 0 {
		last = s.future[n-1].Until
	}
	return len(s.future) < saltsLow || time.Unix(last, 0).Sub(t) < saltMargin
}

// all are the salts known, the current one first. They are shared with whoever is told.
func (s *salts) all() []Salt {
	known := append([]Salt{s.current}, s.future...)
	s.future = known[1:len(known):len(known)]
	return known
}
