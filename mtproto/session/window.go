package session

import "slices"

// What the bytes of msgs_state_info mean (C26).
const (
	stateMask        = 7
	stateForgotten   = 1
	stateNotReceived = 2
	stateTooHigh     = 3
	stateReceived    = 4
	stateAnswered    = 64
)

// How many received ids are kept at least; twice as many at most (C7). It is more than Telegram may have on its way to us
// without an acknowledgement (8192 go into one, C16): what it sends again after the line was cut, however long ago it was
// numbered, is known by its id then, and not taken twice. What needs no acknowledgement, of which an idle session gets a pong
// every few seconds, is kept apart: nothing of it does anything when it is received twice.
const (
	windowSize = 8192
	asidesSize = 32
)

type novelty uint8

const (
	fresh   novelty = iota
	seen            // received before
	tooLate         // older than all that is remembered
)

// window is the ids of the messages received last, ascending.
type window struct {
	ids  []int64
	size int  // 0: windowSize
	full bool // ids were forgotten
}

// received are the messages received last.
type received struct {
	content window
	asides  window // what is not to be acknowledged
}

// add notes a message and says whether it is new (C7, C19).
func (r *received) add(id int64, seq int32) novelty {
	if seq&1 != 0 {
		return r.content.add(id)
	}
	r.asides.size = asidesSize
	return r.asides.add(id)
}

func (r *received) has(id int64) bool { return r.content.has(id) || r.asides.has(id) }

// state is the byte of msgs_state_info about a message of the server (C26).
func (r *received) state(id int64) byte {
	if r.asides.has(id) {
		return stateReceived
	}
	return r.content.state(id)
}

// add notes an id and says whether it is new (C7, C19).
func (w *window) add(id int64) novelty {
	if n := len(w.ids); n == 0 || id > w.ids[n-1] {
		w.push(id)
		return fresh
	}
	at, found := slices.BinarySearch(w.ids, id)
	switch {
	case found:
		return seen
	case at == 0 && w.full:
		return tooLate
	}
	w.ids = slices.Insert(w.ids, at, id)
	return fresh
}

func (w *window) push(id int64) {
	size := w.size
	if size == 0 {
		size = windowSize
	}
	if len(w.ids) >= 2*size {
		w.ids = append(w.ids[:0], w.ids[len(w.ids)-size+1:]...)
		w.full = true
	}
	w.ids = append(w.ids, id)
}

// forgot reports whether an id is older than all that is remembered, so that it may have been received or not.
func (w *window) forgot(id int64) bool { return w.full && len(w.ids) > 0 && id < w.ids[0] }

func (w *window) has(id int64) bool {
	_, found := slices.BinarySearch(w.ids, id)
	return found
}

func (w *window) state(id int64) byte {
	switch n := len(w.ids); {
	case id&1 == 0: // one of ours that we do not have any more
		return stateForgotten
	case w.has(id):
		return stateReceived
	case n == 0 || id > w.ids[n-1]:
		return stateTooHigh
	case id < w.ids[0]:
		return stateForgotten
	}
	return stateNotReceived
}
