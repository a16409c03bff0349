package peers

import (
	"context"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// questions are those that Telegram is asked now, each once for all who want its answer.
type questions struct {
	mu  sync.Mutex
	all map[string]*question
}

// question is one of them. It sits out a flood wait, which not all who want its answer do.
type question struct {
	done   chan struct{} // closed when there is an answer
	answer alias

	mu    sync.Mutex
	flood *mtproto.Wait // what it sits out; nil: nothing
	turn  chan struct{} // closed when it begins to
}

// askMost is how long a question may take, however long those wait who have it asked.
const askMost = time.Minute

// once has one question asked for all that want its answer at the same time, and waits for it as long as ctx allows, through a flood wait
// too where ctx allows that ([mtproto.WithFloodWait]). It goes on when nobody waits any more: its answer is remembered.
func (x *questions) once(ctx context.Context, key string, ask func(context.Context) alias) (alias, error) {
	defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitElse})()
	q := x.join(key, ask)
	for {
		turn, refusal := q.floods(ctx)
		if refusal != nil {
			return alias{}, refusal
		}
		select {
		case <-q.done:
			return q.answer, nil
		case <-turn:
		case <-ctx.Done():
			return alias{}, ctx.Err()
		}
	}
}

// join is the question that is being asked, or begins it.
func (x *questions) join(key string, ask func(context.Context) alias) *question {
	x.mu.Lock()
	defer x.mu.Unlock()
	if q := x.all[key]; q != nil {
		return q
	}
	q := &question{done: make(chan struct{}), turn: make(chan struct{})}
	if x.all == nil {
		x.all = map[string]*question{}
	}
	x.all[key] = q
	go func() {
		ctx, cancel := context.WithTimeout(mtproto.WithWaiter(context.Background(), q), askMost)
		defer cancel()
		q.answer = ask(ctx)
		x.mu.Lock()
		delete(x.all, key)
		x.mu.Unlock()
		close(q.done)
	}()
	return q
}

// BeginWait notes the flood wait that the question begins to sit out.
func (q *question) BeginWait(w mtproto.Wait) (end func()) {
	if w.For != mtproto.WaitFlood {
		return func() {}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flood = &w
	close(q.turn)
	q.turn = make(chan struct{})
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.flood = nil
	}
}

// floods is the refusal for whoever does not sit out what the question does, and else what is closed when it begins to sit out something.
func (q *question) floods(ctx context.Context) (turn <-chan struct{}, refusal error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if limit, ok := mtproto.FloodWaitOf(ctx); q.flood != nil && ok {
		if left := time.Until(q.flood.Until); left > limit && q.flood.Refusal != nil {
			e := *q.flood.Refusal
			e.Arg = int((left + time.Second - 1) / time.Second)
			return nil, &e
		}
	}
	return q.turn, nil
}
