package mttest

import (
	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
	"github.com/natsgram/natsgram/tl/bin"
)

const idBindInner = 0x75a3f765

// bindTempKey makes the temporary key that asks stand for a permanent one (B21, B22). The page says that a binding before is
// replaced (B19), which WireConfig.Strict does; but TDLib binds a key for each of its sessions at once, and lives on
// Telegram. What is said over a key that was not bound before has to be introduced (B23).
func bindTempKey(r *Request) (any, error) {
	temp := r.call.Session.Key()
	perm := r.centre.Key(uint64(r.Args.Int("perm_auth_key_id")))
	switch {
	case temp.Expires.IsZero():
		return nil, refusal(400, "TEMP_AUTH_KEY_EMPTY")
	case perm == nil || !perm.Expires.IsZero():
		return nil, refusal(400, "ENCRYPTED_MESSAGE_INVALID")
	case r.Args.Int("expires_at") < r.server.cfg.Now().Unix():
		return nil, refusal(400, "EXPIRES_AT_INVALID")
	}
	msgID, body, err := crypto.OpenV1(&perm.Key, r.Args.Bytes("encrypted_message"))
	if err != nil || msgID != r.MsgID || !r.binds(body, temp.ID(), perm.ID()) {
		return nil, refusal(400, "ENCRYPTED_MESSAGE_INVALID")
	}
	own, _ := temp.Data.(*device)
	of, _ := perm.Data.(*device)
	for _, former := range of.rebind(temp, r.call.Conn.Media(), r.server.cfg.Wire.Strict) {
		former.unbind()
	}
	own.mu.Lock()
	own.bound, own.inited = of, false
	own.mu.Unlock()
	temp.StandFor(perm)
	return true, nil
}

// rebind has a temporary key stand for the permanent one of d, and returns the devices of those that do no longer: with
// replace, all others. At addresses for media it is another one.
func (d *device) rebind(temp *wire.Key, media, replace bool) (former []*device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bound := &d.temps
	if media {
		bound = &d.media
	}
	all := *bound
	*bound = nil
	for _, k := range all {
		switch own, _ := k.Data.(*device); {
		case k == temp || k.Centre().Key(k.ID()) == nil: // expired, or forgotten
		case replace:
			former = append(former, own)
		default:
			*bound = append(*bound, k)
		}
	}
	*bound = append(*bound, temp)
	return former
}

func (d *device) unbind() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bound = nil
}

// TempKeys are the temporary keys that there are, and how many of them are bound to a permanent one.
func (s *Server) TempKeys() (all, bound int) {
	for _, k := range s.tempKeys() {
		all++
		if d, ok := k.Data.(*device); ok && d.isBound() {
			bound++
		}
	}
	return all, bound
}

// PermanentKeys is how many permanent keys there are.
func (s *Server) PermanentKeys() (n int) {
	for _, c := range s.centres {
		for _, k := range c.Keys() {
			if k.Expires.IsZero() {
				n++
			}
		}
	}
	return n
}

// ForgetTempKeys drops all temporary keys, which a server may do at any time (B25).
func (s *Server) ForgetTempKeys() {
	for _, k := range s.tempKeys() {
		k.Centre().Forget(k.ID())
	}
}

// UnbindTempKeys keeps the temporary keys, but they stand for nothing any more (B25).
func (s *Server) UnbindTempKeys() {
	for _, k := range s.tempKeys() {
		if d, ok := k.Data.(*device); ok {
			d.unbind()
		}
	}
}

func (s *Server) tempKeys() (all []*wire.Key) {
	for _, c := range s.centres {
		for _, k := range c.Keys() {
			if !k.Expires.IsZero() && c.Key(k.ID()) != nil {
				all = append(all, k)
			}
		}
	}
	return all
}

func (d *device) isBound() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bound != nil
}

// binds checks bind_auth_key_inner.
func (r *Request) binds(body []byte, temp, perm uint64) bool {
	b := bin.NewReader(body)
	b.Expect(idBindInner, "bind_auth_key_inner")
	nonce, tempID, permID, session, until := b.Int64(), b.Uint64(), b.Uint64(), b.Int64(), b.Int32()
	return b.Close() == nil && nonce == r.Args.Int("nonce") && tempID == temp && permID == perm && session == r.SessionID &&
		int64(until) == r.Args.Int("expires_at")
}

// Forget drops a key of a data centre, permanent or not: whoever uses it is told -404 (A10).
func (s *Server) Forget(dc int, key uint64) {
	if c := s.centre(dc); c != nil {
		c.Forget(key)
	}
}

// Sessions is how many sessions of all keys a data centre remembers.
func (s *Server) Sessions(dc int) (n int) {
	if c := s.centre(dc); c != nil {
		for _, k := range c.Keys() {
			n += len(k.Sessions())
		}
	}
	return n
}

// Unacknowledged is how many messages to clients wait to be acknowledged.
func (s *Server) Unacknowledged() (n int) {
	for _, c := range s.centres {
		for _, k := range c.Keys() {
			for _, session := range k.Sessions() {
				n += session.Unacknowledged()
			}
		}
	}
	return n
}
