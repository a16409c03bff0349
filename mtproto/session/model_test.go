package session

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// model is a server in few lines, for the simulation: it keeps the rules of the protocol, counts what it executes, and
// misbehaves as servers and networks do.
type model struct {
	key      *crypto.Key
	rnd      *rand.Rand
	pad      *rand.ChaCha8
	now      func() time.Time
	calm     bool // no more faults
	salt     int64
	lastID   int64
	sessions map[int64]*life
	conn     *life           // the session that the connection speaks for; nil: none yet
	said     map[int64]int64 // ids, and in which session
	executed map[string]int
	seen     map[string]bool // received, executed or not yet
	given    map[string]bool // updates that were acknowledged
	born     map[string]time.Time
	updates  int
	problem  error
	log      func(string, ...any)
}

// life is a session as the server knows it, until it forgets it.
type life struct {
	id      int64
	in      []taken // ascending ids
	out     []*told // content, until acknowledged
	next    []*told // to be sent now
	acks    []int64
	lost    []int64 // messages that it knows it missed
	content int32
}

type taken struct {
	id       int64
	seq      int32
	query    string
	running  bool
	answered bool
	dropped  bool
}

// told is a message of the server.
type told struct {
	id     int64
	seq    int32
	body   []byte
	update string
}

func newModel(key *crypto.Key, seed uint64, now func() time.Time) *model {
	return &model{key: key, rnd: rand.New(testRand(seed ^ 0xabcdef)), pad: testRand(seed + 1), now: now, salt: 1, sessions: map[int64]*life{},
		said: map[int64]int64{}, executed: map[string]int{}, seen: map[string]bool{}, given: map[string]bool{}, born: map[string]time.Time{},
		log: func(string, ...any) {}}
}

// chance is true once in n times, while there are faults.
func (m *model) chance(n int) bool { return !m.calm && m.rnd.IntN(n) == 0 }

func (m *model) fail(format string, a ...any) {
	if m.problem == nil {
		m.problem = fmt.Errorf(format, a...)
	}
}

// accept takes a packet of the client.
func (m *model) accept(packet []byte) {
	msgs, err := open(m.key, packet)
	if err != nil {
		m.fail("packet of the client: %v", err)
		return
	}
	first := msgs[0]
	outer := first.id
	if first.container != 0 {
		outer = first.container
	}
	l := m.sessions[first.session]
	bad := func(code int32) { m.notice(first.session, &mt.BadMsgNotification{BadMsgID: outer, ErrorCode: code}) }
	server := m.now()
	switch age := time.Duration(server.UnixNano() - timeOf(outer)); {
	case age > 300*time.Second:
		bad(16)
		return
	case age < -30*time.Second:
		bad(17)
		return
	case first.salt != m.salt:
		m.notice(first.session, &mt.BadServerSalt{BadMsgID: outer, ErrorCode: 48, NewServerSalt: m.salt})
		return
	case m.chance(150):
		bad([]int32{16, 17, 19, 20, 32, 33, 34, 35, 64, 65}[m.rnd.IntN(10)])
		return
	}
	if l == nil {
		l = m.begin(first.session, msgs)
	}
	m.attach(l)
	for _, msg := range msgs {
		m.take(l, msg)
	}
}

// begin makes a session, which the client learns first of all.
func (m *model) begin(id int64, msgs []sent) *life {
	l := &life{id: id}
	m.sessions[id] = l
	lowest := msgs[0].id
	m.log("  begins %x with %p", id, l)
	for _, msg := range msgs {
		lowest = min(lowest, msg.id)
	}
	m.say(l, &mt.NewSessionCreated{FirstMsgID: lowest, UniqueID: m.rnd.Int64(), ServerSalt: m.salt}, true)
	return l
}

// attach makes the connection speak for a session; what was not acknowledged comes again.
func (m *model) attach(l *life) {
	if m.conn == l {
		return
	}
	m.conn = l
	for _, t := range l.out {
		if !slices.Contains(l.next, t) {
			l.next = append(l.next, t)
		}
	}
}

// notice is a service message in a session that may not be known here.
func (m *model) notice(session int64, o mt.Object) {
	m.log("  notice %+v", o)
	if l := m.sessions[session]; l != nil {
		m.attach(l)
	} else if m.conn == nil || m.conn.id != session {
		m.conn = &life{id: session} // speaks once
	}
	m.say(m.conn, o, false)
}

// nextID is unique among all lives of a session.
func (m *model) nextID(low int64) int64 {
	m.lastID = max(idAt(m.now().UnixNano()), m.lastID&^3+4) | low
	return m.lastID
}

func (m *model) say(l *life, o mt.Object, content bool) *told {
	low := int64(3)
	if _, ok := o.(*mt.RPCResult); ok {
		low = 1
	}
	t := &told{id: m.nextID(low), seq: 2 * l.content, body: encode(o)}
	m.log("  says %x %08x", t.id, idOf(t.body))
	m.said[t.id] = l.id
	if content {
		t.seq++
		l.content++
		l.out = append(l.out, t)
	}
	l.next = append(l.next, t)
	return t
}

// take handles one message.
func (m *model) take(l *life, msg sent) {
	at, known := slices.BinarySearchFunc(l.in, msg.id, func(e taken, id int64) int { return cmp.Compare(e.id, id) })
	if known {
		l.acks = append(l.acks, msg.id)
		return
	}
	if at > 0 && (l.in[at-1].seq > msg.seq || l.in[at-1].seq == msg.seq && msg.seq&1 == 1) ||
		at < len(l.in) && (l.in[at].seq < msg.seq || l.in[at].seq == msg.seq && msg.seq&1 == 1) {
		m.fail("seq_no %d of %x does not fit", msg.seq, msg.id) // C13
	}
	r := bin.NewReader(msg.body)
	id := idOf(msg.body)
	isQuery := id == 0x11223344
	if isQuery && msg.seq&1 == 0 || id == mt.MsgsAckID && msg.seq&1 == 1 {
		m.fail("parity of seq_no %d of %08x", msg.seq, id) // C14
	}
	if isQuery && m.chance(60) { // lost on the way
		l.lost = append(l.lost, msg.id)
		m.log("  loses %x", msg.id)
		return
	}
	e := taken{id: msg.id, seq: msg.seq}
	if isQuery {
		e.query, e.running = queryName(msg.body), true
		m.seen[e.query] = true
		m.executed[e.query]++
		m.log("  executes %s as %x in %p", e.query, msg.id, l)
		if m.chance(3) {
			l.acks = append(l.acks, msg.id)
		}
	}
	l.in = slices.Insert(l.in, at, e)
	if isQuery && m.chance(200) { // received, but it cannot tell any more
		m.say(l, &mt.BadMsgNotification{BadMsgID: msg.id, ErrorCode: 20}, false)
	}
	m.service(l, msg.id, id, r)
	if err := r.Err(); err != nil {
		m.fail("%08x: %v", id, err)
	}
}

func (m *model) service(l *life, req int64, id uint32, r *bin.Reader) {
	switch id {
	case mt.PingDelayDisconnectID:
		var o mt.PingDelayDisconnect
		o.Decode(r)
		m.say(l, &mt.Pong{MsgID: req, PingID: o.PingID}, false)
	case mt.MsgsAckID:
		var o mt.MsgsAck
		o.Decode(r)
		for _, id := range o.MsgIDs {
			if m.said[id] != l.id {
				m.fail("%x of session %x acknowledged in %x", id, m.said[id], l.id) // C42
			}
			m.acknowledged(l, id)
		}
	case mt.GetFutureSaltsID:
		o := mt.FutureSalts{ReqMsgID: req, Now: int32(m.now().Unix())}
		o.Salts = []mt.FutureSalt{{ValidSince: o.Now, ValidUntil: o.Now + 1800, Salt: m.salt}}
		m.say(l, &o, false)
	case mt.MsgsStateReqID:
		var o mt.MsgsStateReq
		o.Decode(r)
		info := make([]byte, len(o.MsgIDs))
		for i, id := range o.MsgIDs {
			info[i] = l.state(id)
		}
		m.log("  states %x: %v", o.MsgIDs, info)
		m.say(l, &mt.MsgsStateInfo{ReqMsgID: req, Info: info}, m.rnd.IntN(2) == 0)
	case mt.MsgResendReqID:
		var o mt.MsgResendReq
		o.Decode(r)
		for _, t := range l.out {
			if slices.Contains(o.MsgIDs, t.id) && !slices.Contains(l.next, t) {
				l.next = append(l.next, t)
			}
		}
	case mt.RpcDropAnswerID:
		var o mt.RpcDropAnswer
		o.Decode(r)
		m.drop(l, req, o.ReqMsgID)
	case mt.DestroySessionID:
		var o mt.DestroySession
		o.Decode(r)
		if o.SessionID == l.id {
			m.fail("destroys its own session") // C38
		}
		delete(m.sessions, o.SessionID)
		m.say(l, &mt.DestroySessionOk{SessionID: o.SessionID}, true)
	}
}

func (l *life) find(id int64) *taken {
	for i := range l.in {
		if l.in[i].id == id {
			return &l.in[i]
		}
	}
	return nil
}

func (l *life) state(id int64) byte {
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

func (m *model) acknowledged(l *life, id int64) {
	for i, t := range l.out {
		if t.id == id {
			m.log("  acked %x %08x %s", id, idOf(t.body), t.update)
			if t.update != "" && m.now().Sub(m.born[t.update]) < 290*time.Second { // later it is to be ignored, C8
				m.given[t.update] = true
			}
			l.out = slices.Delete(l.out, i, i+1)
			return
		}
	}
}

func (m *model) drop(l *life, req, of int64) {
	e := l.find(of)
	if e == nil || !e.running {
		m.say(l, &mt.RPCResult{ReqMsgID: req, Result: encode(&mt.RpcAnswerUnknown{})}, true)
		return
	}
	e.running, e.dropped = false, true
	for _, id := range []int64{req, of} { // C31: told for both
		m.say(l, &mt.RPCResult{ReqMsgID: id, Result: encode(&mt.RpcAnswerDroppedRunning{})}, true)
	}
}

// work finishes something, pushes something, forgets something.
func (m *model) work() {
	l := m.conn
	if l == nil || m.sessions[l.id] != l {
		return
	}
	for i := range l.in {
		if e := &l.in[i]; e.running && (m.calm || m.rnd.IntN(4) == 0) {
			m.finish(l, e)
		}
	}
	switch {
	case m.calm:
	case m.chance(4):
		m.updates++
		name := fmt.Sprintf("u%d", m.updates)
		t := m.say(l, update(name), true)
		t.update = name
		m.born[name] = m.now()
	case m.chance(30):
		m.say(l, &mt.Ping{PingID: 5}, false)
	case m.chance(20) && len(l.lost) > 0:
		m.say(l, &mt.MsgResendReq{MsgIDs: l.lost}, false)
	case m.chance(20) && len(l.in) > 0: // unasked
		ids := append([]int64{l.in[m.rnd.IntN(len(l.in))].id}, l.lost...)
		info := make([]byte, len(ids))
		for i, id := range ids {
			info[i] = l.state(id)
		}
		m.say(l, &mt.MsgsAllInfo{MsgIDs: ids, Info: info}, false)
	case m.chance(20) && len(l.out) > 0:
		if t := l.out[m.rnd.IntN(len(l.out))]; !slices.Contains(l.next, t) { // again, for no reason
			l.next = append(l.next, t)
		}
	case m.chance(40):
		m.salt++
	case m.chance(60):
		m.forget()
	}
}

// forget destroys all sessions without a word. (C37)
func (m *model) forget() {
	m.log("  forgets everything")
	clear(m.sessions)
	m.conn = nil
}

// raw is TL that is there already.
type raw []byte

func (x raw) Encode(w *bin.Writer) { w.Raw(x) }
func (raw) Decode(*bin.Reader)     {}

func update(name string) mt.Object { return raw(query(name)) }

func (m *model) finish(l *life, e *taken) {
	e.running, e.answered = false, true
	body := query(e.query)
	switch m.rnd.IntN(6) {
	case 0:
		body = encode(&mt.RPCError{ErrorCode: 400, ErrorMessage: e.query})
	case 1:
		body = zipped(body)
	}
	t := m.say(l, &mt.RPCResult{ReqMsgID: e.id, Result: body}, true)
	switch {
	case m.chance(10): // instead of the answer, news of it
		l.next = l.next[:len(l.next)-1]
		m.say(l, &mt.MsgDetailedInfo{MsgID: e.id, AnswerMsgID: t.id}, false)
	case m.chance(20): // only on the next connection
		l.next = l.next[:len(l.next)-1]
	}
}

// packets are what the server sends now.
func (m *model) packets() (out [][]byte) {
	l := m.conn
	if l == nil {
		return nil
	}
	if len(l.acks) > 0 {
		ids := l.acks
		l.acks = nil
		m.say(l, &mt.MsgsAck{MsgIDs: ids}, false)
	}
	next := l.next
	l.next = nil
	m.shuffle(next)
	for len(next) > 0 {
		n := 1 + m.rnd.IntN(len(next))
		out = append(out, m.seal(l, next[:n]))
		next = next[n:]
	}
	return out
}

// shuffle lets messages overtake each other, but no notice of a new session another.
func (m *model) shuffle(next []*told) {
	m.rnd.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
	var at []int
	var births []*told
	for i, t := range next {
		if idOf(t.body) == mt.NewSessionCreatedID {
			at, births = append(at, i), append(births, t)
		}
	}
	slices.SortFunc(births, func(a, b *told) int { return cmp.Compare(a.id, b.id) })
	for i, t := range births {
		next[at[i]] = t
	}
}

func (m *model) seal(l *life, all []*told) []byte {
	if len(all) == 1 {
		return seal(m.key, l.id, mt.Message{MsgID: all[0].id, SeqNo: all[0].seq, Body: all[0].body}, m.pad)
	}
	var c mt.MsgContainer
	for _, t := range all {
		c.Messages = append(c.Messages, mt.Message{MsgID: t.id, SeqNo: t.seq, Body: t.body})
	}
	return seal(m.key, l.id, mt.Message{MsgID: m.nextID(3), SeqNo: 2 * l.content, Body: encode(&c)}, m.pad)
}
