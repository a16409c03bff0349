package mtproto

import (
	"crypto/rand"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/session"
)

// store has the client's state, and has it saved: the newest one, one call of Options.Save at a time. Save may take its time: the
// vault of a daemon is at the other end of a network, and may be away. So what only saves work after a restart, salts, the
// clock and addresses, waits for nothing: a goroutine that reads from a socket has to go on, or the connection is taken for dead.
type store struct {
	save       func(State) error
	log        *slog.Logger
	failed     func(error)       // is told of a failure to save
	background func(func()) bool // has something done that Run waits for, unless Run is ending

	saving chan struct{} // has an element while save runs

	mu     sync.Mutex
	state  State
	at     time.Time // when a state was last given to be saved
	wanted uint64    // counts changes that are to be saved
	saved  uint64    // up to which they are
	runs   bool      // a goroutine will save what is wanted
}

// saltsEvery is how often new salts alone are a reason to save.
const saltsEvery = 15 * time.Minute

// get returns a copy of the state.
func (s *store) get() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.clone()
}

// change changes the state and saves it before it returns: keys, who is signed in, and where the account lives.
func (s *store) change(f func(*State)) {
	s.mu.Lock()
	f(&s.state)
	s.wanted++
	n := s.wanted
	s.mu.Unlock()
	s.saving <- struct{}{}
	defer func() { <-s.saving }()
	s.saveUpTo(n)
}

// changeLater changes the state and has it saved soon, together with what is changed meanwhile.
func (s *store) changeLater(f func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.state)
	s.saveSoon()
}

// note changes the state, which is saved with the next change, or after a while.
func (s *store) note(f func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f(&s.state); time.Since(s.at) > saltsEvery {
		s.saveSoon()
	}
}

// saveSoon has somebody save. When Run ends that is done in any case. The lock is held.
func (s *store) saveSoon() {
	s.wanted++
	if s.runs {
		return
	}
	s.runs = s.background(func() {
		s.saving <- struct{}{}
		defer func() { <-s.saving }()
		s.mu.Lock()
		n := s.wanted
		s.runs = false // what is changed from here on needs another goroutine
		s.mu.Unlock()
		s.saveUpTo(n)
	})
}

// saveUpTo returns when the n-th change is saved, or could not be: then it is saved with the next one. The caller holds saving.
func (s *store) saveUpTo(n uint64) {
	s.mu.Lock()
	if s.saved >= n {
		s.mu.Unlock()
		return // with somebody else's
	}
	state := s.state.clone()
	s.saved, s.at = s.wanted, time.Now()
	s.mu.Unlock()
	if s.save == nil {
		return
	}
	if err := s.save(state); err != nil {
		s.log.Error("the state was not saved", "error", err)
		s.failed(err)
	}
}

// home returns the number of the account's data centre, 0 before it is known.
func (s *store) home() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Home
}

// signedIn reports whether somebody is signed in.
func (s *store) signedIn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.UserID != 0
}

// authorized reports whether calls of the account may be made at a data centre.
func (s *store) authorized(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.UserID == 0 || s.state.DCs[id].Authorized
}

func (s *store) setAuthorized(id int, yes bool) {
	s.changeLater(func(s *State) {
		d := s.DCs[id]
		d.Authorized = yes
		s.setDC(id, d)
	})
}

// addresses returns those of a data centre in the order to try them: what Telegram's config says, then the built-in ones.
func (s *store) addresses(builtIn []dc.Option, id int, w dc.Want) []dc.Option {
	s.mu.Lock()
	config := s.state.Config
	s.mu.Unlock()
	w.PreferIPv6 = config.ForceTryIPv6
	return dc.Select(slices.Concat(config.Options, builtIn), id, w)
}

// permanent returns the permanent key of a data centre, the zero Key if there is none.
func (s *store) permanent(id int) crypto.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The length was checked, and nothing else can be wrong with a key.
	k, _ := crypto.NewKey(s.state.DCs[id].Key)
	return k
}

// keyAge returns how long ago the permanent key of a data centre was made.
func (s *store) keyAge(id int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.state.DCs[id].Created)
}

// keepKey puts a new permanent key into the state, and saves it before anything relies on it.
func (s *store) keepKey(id int, r *handshake.Result) {
	s.change(func(s *State) {
		if s.Home == 0 {
			s.Home = id
		}
		s.setDC(id, DCState{
			Key: r.Key.AppendBytes(nil), Created: time.Now(), Offset: r.TimeOffset, Salts: []Salt{{Salt: r.Salt}},
		})
	})
}

// dropKey forgets what is shared with a data centre.
func (s *store) dropKey(id int) {
	s.change(func(s *State) {
		s.DCs = cloneDCs(s.DCs)
		delete(s.DCs, id)
	})
}

// session begins a session with a data centre's permanent key.
func (s *store) session(id int, limits session.Limits) (*session.Session, error) {
	s.mu.Lock()
	d := s.state.DCs[id]
	s.mu.Unlock()
	key, err := crypto.NewKey(d.Key)
	if err != nil {
		return nil, err
	}
	cfg := session.Config{Key: &key, TimeOffset: d.Offset, Rand: rand.Reader, HoldUpdates: true, Limits: limits}
	for i, s := range d.Salts {
		if i == 0 {
			cfg.Salt = s.Salt
		}
		if s.Until != 0 {
			cfg.Salts = append(cfg.Salts, session.Salt{Value: s.Salt, Since: s.Since, Until: s.Until})
		}
	}
	return session.New(cfg)
}

// keepSalts remembers the salts of a permanent key (C24). They are saved now and then: lost ones cost a round trip.
func (s *store) keepSalts(id int, salts []session.Salt) {
	kept := make([]Salt, len(salts))
	for i, s := range salts {
		kept[i] = Salt{Salt: s.Value, Since: s.Since, Until: s.Until}
	}
	s.note(func(s *State) {
		d := s.DCs[id]
		d.Salts = kept
		s.setDC(id, d)
	})
}

// offset returns the server's clock minus ours, as far as it is known (A24).
func (s *store) offset(id int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.state.DCs[id]; ok {
		return d.Offset
	}
	return s.state.DCs[s.state.Home].Offset
}

// keepOffset remembers how far the server's clock is from ours (C11).
func (s *store) keepOffset(id int, offset time.Duration) {
	s.note(func(s *State) {
		d := s.DCs[id]
		d.Offset = offset
		s.setDC(id, d)
	})
}
