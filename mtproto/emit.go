package mtproto

import "sync"

// emitter hands events to Options.Events, one at a time and in their order.
type emitter struct {
	to func(Event) // nil: nobody wants them

	mu    sync.Mutex
	queue []Event
	busy  bool // somebody is handing them on
}

// emit hands an event on. Whoever emits one while another is being handed on leaves it to that goroutine, and waits for nobody.
func (e *emitter) emit(event Event) {
	if e.to == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.queue = append(e.queue, event); e.busy {
		return
	}
	for e.busy = true; len(e.queue) > 0; {
		next := e.queue[0]
		e.queue = e.queue[1:]
		e.mu.Unlock()
		e.to(next)
		e.mu.Lock()
	}
	e.queue, e.busy = nil, false
}
