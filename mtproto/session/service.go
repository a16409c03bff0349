package session

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// futureSalts takes the answer to our request (C24). It needs no acknowledgement.
func (s *Session) futureSalts(f frame, r *bin.Reader) error {
	var m mt.FutureSalts
	m.Decode(r)
	if unreadable(r) || s.log.find(m.ReqMsgID, saltsAsked) == nil {
		return nil
	}
	m.Salts = m.Salts[:min(len(m.Salts), maxSalts)]
	list := make([]Salt, 0, len(m.Salts))
	for _, x := range m.Salts {
		list = append(list, Salt{x.Salt, int64(x.ValidSince), int64(x.ValidUntil)})
	}
	slices.SortFunc(list, bySince)
	s.salts.future = list
	s.salts.askAt = f.now.Add(saltAgain)
	s.salts.pick(s.ServerTime(f.now))
	s.events.add(SaltsChanged{s.salts.all()})
	return nil
}

func (s *Session) adoptSalt(now time.Time, value int64) {
	if s.salts.adopt(value, s.ServerTime(now)) {
		s.events.add(SaltsChanged{s.salts.all()})
	}
}

// pong takes the answer to our ping (C32). It was just made, so it also shows the server's time: if ours was far ahead of
// it, it is set back (C11).
func (s *Session) pong(f frame, r *bin.Reader) error {
	var m mt.Pong
	m.Decode(r)
	p := &s.conn.ping
	if unreadable(r) || !p.open || m.PingID != p.id || m.MsgID != p.msgID {
		return nil
	}
	p.open = false
	s.self.known = p.msgID
	s.loop.ended()
	rtt := max(f.now.Sub(p.sent), time.Microsecond)
	if s.conn.rtt == 0 {
		s.conn.rtt = rtt
	}
	s.conn.rtt += (rtt - s.conn.rtt) / 4
	if off := s.clock.age(f.now, f.id) - rtt/2; off > rtt+farBehind || off < -maxFuture {
		s.clock.set(f.now, f.id)
	}
	s.events.add(Pong{rtt})
	return nil
}

// wanted answers a msg_resend_req of the server with what we know of these messages (C30). Queries among them that are
// in flight may have been lost, or be under way still: their state is asked for, and what was lost goes again under a
// new id. Never under the old one: that ids ascend over each connection is what tells the lives of a session apart.
func (s *Session) wanted(f frame, r *bin.Reader) error {
	var m mt.MsgResendReq
	m.Decode(r)
	if unreadable(r) || len(m.MsgIDs) > maxIDs {
		return nil
	}
	for _, id := range m.MsgIDs {
		if c := s.calls.byMsg[id]; c != nil && c.where == inFlight {
			c.ask, s.calls.ask = true, true
		}
	}
	s.tellStates(f.id, m.MsgIDs)
	return nil
}

// states answers a msgs_state_req of the server (C26).
func (s *Session) states(f frame, r *bin.Reader) error {
	var m mt.MsgsStateReq
	m.Decode(r)
	if !unreadable(r) && len(m.MsgIDs) <= maxIDs {
		s.tellStates(f.id, m.MsgIDs)
	}
	return nil
}

func (s *Session) tellStates(req int64, ids []int64) {
	info := make([]byte, len(ids))
	for i, id := range ids {
		info[i] = s.self.window.state(id)
	}
	s.asks.reply(&mt.MsgsStateInfo{ReqMsgID: req, Info: info}, false)
}

// pinged answers a ping of the server (C32).
func (s *Session) pinged(f frame, r *bin.Reader) error {
	var m mt.Ping
	m.Decode(r)
	if !unreadable(r) {
		s.asks.reply(&mt.Pong{MsgID: f.id, PingID: m.PingID}, false)
	}
	return nil
}
