package session

import (
	"cmp"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
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

// salts are those known: the one in use, and those of later (C24).
type salts struct {
	current Salt
	future  []Salt    // by ascending Since; never changed in place, as events show it
	askAt   time.Time // not before

	clock  *clock
	sent   *log
	events *events
}

// known takes over what was known before the session.
func (s *salts) known(c *Config) {
	s.current = Salt{Value: c.Salt}
	s.future = slices.Clone(c.Salts[:min(len(c.Salts), maxSalts)])
	slices.SortFunc(s.future, bySince)
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
func (s *salts) adopt(now time.Time, value int64) {
	if t := s.clock.time(now); value != s.current.Value {
		s.current = Salt{value, t.Unix(), t.Add(saltGuessed).Unix()}
		s.future, s.askAt = nil, time.Time{}
		s.events.add(SaltsChanged{s.all()})
	}
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

// put asks for salts along with a packet that goes anyway; as pings go all the time, that is soon enough.
func (s *salts) put(p *packer, now time.Time) {
	t := s.clock.time(now)
	if s.pick(t); !s.wanted(now, t) {
		return
	}
	id := p.begin(now, false)
	(&mt.GetFutureSalts{Num: saltCount}).Encode(&p.w)
	p.end()
	s.sent.add(record{kind: saltsAsked, msgID: id}, nil)
	s.askAt = now.Add(saltRetry)
}

// take takes the answer to our request (C24). It needs no acknowledgement.
func (s *salts) take(f frame, r *bin.Reader) {
	var m mt.FutureSalts
	m.Decode(r)
	if unreadable(r) || s.sent.find(m.ReqMsgID, saltsAsked) == nil {
		return
	}
	m.Salts = m.Salts[:min(len(m.Salts), maxSalts)]
	list := make([]Salt, 0, len(m.Salts))
	for _, x := range m.Salts {
		list = append(list, Salt{x.Salt, int64(x.ValidSince), int64(x.ValidUntil)})
	}
	slices.SortFunc(list, bySince)
	s.future = list
	s.askAt = f.now.Add(saltAgain)
	s.pick(s.clock.time(f.now))
	s.events.add(SaltsChanged{s.all()})
}
