package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
)

// maxSessions is how many sessions of one key are remembered; the longest unused goes first (C37).
const maxSessions = 64

// Key is an authorization key with all that belongs to it.
type Key struct {
	crypto.Key
	Made    time.Time
	Expires time.Time // of a temporary key; zero: permanent
	Data    any       // the answering side's, set by Config.NewKey

	centre *Centre
	salts  salts

	mu         sync.Mutex
	sessions   map[int64]*Session
	users      map[*Conn]struct{} // connections in use with this key
	duplicated bool
	standsFor  *Key // of a bound temporary key: the permanent one
}

// Centre is where the key belongs.
func (k *Key) Centre() *Centre { return k.centre }

// expired reports whether a temporary key is past its time.
func (k *Key) expired(now time.Time) bool { return !k.Expires.IsZero() && now.After(k.Expires) }

// session finds a session or begins one.
func (k *Key) session(id int64) *Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sessions[id]
	if s == nil {
		if len(k.sessions) >= maxSessions {
			k.dropOldest()
		}
		s = &Session{ID: id, key: k}
		s.out.session = s
		k.sessions[id] = s
	}
	return s
}

func (k *Key) dropOldest() {
	var oldest *Session
	for _, s := range k.sessions {
		if oldest == nil || s.active.Load() < oldest.active.Load() {
			oldest = s
		}
	}
	delete(k.sessions, oldest.ID)
}

// Destroy forgets a session and all that waits in it. False: there is none.
func (k *Key) Destroy(id int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.sessions[id]
	delete(k.sessions, id)
	return ok
}

// Sessions lists the sessions of the key.
func (k *Key) Sessions() []*Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]*Session, 0, len(k.sessions))
	for _, s := range k.sessions {
		all = append(all, s)
	}
	return all
}

// Push sends an update to the session of the key that was used last, among those that take updates, see [Push].
func (k *Key) Push(body func() []byte) bool { return Push([]*Key{k}, body) }

// Push sends an update to that session of some keys that was used last, among those that take updates; one that moves files
// is left out as long as there is another (E20). The update is built by body when it is sent, which may be never. False:
// there is no such session, the update is lost.
func Push(keys []*Key, body func() []byte) bool {
	var last *Session
	for _, k := range keys {
		k.mu.Lock()
		for _, s := range k.sessions {
			if s.updates.Load() && (last == nil || s.before(last)) {
				last = s
			}
		}
		k.mu.Unlock()
	}
	if last == nil || last.key.centre.cfg.Faults.happens(LoseUpdate) {
		return false
	}
	last.push(body)
	return true
}

// before reports whether updates go rather to s than to o: to one that is connected, that moves no files, that was used last.
func (s *Session) before(o *Session) bool {
	if connected := s.connected(); connected != o.connected() {
		return connected
	}
	if files := s.files.Load(); files != o.files.Load() {
		return !files
	}
	return s.active.Load() > o.active.Load()
}

// NewSalt makes every salt so far invalid at once.
func (k *Key) NewSalt() { k.salts.renew(k.centre.cfg.Now()) }

// Salt is the present one.
func (k *Key) Salt() int64 { return k.salts.current(k.centre.cfg.Now()) }

// StandFor makes what is done with a temporary key be done with a permanent one, where two connections at once count.
func (k *Key) StandFor(permanent *Key) {
	k.mu.Lock()
	k.standsFor = permanent
	var users []*Conn
	for conn := range k.users {
		users = append(users, conn)
	}
	k.mu.Unlock()
	for _, conn := range users {
		permanent.use(conn)
	}
}

func (k *Key) permanent() *Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.standsFor
}

// use notes that conn speaks with this key, and whether another does at the same time (D8).
func (k *Key) use(conn *Conn) {
	if p := k.permanent(); p != nil {
		p.use(conn)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users == nil {
		k.users = map[*Conn]struct{}{}
	}
	if conn.media {
		return
	}
	for other := range k.users { // on a busy machine the end of one may not have been read yet
		if other != conn && other.gone() {
			delete(k.users, other)
		}
	}
	k.users[conn] = struct{}{}
	if len(k.users) > 1 && k.centre.cfg.OneConnection {
		if !k.duplicated && k.Expires.IsZero() { // a temporary key counts with the permanent one that it stands for
			k.centre.duplicated.Add(1)
		}
		k.duplicated = true
	}
}

func (k *Key) leave(conn *Conn) {
	if p := k.permanent(); p != nil {
		p.leave(conn)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.users, conn)
}

// Duplicated reports whether two connections used the key at once where that is forbidden; it stays so.
func (k *Key) Duplicated() bool {
	if p := k.permanent(); p != nil && p.Duplicated() {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.duplicated
}

const (
	saltSpan  = 30 * time.Minute
	saltGrace = 30 * time.Minute // how long a salt is accepted after the next began (C24)
)

// salts are those of one key: the first as the key exchange made it, then one for every half hour.
type salts struct {
	mu     sync.Mutex
	seed   [sha256.Size]byte
	start0 time.Time
	first  int64
	era    uint64 // how often all salts were thrown away
}

func (s *salts) start(now time.Time, first int64, k crypto.Key) {
	s.seed = sha256.Sum256(k.AppendBytes([]byte("salts of ")))
	s.start0, s.first = now, first
}

func (s *salts) renew(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.era++
	s.start0 = now
}

// at is the salt number n of the present era.
func (s *salts) at(n int) int64 {
	if n == 0 && s.era == 0 {
		return s.first
	}
	var b [sha256.Size + 16]byte
	copy(b[:], s.seed[:])
	binary.LittleEndian.PutUint64(b[sha256.Size:], s.era)
	binary.LittleEndian.PutUint64(b[sha256.Size+8:], uint64(n))
	sum := sha256.Sum256(b[:])
	return int64(binary.LittleEndian.Uint64(sum[:]))
}

func (s *salts) number(now time.Time) int { return max(int(now.Sub(s.start0)/saltSpan), 0) }

func (s *salts) current(now time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at(s.number(now))
}

func (s *salts) valid(now time.Time, salt int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.number(now)
	if s.at(n) == salt {
		return true
	}
	return n > 0 && s.at(n-1) == salt && now.Sub(s.start0) < time.Duration(n)*saltSpan+saltGrace
}

type futureSalt struct {
	since, until int32
	salt         int64
}

// future lists the salts from the present one on.
func (s *salts) future(now time.Time, n int) []futureSalt {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.number(now)
	all := make([]futureSalt, n)
	for i := range all {
		since := s.start0.Add(time.Duration(first+i) * saltSpan)
		all[i] = futureSalt{int32(since.Unix()), int32(since.Add(saltSpan + saltGrace).Unix()), s.at(first + i)}
	}
	return all
}
