package sim

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// sessionLife is a session as the server knows it, until it forgets it.
type sessionLife struct {
	id      int64
	key     *authKey
	conn    *connection // where it was heard last
	in      []received  // by ascending ids
	out     []*told     // content, until it is acknowledged
	next    []*told     // to be sent now
	acks    []int64
	lost    []int64 // messages that it knows it missed
	content int32
}

// received is a message of the client.
type received struct {
	id       int64
	seq      int32
	query    string
	running  bool
	answered bool

	// Of a query to a chat.
	after   int64 // the message that it comes after; 0: none
	came    time.Time
	random  string // its random_id
	decided bool   // it was executed, or refused
	refusal string
}

// told is a message of the server.
type told struct {
	id     int64
	seq    int32
	body   []byte
	update string
	unique int64 // of a notice of a new session
}

func (l *sessionLife) find(id int64) *received {
	if i, ok := slices.BinarySearchFunc(l.in, id, func(e received, id int64) int { return compare(e.id, id) }); ok {
		return &l.in[i]
	}
	return nil
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// state is the byte of msgs_state_info (C26).
func (l *sessionLife) state(id int64) byte {
	switch e := l.find(id); {
	case e != nil && e.answered:
		return 4 | 64
	case e != nil:
		return 4 | 32
	case len(l.in) == 0 || id < l.in[0].id:
		return 1
	case id > l.in[len(l.in)-1].id:
		return 3
	}
	return 2
}

// begin makes a session, which the client learns first of all (C36).
func (s *server) begin(l *connection, k *authKey, p packet) *sessionLife {
	x := &sessionLife{id: p.session, key: k, conn: l}
	k.sessions[x.id] = x
	k.lives = append(k.lives, x)
	first := p.messages[0].MsgID
	for _, m := range p.messages {
		first = min(first, m.MsgID)
	}
	if s.w.mutant == LateFirst {
		first = p.outer + 1<<32
	}
	n := &mt.NewSessionCreated{FirstMsgID: first, UniqueID: int64(s.w.rnd.next()), ServerSalt: k.salt}
	s.w.log("  server begins session %x, first %x", x.id, first)
	s.say(x, n, true).unique = n.UniqueID
	return x
}

// attach makes a connection the one of a session; what was not acknowledged comes again.
func (s *server) attach(x *sessionLife, l *connection) {
	if x.conn == l && l.life == x {
		return
	}
	x.conn, l.life = l, x
	x.resend()
}

func (x *sessionLife) resend() {
	for _, t := range x.out {
		x.sendAgain(t)
	}
}

func (x *sessionLife) sendAgain(t *told) {
	if !slices.Contains(x.next, t) {
		x.next = append(x.next, t)
	}
}

// nextID is an id that no message of the key had.
func (s *server) nextID(k *authKey, low int64) int64 {
	s.lastID = max(idAt(s.now()), s.lastID&^3+4)
	for ; ; s.lastID += 4 {
		if _, used := k.said[s.lastID|low]; !used {
			return s.lastID | low
		}
	}
}

// say has a message sent in a session.
func (s *server) say(x *sessionLife, o mt.Object, content bool) *told {
	low := int64(3)
	if _, ok := o.(*mt.RPCResult); ok {
		low = 1
	}
	t := &told{id: s.nextID(x.key, low), seq: 2 * x.content, body: encode(o)}
	x.key.said[t.id] = x.id
	if content {
		t.seq++
		x.content++
		x.out = append(x.out, t)
	}
	x.next = append(x.next, t)
	return t
}

// flush sends what a session has to say, if anybody is there.
func (s *server) flush(x *sessionLife) {
	if len(x.acks) > 0 {
		ids := x.acks
		x.acks = nil
		s.say(x, &mt.MsgsAck{MsgIDs: ids}, false)
	}
	next := x.next
	x.next = nil
	if x.conn.left || x.conn.closed {
		return
	}
	s.mix(next)
	for len(next) > 0 {
		n := 1 + s.w.rnd.n(len(next))
		s.send(x, next[:n])
		next = next[n:]
	}
}

// mix lets messages overtake each other, but no notice of a new session another.
func (s *server) mix(next []*told) {
	shuffle(&s.w.rnd, next)
	var at []int
	var births []*told
	for i, t := range next {
		if t.unique != 0 {
			at, births = append(at, i), append(births, t)
		}
	}
	slices.SortFunc(births, func(a, b *told) int { return compare(a.id, b.id) })
	for i, t := range births {
		next[at[i]] = t
	}
}

// waited is the age from which on the server sends no message by itself: only the id of the container tells that it is of today (C8).
const waited = 2 * time.Minute

// send makes a packet of messages, in a container if there are several, or if it is an old one.
func (s *server) send(x *sessionLife, all []*told) {
	m := mt.Message{MsgID: all[0].id, SeqNo: all[0].seq, Body: all[0].body}
	if several := len(all) > 1 || s.w.rnd.one(8); several || s.now().Sub(whenOf(all[0].id)) > waited {
		var c mt.MsgContainer
		for _, t := range all {
			c.Messages = append(c.Messages, mt.Message{MsgID: t.id, SeqNo: t.seq, Body: t.body})
		}
		m = mt.Message{MsgID: s.nextID(x.key, 3), SeqNo: 2 * x.content, Body: encode(&c)}
		x.key.said[m.MsgID] = x.id
	}
	s.w.report.Packets++
	p := sealPacket(&x.key.key, x.key.salt, x.id, m, &s.w.rnd)
	if s.w.tracing() {
		for _, t := range all {
			s.w.log("  server sends %x %s on %d", t.id, describe(t.body), x.conn.number)
		}
	}
	if len(x.conn.packets) < 4 {
		x.conn.packets = append(x.conn.packets, p)
	}
	s.put(x.conn, p)
}
