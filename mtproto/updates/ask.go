package updates

import (
	"errors"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// question is a fetch that is no difference: history, dialogs, a look at where the account stands. Nothing waits for it.
type question struct {
	class string // of the answer
	then  func(codec.View, *container, error)
}

// ask fetches something in the background. False: the schema does not have the call.
func (m *Machine) ask(b Box, method, class string, call codec.M, then func(codec.View, *container, error)) bool {
	call["_"] = method
	query, err := m.r.s.Encode(nil, call)
	if err != nil {
		return false
	}
	m.lastID++
	m.asked[m.lastID] = question{class, then}
	m.w.out = append(m.w.out, &Fetch{ID: m.lastID, Query: query, Method: method, Box: b, Background: true})
	return true
}

// replied answers a question.
func (m *Machine) replied(q question, body []byte, err error) {
	if err != nil {
		q.then(codec.View{}, nil, err)
		return
	}
	v, err := m.r.s.View(body)
	var lost [][]byte
	if err != nil {
		v, lost, _ = m.salvage(body)
	}
	if v.Class() != q.class {
		q.then(codec.View{}, nil, errUnreadable)
		return
	}
	c := newAnswer(v, len(body))
	c.lost = lost
	q.then(v, c, nil)
	m.hashes(c)
}

var errUnreadable = errors.New("updates: the answer cannot be read")

// refusal is how Telegram's refusal reads, "" where err is none.
func refusal(err error) *Error {
	var refused *Error
	if errors.As(err, &refused) {
		return refused
	}
	return &Error{}
}

// final tells refusals that will be the same next time: not floods, not trouble of the servers, not a lost login.
func (e *Error) final() bool {
	return e.Code >= 400 && e.Code < 420 && e.Code != 401 && e.wait() == 0 || e.Code == 0 && e.Type != ""
}

// patience is when to try a question again.
type patience struct {
	at    time.Time
	fails int // in a row
}

func (p *patience) ok(next time.Time) { p.at, p.fails = next, 0 }

// failed waits longer each time, or as long as Telegram says.
func (p *patience) failed(m *Machine, err error) {
	wait := m.c.RetryMin << min(p.fails, 16)
	p.fails++
	if flood := refusal(err).wait(); flood > 0 {
		p.at = m.now.Add(flood)
		m.flooded()
		return
	}
	p.at = m.now.Add(min(wait, m.c.RetryMax))
}
