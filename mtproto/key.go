package mtproto

import (
	"context"
	"crypto/rand"
	"maps"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/session"
)

// ensureKey makes the authorization keys that there are not (B28), and has a session with the right one.
func (l *link) ensureKey(ctx context.Context, w *wire) error {
	done, err := l.c.keys.turn(ctx, l.id)
	if err != nil {
		return err
	}
	defer done()
	if l.use == forCDN {
		return l.ensureCDN(w)
	}
	if err := l.ensurePermanent(w); err != nil {
		return err
	}
	if l.c.o.NoPFS && !l.tries.verify {
		return l.overPermanent()
	}
	t, err := l.temporaryFor(w)
	if err != nil {
		return err
	}
	return l.overTemporary(t)
}

func (l *link) ensurePermanent(w *wire) error {
	if !l.c.permanent(l.id).Zero() {
		return nil
	}
	began := time.Now()
	r, err := l.exchange(w, 0)
	if err != nil {
		return err
	}
	l.c.emit(KeyCreated{DC: l.id, Took: time.Since(began)})
	l.c.keepKey(l.id, r)
	return nil
}

// permanent is the permanent key of a data centre, the zero Key if there is none.
func (c *Client) permanent(id int) crypto.Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The length was checked, and nothing else can be wrong with a key.
	k, _ := crypto.NewKey(c.state.DCs[id].Key)
	return k
}

// overPermanent has a session with the permanent key itself.
func (l *link) overPermanent() error {
	l.mu.Lock()
	there := l.sess != nil
	l.mu.Unlock()
	if there {
		return nil
	}
	cfg, err := l.c.sessionConfig(l.id)
	if err != nil {
		return err
	}
	s, err := session.New(cfg)
	if err != nil {
		return err
	}
	l.begin(s, nil)
	return nil
}

// overTemporary has a session with a temporary key.
func (l *link) overTemporary(t *temporary) error {
	l.mu.Lock()
	there := l.sess != nil && l.temp == t
	l.mu.Unlock()
	if there {
		return nil
	}
	l.abandon()
	s, err := l.c.keys.session(t, l.limits().Session)
	if err != nil {
		return err
	}
	l.begin(s, t)
	return nil
}

// exchange makes a key over a fresh connection: a permanent one, or one that lives so long. Any failure, also -404, means a
// new connection and a new exchange (B17).
func (l *link) exchange(w *wire, life time.Duration) (*handshake.Result, error) {
	h := handshake.NewClient(handshake.Config{
		Keys: l.rsaKeys(), DC: l.c.o.Env.WireID(w.to), ExpiresIn: life, Rand: rand.Reader,
	})
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
	c.keys.dropAll(id)
	c.change(func(s *State) {
		s.DCs = cloneDCs(s.DCs)
		delete(s.DCs, id)
	})
}

// sessionConfig is what a session with a data centre's permanent key begins with.
func (c *Client) sessionConfig(id int) (session.Config, error) {
	c.mu.Lock()
	d := c.state.DCs[id]
	c.mu.Unlock()
	key, err := crypto.NewKey(d.Key)
	if err != nil {
		return session.Config{}, err
	}
	cfg := session.Config{
		Key: &key, TimeOffset: d.Offset, Rand: rand.Reader, HoldUpdates: true, Limits: c.o.Limits.Session,
	}
	for i, s := range d.Salts {
		if i == 0 {
			cfg.Salt = s.Salt
		}
		if s.Until != 0 {
			cfg.Salts = append(cfg.Salts, session.Salt{Value: s.Salt, Since: s.Since, Until: s.Until})
		}
	}
	return cfg, nil
}

// keepSalts remembers the salts of a permanent key (C24). They are saved now and then: lost ones cost a round trip.
func (c *Client) keepSalts(id int, salts []session.Salt) {
	kept := make([]Salt, len(salts))
	for i, s := range salts {
		kept[i] = Salt{Salt: s.Value, Since: s.Since, Until: s.Until}
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
