package session

import "slices"

// windowSize is how many received ids are kept at least (C7); twice as many at most.
const windowSize = 1000

type novelty uint8

const (
	fresh   novelty = iota
	seen            // received before
	tooLate         // older than all that is remembered
)

// window is the ids of the messages received last, ascending.
type window struct {
	ids  []int64
	full bool // ids were forgotten
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
	if len(w.ids) >= 2*windowSize {
		w.ids = append(w.ids[:0], w.ids[len(w.ids)-windowSize+1:]...)
		w.full = true
	}
	w.ids = append(w.ids, id)
}

func (w *window) has(id int64) bool {
	_, found := slices.BinarySearch(w.ids, id)
	return found
}

// state is the byte of msgs_state_info about a message of the server (C26).
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
