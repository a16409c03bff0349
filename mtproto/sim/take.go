package sim

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// take handles one message of the client.
func (s *server) take(x *sessionLife, m mt.Message) {
	if x.find(m.MsgID) != nil {
		x.acks = append(x.acks, m.MsgID)
		return
	}
	if _, denied := x.key.denied[m.MsgID]; denied {
		s.w.log("  server keeps its word about %x", m.MsgID)
		return
	}
	s.numbered(x, m)
	e := received{id: m.MsgID, seq: m.SeqNo}
	body := s.unpacked(m.Body)
	if idOf(body) == invokeAfterMsgID && len(body) > 12 {
		e.after = int64(binary.LittleEndian.Uint64(body[4:]))
		body = s.unpacked(body[12:])
	}
	isQuery := idOf(body) == queryID
	if isQuery && s.w.happens(loseQuery) {
		s.w.log("  server loses %x %s", m.MsgID, nameIn(body))
		x.lost = append(x.lost, m.MsgID)
		return
	}
	if isQuery {
		s.execute(x, &e, nameIn(body))
	}
	at, _ := slices.BinarySearchFunc(x.in, m.MsgID, func(e received, id int64) int { return compare(e.id, id) })
	x.in = slices.Insert(x.in, at, e)
	if !isQuery {
		s.service(x, m.MsgID, body)
	}
}

// numbered checks the number of a message against its neighbours (C13, C14).
func (s *server) numbered(x *sessionLife, m mt.Message) {
	odd := m.SeqNo & 1
	for _, e := range x.in {
		later := e.id > m.MsgID
		if later && (e.seq < m.SeqNo || e.seq == m.SeqNo && odd == 1) || !later && (e.seq > m.SeqNo || e.seq == m.SeqNo && odd == 1) {
			s.ledger.wrong("seq_no %d of %x does not fit %d of %x", m.SeqNo, m.MsgID, e.seq, e.id)
		}
	}
	switch id := idOf(m.Body); {
	case (id == queryID || id == mt.GzipPackedID || id == invokeAfterMsgID) && odd == 0, id == mt.MsgsAckID && odd == 1:
		s.ledger.wrong("parity of seq_no %d of %s", m.SeqNo, describe(m.Body))
	}
}

func (s *server) unpacked(body []byte) []byte {
	if idOf(body) != mt.GzipPackedID {
		return body
	}
	var g mt.GzipPacked
	g.Decode(bin.NewReader(body))
	out, err := mt.Gunzip(nil, g.PackedData, 1<<20)
	if err != nil {
		s.ledger.wrong("gzip_packed of the client: %v", err)
	}
	return out
}

func (s *server) execute(x *sessionLife, e *received, name string) {
	e.random, e.came = name, s.now()
	name = strings.TrimSuffix(name, otherID)
	e.query, e.running = name, true
	s.ledger.seen[name] = true
	s.w.log("  server has %s as %x", name, e.id)
	switch {
	case toChat(name):
		if s.w.rnd.one(2) {
			s.perform(x, e)
		}
	case x.key.temp && !x.key.bound: // refused by the API, B20
	case s.w.mutant == ExecuteTwice && s.w.rnd.one(20):
		s.ledger.executed[name] += 2
	default:
		s.ledger.executed[name]++
	}
	if s.w.happens(ackQuery) {
		x.acks = append(x.acks, e.id)
	}
	if s.w.happens(refuseDone) {
		s.say(x, &mt.BadMsgNotification{BadMsgID: e.id, ErrorCode: 20}, false)
	}
}

// handlers are the service messages of the client, as far as they want something.
var handlers = map[uint32]func(s *server, x *sessionLife, req int64, r *bin.Reader){
	mt.PingDelayDisconnectID: (*server).pinged,
	mt.MsgsAckID:             (*server).acked,
	mt.GetFutureSaltsID:      (*server).salts,
	mt.MsgsStateReqID:        (*server).states,
	mt.MsgResendReqID:        (*server).wanted,
	mt.RpcDropAnswerID:       (*server).drop,
	mt.DestroySessionID:      (*server).destroy,
	mt.MsgsStateInfoID:       nil,
	mt.PongID:                nil,
	bindID:                   (*server).bind,
}

func (s *server) service(x *sessionLife, req int64, body []byte) {
	h, known := handlers[idOf(body)]
	if !known {
		s.ledger.wrong("the client says %s", describe(body))
	}
	if h == nil {
		return
	}
	r := bin.NewReader(body)
	h(s, x, req, r)
	if err := r.Close(); err != nil {
		s.ledger.wrong("%s: %v", describe(body), err)
	}
}

func (s *server) pinged(x *sessionLife, req int64, r *bin.Reader) {
	var m mt.PingDelayDisconnect
	m.Decode(r)
	x.conn.deadline = s.w.now.Add(time.Duration(m.DisconnectDelay) * time.Second)
	s.say(x, &mt.Pong{MsgID: req, PingID: m.PingID}, false)
}

func (s *server) acked(x *sessionLife, _ int64, r *bin.Reader) {
	var m mt.MsgsAck
	m.Decode(r)
	if s.w.mutant == DeafToAcks {
		return
	}
	for _, id := range m.MsgIDs {
		if x.key.said[id] != x.id {
			s.ledger.wrong("%x of session %x acknowledged in %x", id, x.key.said[id], x.id) // C42
		}
		for i, t := range x.out {
			if t.id == id {
				s.ledger.acknowledged(t, s.now())
				x.out = slices.Delete(x.out, i, i+1)
				break
			}
		}
	}
}

// salts tells the present salt and announces another (C24).
func (s *server) salts(x *sessionLife, req int64, r *bin.Reader) {
	var m mt.GetFutureSalts
	m.Decode(r)
	now := int32(s.now().Unix())
	k, until := x.key, now+1800
	if k.next == 0 && s.w.happens(nextSalt) {
		k.next, k.turn = int64(s.w.rnd.next()), time.Unix(int64(now+2+int32(s.w.rnd.n(20))), 0)
	}
	a := mt.FutureSalts{ReqMsgID: req, Now: now}
	if k.next != 0 {
		since := int32(k.turn.Unix())
		a.Salts = append(a.Salts, mt.FutureSalt{ValidSince: since, ValidUntil: until, Salt: k.next})
		until = since + int32(grace/time.Second)
	}
	a.Salts = append(a.Salts, mt.FutureSalt{ValidSince: now - 60, ValidUntil: until, Salt: k.salt})
	s.say(x, &a, false)
}

func (s *server) states(x *sessionLife, req int64, r *bin.Reader) {
	var m mt.MsgsStateReq
	m.Decode(r)
	info := make([]byte, len(m.MsgIDs))
	for i, id := range m.MsgIDs {
		info[i] = x.state(id)
		if s.w.mutant == DenyReceived && s.w.rnd.one(4) {
			info[i] = 2
		}
		if info[i] == 2 || info[i] == 3 {
			x.key.denied[id] = struct{}{}
		}
	}
	s.w.log("  server: states of %x: %v", m.MsgIDs, info)
	s.say(x, &mt.MsgsStateInfo{ReqMsgID: req, Info: info}, s.w.rnd.one(2))
}

func (s *server) wanted(x *sessionLife, _ int64, r *bin.Reader) {
	var m mt.MsgResendReq
	m.Decode(r)
	for _, t := range x.out {
		if slices.Contains(m.MsgIDs, t.id) {
			x.sendAgain(t)
		}
	}
}

// drop gives an answer up, and says so for both (C31).
func (s *server) drop(x *sessionLife, req int64, r *bin.Reader) {
	var m mt.RpcDropAnswer
	m.Decode(r)
	e := x.find(m.ReqMsgID)
	if e == nil || !e.running {
		s.say(x, &mt.RPCResult{ReqMsgID: req, Result: encode(&mt.RpcAnswerUnknown{})}, true)
		return
	}
	e.running = false
	for _, id := range []int64{req, e.id} {
		s.say(x, &mt.RPCResult{ReqMsgID: id, Result: encode(&mt.RpcAnswerDroppedRunning{})}, true)
	}
}

func (s *server) destroy(x *sessionLife, _ int64, r *bin.Reader) {
	var m mt.DestroySession
	m.Decode(r)
	if m.SessionID == x.id {
		s.ledger.wrong("the client destroys its own session") // C38
	}
	delete(x.key.sessions, m.SessionID)
	s.say(x, &mt.DestroySessionOk{SessionID: m.SessionID}, true)
}

// bindID is auth.bindTempAuthKey.
const bindID = 0xcdd42a05

// bind checks the binding of a temporary key: made for this very message (B21, B22).
func (s *server) bind(x *sessionLife, req int64, r *bin.Reader) {
	r.Uint32()
	perm, nonce, expires, sealed := r.Int64(), r.Int64(), r.Int32(), r.Bytes()
	var in mt.BindAuthKeyInner
	k := s.keys[uint64(perm)]
	if k == nil || k.temp {
		s.say(x, &mt.RPCResult{ReqMsgID: req, Result: encode(&mt.RPCError{ErrorCode: 400, ErrorMessage: "ENCRYPTED_MESSAGE_INVALID"})}, true)
		return
	}
	id, body, err := crypto.OpenV1(&k.key, sealed)
	in.Decode(bin.NewReader(body))
	if err != nil || id != req || in.Nonce != nonce || in.ExpiresAt != expires || in.PermAuthKeyID != perm ||
		in.TempAuthKeyID != int64(x.key.key.ID()) || in.TempSessionID != x.id {
		s.ledger.wrong("binding in %x made for %x: %v", req, id, err)
	}
	x.key.bound = true
	s.say(x, &mt.RPCResult{ReqMsgID: req, Result: raw(boolTrue())}, true)
}
