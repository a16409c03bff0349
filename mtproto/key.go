package mtproto

import (
	"crypto/rand"
	"maps"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/session"
)

// ensureKey makes an authorization key where there is none (B28). Where our key was denied, it makes one only to have the
// peer prove that it is the data centre, so that nobody between can talk us out of our key (A11).
func (l *link) ensureKey(w *wire) error {
	l.mu.Lock()
	have := l.sess != nil
	l.mu.Unlock()
	if have && l.tries.doubts == 0 {
		return nil
	}
	began := time.Now()
	r, err := l.exchange(w)
	if err != nil || have {
		return err
	}
	l.c.emit(KeyCreated{DC: l.id, Took: time.Since(began)})
	l.c.keepKey(l.id, r)
	return l.resume()
}

// exchange makes a key over a fresh connection. Any failure, also -404, means a new connection and a new exchange (B17).
func (l *link) exchange(w *wire) (*handshake.Result, error) {
	h := handshake.NewClient(handshake.Config{Keys: l.c.o.Env.Keys, DC: l.c.o.Env.WireID(w.to), Rand: rand.Reader})
	packet, err := h.Start(time.Now())
	for err == nil {
		if packet != nil {
			err = w.send(packet)
		}
		if err == nil {
			packet, err = w.receive()
		}
		var done *handshake.Result
		if err == nil {
			packet, done, err = h.Receive(time.Now(), packet)
		}
		if done != nil {
			return done, nil
		}
	}
	return nil, err
}

// keepKey puts a new key into the state, and saves it before anything relies on it.
func (c *Client) keepKey(id int, r *handshake.Result) {
	c.change(func(s *State) {
		if s.Home == 0 {
			s.Home = id
		}
		s.setDC(id, DCState{
			Key: r.Key.AppendBytes(nil), Created: time.Now(), Offset: r.TimeOffset, Salts: []Salt{{Salt: r.Salt}},
		})
	})
}

// dropKey forgets what we share with a data centre.
func (c *Client) dropKey(id int) {
	c.change(func(s *State) {
		s.DCs = cloneDCs(s.DCs)
		delete(s.DCs, id)
	})
}

func (c *Client) keyAge(id int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.state.DCs[id].Created)
}

// sessionConfig is what a session with a data centre begins with. False: there is no key.
func (c *Client) sessionConfig(id int) (session.Config, bool, error) {
	c.mu.Lock()
	d := c.state.DCs[id]
	c.mu.Unlock()
	if len(d.Key) == 0 {
		return session.Config{}, false, nil
	}
	key, err := crypto.NewKey(d.Key)
	if err != nil {
		return session.Config{}, false, err
	}
	cfg := session.Config{
		Key: &key, TimeOffset: d.Offset, Rand: rand.Reader, HoldUpdates: true, Limits: c.o.Limits.Session,
	}
	for i, s := range d.Salts {
		if i == 0 {
			cfg.Salt = s.Salt
		}
		if s.Until != 0 {
			cfg.Salts = append(cfg.Salts, session.Salt{Value: s.Salt, Since: unix(s.Since), Until: unix(s.Until)})
		}
	}
	return cfg, true, nil
}

func unix(sec int64) time.Time { return time.Unix(sec, 0) }

// saltsEvery is how often new salts alone are a reason to save.
const saltsEvery = 15 * time.Minute

// keepSalts remembers the salts of a key (C24). They are saved now and then: lost ones cost a round trip.
func (c *Client) keepSalts(id int, salts []session.Salt) {
	var kept []Salt
	for _, s := range salts {
		k := Salt{Salt: s.Value}
		if !s.Until.IsZero() {
			k.Since, k.Until = s.Since.Unix(), s.Until.Unix()
		}
		kept = append(kept, k)
	}
	c.note(func(s *State) {
		d := s.DCs[id]
		d.Salts = kept
		s.setDC(id, d)
	})
}

// keepOffset remembers how far the server's clock is from ours (C11).
func (c *Client) keepOffset(id int, offset time.Duration) {
	c.note(func(s *State) {
		d := s.DCs[id]
		d.Offset = offset
		s.setDC(id, d)
	})
}

// setDC replaces what is kept of a data centre, in a new map: old ones may have been given away.
func (s *State) setDC(id int, d DCState) {
	s.DCs = cloneDCs(s.DCs)
	s.DCs[id] = d
}

func cloneDCs(m map[int]DCState) map[int]DCState {
	out := make(map[int]DCState, len(m)+1)
	maps.Copy(out, m)
	return out
}
