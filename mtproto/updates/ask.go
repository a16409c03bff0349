package updates

import (
	"errors"

	"github.com/natsgram/natsgram/tl/codec"
)

// question is a fetch that is no difference: history, dialogs, a look at where the account stands. Nothing waits for it.
type question struct {
	class string // of the answer
	then  answerFunc
}

// answerFunc takes an answer, or why there is none.
type answerFunc func(codec.View, *container, error)

// asker asks in the background.
type asker struct {
	rules *Rules
	out   *publisher
	open  map[FetchID]question
}

// ask fetches something in the background. False: the schema does not have the call.
func (a *asker) ask(b Box, method, class string, call codec.M, then answerFunc) bool {
	id, err := a.out.fetch(b, method, call, true)
	if err == nil {
		a.open[id] = question{class, then}
	}
	return err == nil
}

// answered answers a question. False: it is none of these. The container is nil where there was no answer.
func (a *asker) answered(id FetchID, body []byte, err error) (c *container, asked bool) {
	q, asked := a.open[id]
	if !asked {
		return nil, false
	}
	delete(a.open, id)
	if err != nil {
		q.then(codec.View{}, nil, err)
		return nil, true
	}
	v, err := a.rules.s.View(body)
	var lost [][]byte
	if err != nil {
		v, lost, _ = a.rules.salvage(body)
	}
	if v.Class() != q.class {
		q.then(codec.View{}, nil, errUnreadable)
		return nil, true
	}
	c = newAnswer(v, len(body))
	c.lost = lost
	q.then(v, c, nil)
	return c, true
}

var errUnreadable = errors.New("updates: the answer cannot be read")

var errClass = errors.New("updates: the answer is of another class than was asked for")
