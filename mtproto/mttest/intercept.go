package mttest

import (
	"slices"
	"time"
)

// Action is what an interceptor wants done with a request.
type Action struct {
	kind  actionKind
	value any
	code  int
	text  string
	wait  time.Duration
	then  *Action
}

type actionKind uint8

const (
	pass actionKind = iota
	answer
	raw
	fail
	drop
	lose
	disconnect
	delay
)

// Pass leaves the request to the next interceptor, and at last to the server. It is the zero Action.
func Pass() Action { return Action{} }

// Answer answers with a value for the method's result: M, []M, bool ...; the server executes nothing.
func Answer(result any) Action { return Action{kind: answer, value: result} }

// AnswerRaw answers with TL as it is.
func AnswerRaw(result []byte) Action { return Action{kind: raw, value: result} }

// Error answers with an error, such as 420 FLOOD_WAIT_3.
func Error(code int, text string) Action { return Action{kind: fail, code: code, text: text} }

// Drop executes nothing and never answers.
func Drop() Action { return Action{kind: drop} }

// Lose executes the request and breaks the connection before the answer is out; it waits in the session.
func Lose() Action { return Action{kind: lose} }

// Disconnect executes nothing and breaks the connection.
func Disconnect() Action { return Action{kind: disconnect} }

// Delay does what then says, but later; other requests go on meanwhile.
func Delay(d time.Duration, then Action) Action { return Action{kind: delay, wait: d, then: &then} }

type hook struct{ f func(*Request) Action }

// Intercept has f asked about every query that is admitted, before the server answers it. Interceptors are asked in the
// order they were added, until one does not pass. remove ends it.
func (s *Server) Intercept(f func(*Request) Action) (remove func()) {
	h := &hook{f}
	s.changeHooks(func(all []*hook) []*hook { return append(all, h) })
	return func() {
		s.changeHooks(func(all []*hook) []*hook { return slices.DeleteFunc(all, func(o *hook) bool { return o == h }) })
	}
}

// InterceptMethod is [Server.Intercept] for one method. For initConnection it is asked about the queries inside of it: a data
// centre in trouble refuses these first (500, -503).
func (s *Server) InterceptMethod(name string, f func(*Request) Action) (remove func()) {
	return s.Intercept(func(r *Request) Action {
		if r.Method == name || r.Init && name == "initConnection" {
			return f(r)
		}
		return Pass()
	})
}

// FailNext answers the next n queries of a method with an error.
func (s *Server) FailNext(name string, n, code int, text string) {
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	s.InterceptMethod(name, func(*Request) Action {
		select {
		case <-left:
			return Error(code, text)
		default:
			return Pass()
		}
	})
}

func (s *Server) changeHooks(change func([]*hook) []*hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*hook
	if now := s.hooks.Load(); now != nil {
		all = slices.Clone(*now)
	}
	all = change(all)
	s.hooks.Store(&all)
}

func (r *Request) intercepted(hooks []*hook) {
	for _, h := range hooks {
		if a := h.f(r); a.kind != pass {
			r.do(a)
			return
		}
	}
	r.execute()
}

func (r *Request) do(a Action) {
	switch a.kind {
	case pass:
		r.execute()
	case answer:
		r.answer(a.value)
	case raw:
		b, _ := a.value.([]byte)
		r.call.Answer(b)
	case fail:
		r.call.Fail(a.code, a.text)
	case lose:
		r.call.Conn.Close()
		r.execute()
	case disconnect:
		r.call.Conn.Close()
	case delay:
		r.later(a)
	case drop:
	}
}

func (r *Request) later(a Action) {
	r.call.Retain()
	r.Retain()
	r.server.background(func() {
		t := time.NewTimer(a.wait)
		defer t.Stop()
		select {
		case <-t.C:
			r.do(*a.then)
		case <-r.server.stopped.Done():
		}
	})
}
