package wire

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/tl/bin"
)

// Call is a query of a client. It is answered at most once, from any goroutine, now or later.
type Call struct {
	Session *Session
	Conn    *Conn
	MsgID   int64
	// Query is good until Config.Call returns, unless [Call.Retain] was called.
	Query []byte

	answered atomic.Bool
}

// Retain makes Query good for as long as the Call is.
func (c *Call) Retain() { c.Query = append([]byte(nil), c.Query...) }

const resultHead = 12 // rpc_result and the query's id

// Buffer returns the beginning of an answer, to which the result is appended; [Call.Send] takes it.
func (c *Call) Buffer() []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 128), idRPCResult)
	return binary.LittleEndian.AppendUint64(b, uint64(c.MsgID))
}

// Send answers with a buffer that began with [Call.Buffer].
func (c *Call) Send(answer []byte) { c.send(answer, false) }

// Answer answers with a result, whose bytes are copied.
func (c *Call) Answer(result []byte) { c.Send(append(c.Buffer(), result...)) }

// Fail answers with an rpc_error.
func (c *Call) Fail(code int, text string) {
	w := bin.Writer{Buf: c.Buffer()}
	w.Uint32(idRPCError)
	w.Int32(int32(code))
	w.Str(text)
	c.send(w.Buf, true)
}

func (c *Call) send(answer []byte, failed bool) {
	if c.answered.Swap(true) {
		return
	}
	s := c.Session
	if over := s.key.centre.cfg.GzipOver; over > 0 && len(answer) > over+resultHead {
		answer = append(answer[:resultHead:resultHead], compressed(answer[resultHead:], over)...)
	}
	if s.key.centre.cfg.Faults.happens(LoseAnswer) {
		// Executed, but the connection breaks before the answer is out: it waits in the session.
		c.Conn.Close()
	}
	m := &message{content: true, answer: true, to: c.MsgID, body: answer}
	s.mu.Lock()
	if e := s.in.find(c.MsgID); e != nil {
		e.done, e.failed, e.answer = true, failed, m
	}
	waiting := s.waiting[c.MsgID]
	delete(s.waiting, c.MsgID)
	s.mu.Unlock()
	s.enqueue(m)
	for _, f := range waiting {
		f(!failed)
	}
}

// call has a query answered.
func (s *Session) call(c *Conn, h header, body []byte) {
	centre := s.key.centre
	s.active.Store(centre.active.Add(1))
	s.mu.Lock()
	if e := s.in.find(h.id); e != nil {
		e.query = true
	}
	s.mu.Unlock()
	call := &Call{Session: s, Conn: c, MsgID: h.id, Query: body}
	centre.cfg.Call(call)
	if !call.answered.Load() {
		s.acknowledge(h.id)
	}
}

// Outcome is what [Call.After] found out.
type Outcome uint8

// What can have become of the queries that another one waits for (C39).
const (
	Succeeded Outcome = iota + 1
	Failed
	TimedOut
)

// After calls f once all the queries in ids are answered, one failed, or d is over. It retains the query.
func (c *Call) After(ids []int64, d time.Duration, f func(Outcome)) {
	c.Retain()
	left, failed := c.pending(ids)
	switch {
	case failed:
		f(Failed)
		return
	case len(left) == 0:
		f(Succeeded)
		return
	}
	var over atomic.Bool
	var missing atomic.Int64
	missing.Store(int64(len(left)))
	finish := func(o Outcome) {
		if !over.Swap(true) {
			f(o)
		}
	}
	timer := time.AfterFunc(d, func() { finish(TimedOut) })
	c.await(left, func(ok bool) {
		switch {
		case !ok:
			timer.Stop()
			finish(Failed)
		case missing.Add(-1) == 0:
			timer.Stop()
			finish(Succeeded)
		}
	})
}

// pending are those of ids that are not answered; failed: one was answered with an error.
func (c *Call) pending(ids []int64) (left []int64, failed bool) {
	s := c.Session
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		switch e := s.in.find(id); {
		case e == nil || !e.done:
			left = append(left, id)
		case e.failed:
			failed = true
		}
	}
	return left, failed
}

func (c *Call) await(ids []int64, f func(ok bool)) {
	s := c.Session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[int64][]func(bool){}
	}
	for _, id := range ids {
		s.waiting[id] = append(s.waiting[id], f)
	}
}
