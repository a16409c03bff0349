package sim

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// server is a data centre in few lines.
type server struct {
	w      *world
	keys   map[uint64]*authKey
	order  []*authKey // the same, in the order in which they were made
	lastID int64
	ledger ledger
}

// authKey is a key and what belongs to it.
type authKey struct {
	key      crypto.Key
	temp     bool
	bound    bool      // a temporary one, to the permanent one
	salt     int64     // the present one
	former   int64     // the one before, good for a while yet
	next     int64     // the one that was announced; 0: none
	turn     time.Time // when it begins
	sessions map[int64]*sessionLife
	lives    []*sessionLife     // the same, in the order in which they began
	seen     map[[16]byte]bool  // packets: none is taken twice
	denied   map[int64]struct{} // messages that it said it had not received
	said     map[int64]int64    // its own message ids, and in which session
	old      [][]byte           // of the client, for whoever wants to send them again
}

func newServer(w *world) *server {
	return &server{w: w, keys: map[uint64]*authKey{}, ledger: newLedger()}
}

func (s *server) now() time.Time { return s.w.now.Add(s.w.skew) }

// add makes a key known.
func (s *server) add(k crypto.Key, salt int64, temp bool) *authKey {
	a := &authKey{key: k, salt: salt, temp: temp, sessions: map[int64]*sessionLife{}, seen: map[[16]byte]bool{},
		denied: map[int64]struct{}{}, said: map[int64]int64{}}
	s.keys[k.ID()] = a
	s.order = append(s.order, a)
	return a
}

// grace is how long a salt is taken after the next began (C24).
const grace = 20 * time.Second

// takes reports whether a salt is good.
func (k *authKey) takes(salt int64, now time.Time) bool {
	if k.next != 0 && !now.Before(k.turn) {
		k.former, k.salt, k.next = k.salt, k.next, 0
	}
	return salt == k.salt || salt == k.former && now.Before(k.turn.Add(grace))
}

// grant makes a key without the exchange, which costs more than all the rest of a run.
func (s *server) grant(temp bool) *authKey {
	var b [crypto.KeySize]byte
	_, _ = s.w.rnd.Read(b[:])
	k, err := crypto.NewKey(b[:])
	if err != nil {
		panic(err)
	}
	return s.add(k, int64(s.w.rnd.next()), temp)
}

// receive takes bytes from a connection.
func (s *server) receive(l *connection, b []byte) {
	l.framing.Feed(b)
	for !l.closed {
		f, ok, err := l.framing.Next()
		if err != nil {
			s.w.log("  server closes %d: %v", l.number, err)
			l.closed = true
		}
		if !ok {
			return
		}
		s.frame(l, f)
	}
}

func (s *server) frame(l *connection, f transport.Frame) {
	id, ok := crypto.PacketKeyID(f.Payload)
	switch k := s.keys[id]; {
	case !ok:
		l.closed = true
	case id == 0:
		s.handshake(l, f.Payload)
	case k == nil:
		s.refuseConnection(l, transport.CodeUnknownKey)
	case s.w.happens(overload):
		s.refuseConnection(l, transport.CodeFlood)
	default:
		s.encrypted(l, k, f)
	}
}

// refuseConnection answers with an error code and closes.
func (s *server) refuseConnection(l *connection, code int32) {
	s.w.log("  server says %d on %d", code, l.number)
	l.closed = true
	if out, err := l.framing.AppendError(l.down, code); err == nil {
		l.down = out
	}
}

func (s *server) handshake(l *connection, b []byte) {
	if l.exchange == nil {
		c := handshake.ServerConfig{Keys: []*crypto.PrivateKey{serverKey()}, Rand: &s.w.rnd}
		c.RefuseParams, c.Refuse = s.w.happens(refuseKey), s.w.happens(refuseKey)
		if s.w.happens(retryKey) {
			c.Retries = 1 + s.w.rnd.n(3)
		}
		l.exchange = handshake.NewServer(c)
	}
	send, done, err := l.exchange.Receive(s.now(), b)
	if err != nil {
		s.w.log("  server's key exchange: %v", err)
		s.refuseConnection(l, transport.CodeUnknownKey)
		return
	}
	if done != nil {
		s.w.log("  server has %v", done.Key)
		s.add(done.Key, done.Salt, !done.ExpiresAt.IsZero())
	}
	s.put(l, send)
}

// put sends a packet.
func (s *server) put(l *connection, b []byte) {
	out, err := l.framing.Append(l.down, b, false)
	if err != nil {
		s.ledger.wrong("the server cannot send %d bytes: %v", len(b), err)
		return
	}
	l.down = out
}

func (s *server) encrypted(l *connection, k *authKey, f transport.Frame) {
	plain, token, err := crypto.OpenAck(nil, &k.key, crypto.Client, f.Payload)
	if err != nil {
		s.w.log("  server cannot read a packet on %d", l.number)
		s.refuseConnection(l, transport.CodeUnknownKey)
		return
	}
	p, err := readPacket(plain)
	if err != nil {
		s.ledger.wrong("packet of the client: %v", err)
		return
	}
	if f.AckWanted && !l.left {
		if out, err := l.framing.AppendQuickAck(l.down, token); err == nil {
			l.down = out
		}
	}
	s.accept(l, k, p, f.Payload)
}

// accept takes what was in a packet, unless the packet was here before and its session is not.
func (s *server) accept(l *connection, k *authKey, p packet, frame []byte) {
	life := k.sessions[p.session]
	mark := [16]byte(frame[8:24])
	if k.seen[mark] && (life == nil || life.find(p.messages[0].MsgID) == nil) {
		return
	}
	if !k.seen[mark] && len(k.old) < 8 {
		k.old = append(k.old, append([]byte(nil), frame...))
	}
	k.seen[mark] = true
	if s.refused(l, k, p) {
		return
	}
	if life == nil {
		life = s.begin(l, k, p)
	}
	s.attach(life, l)
	for _, m := range p.messages {
		s.take(life, m)
	}
	s.flush(life)
}

// refused checks time and salt of a packet (C8, C23, C24), or refuses without a reason.
func (s *server) refused(l *connection, k *authKey, p packet) bool {
	age := s.now().Sub(whenOf(p.outer))
	switch {
	case age > 300*time.Second:
		s.refuse(l, k, p, 16)
	case age < -30*time.Second:
		s.refuse(l, k, p, 17)
	case !k.takes(p.salt, s.now()):
		s.notice(l, k, p.session, &mt.BadServerSalt{BadMsgID: p.outer, ErrorCode: 48, NewServerSalt: k.salt})
	case s.w.happens(refuse):
		codes := []int32{16, 17, 18, 19, 20, 32, 33, 34, 35, 64, 65}
		s.refuse(l, k, p, codes[s.w.rnd.n(len(codes))])
	default:
		return false
	}
	return true
}

func (s *server) refuse(l *connection, k *authKey, p packet, code int32) {
	s.w.log("  server refuses %x with %d", p.outer, code)
	s.notice(l, k, p.session, &mt.BadMsgNotification{BadMsgID: p.outer, ErrorCode: code})
}

// notice is a service message in a session that may not be known here.
func (s *server) notice(l *connection, k *authKey, session int64, o mt.Object) {
	life := k.sessions[session]
	if life == nil {
		life = &sessionLife{id: session, key: k}
	}
	s.attach(life, l)
	s.say(life, o, false)
	s.flush(life)
}

// timeouts closes connections without pings (C33).
func (s *server) timeouts() {
	for _, l := range s.w.connections {
		if l.closed || l.deadline.IsZero() || s.w.now.Before(l.deadline) {
			continue
		}
		s.w.log("  server closes %d: no ping", l.number)
		if l == s.w.client.conn && s.w.calm && !l.mute && !l.left && len(l.up) == 0 {
			s.ledger.wrong("the client did not ping in time")
		}
		l.closed = true
	}
}
