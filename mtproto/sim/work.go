package sim

import (
	"fmt"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
)

// work lets the server finish something, push something, and forget something.
func (s *server) work() {
	for _, k := range s.order {
		if s.keys[k.key.ID()] != k {
			continue
		}
		for _, x := range k.lives {
			if k.sessions[x.id] == x {
				s.finishSome(x)
				s.speak(x)
				s.flush(x)
			}
		}
		s.change(k)
	}
}

func (s *server) finishSome(x *sessionLife) {
	if s.w.mutant == NeverAnswer {
		return
	}
	for i := range x.in {
		if e := &x.in[i]; e.running && (s.w.calm || s.w.rnd.one(4)) {
			s.finish(x, e)
		}
	}
}

// finish answers a query, in one of the ways that there are.
func (s *server) finish(x *sessionLife, e *received) {
	if toChat(e.query) {
		if s.perform(x, e); !e.decided {
			return
		}
	}
	e.running, e.answered = false, true
	body := s.answer(x, e)
	t := s.say(x, &mt.RPCResult{ReqMsgID: e.id, Result: body}, true)
	switch {
	case s.w.happens(hideAnswer):
		x.next = x.next[:len(x.next)-1]
		s.say(x, &mt.MsgDetailedInfo{MsgID: e.id, AnswerMsgID: t.id, Bytes: int32(len(t.body))}, false)
	case s.w.happens(lateAnswer):
		x.next = x.next[:len(x.next)-1]
	}
}

// answer is what a query is answered with.
func (s *server) answer(x *sessionLife, e *received) []byte {
	if toChat(e.query) {
		return s.outcome(e)
	}
	body := query(e.query, 0)
	switch s.w.rnd.n(8) {
	case 0:
		body = encode(&mt.RPCError{ErrorCode: 400, ErrorMessage: e.query})
	case 1:
		body = zipped(body)
	case 2:
		body = query(e.query, 4*s.w.rnd.n(500))
	}
	if x.key.temp && !x.key.bound {
		body = encode(&mt.RPCError{ErrorCode: 401, ErrorMessage: e.query})
	}
	return body
}

// speak says what nobody asked for.
func (s *server) speak(x *sessionLife) {
	switch {
	case s.w.calm:
	case s.w.happens(push):
		name := fmt.Sprintf("u%d", len(s.ledger.pushed)+1)
		s.ledger.pushed[name] = s.now()
		s.say(x, raw(query(name, 0)), true).update = name
	case s.w.happens(pushPing):
		s.say(x, &mt.Ping{PingID: 5}, false)
	case s.w.happens(askAgain) && len(x.lost) > 0:
		s.say(x, &mt.MsgResendReq{MsgIDs: x.lost}, false)
	case s.w.happens(askStates) && len(x.out) > 0:
		s.say(x, &mt.MsgsStateReq{MsgIDs: []int64{x.out[0].id, x.out[len(x.out)-1].id}}, false)
	case s.w.happens(unasked) && len(x.in) > 0:
		s.tellAll(x)
	case s.w.happens(again) && len(x.out) > 0:
		x.sendAgain(x.out[s.w.rnd.n(len(x.out))])
	}
}

func (s *server) tellAll(x *sessionLife) {
	ids := append([]int64{x.in[s.w.rnd.n(len(x.in))].id}, x.lost...)
	info := make([]byte, len(ids))
	for i, id := range ids {
		info[i] = x.state(id)
	}
	s.say(x, &mt.MsgsAllInfo{MsgIDs: ids, Info: info}, false)
}

// change alters what belongs to a key.
func (s *server) change(k *authKey) {
	switch {
	case s.w.happens(newSalt):
		s.w.log("  server: new salt for %v", k.key)
		k.salt, k.former, k.next = int64(s.w.rnd.next()), 0, 0
	case s.w.happens(forget):
		s.w.log("  server forgets all sessions of %v", k.key)
		clear(k.sessions)
	case s.w.happens(forgetKey):
		s.w.log("  server forgets %v", k.key)
		delete(s.keys, k.key.ID())
	}
}

// replay sends an old packet of the client again, from elsewhere.
func (s *server) replay() {
	if len(s.order) == 0 {
		return
	}
	k := s.order[s.w.rnd.n(len(s.order))]
	if len(k.old) == 0 || s.keys[k.key.ID()] != k {
		return
	}
	s.w.log("  an old packet comes again")
	thief := s.w.newConnection()
	thief.left = true
	old := k.old[s.w.rnd.n(len(k.old))]
	plain, err := crypto.Open(nil, &k.key, crypto.Client, old)
	if err != nil {
		return
	}
	if p, err := readPacket(plain); err == nil {
		s.accept(thief, k, p, old)
	}
}

// settle gives back, once the trouble is over, what the server still keeps for another time.
func (s *server) settle() {
	for _, k := range s.order {
		for _, x := range k.lives {
			if k.sessions[x.id] == x {
				x.resend()
			}
		}
	}
}
