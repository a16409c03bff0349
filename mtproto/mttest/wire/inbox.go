package wire

import "slices"

// window is how many received messages of a session are remembered; of older ones nothing can be said (code 20).
const window = 1 << 15

// duplicate is what inbox.add says of a message that was received before; it is no code of the protocol.
const duplicate = -1

// received is what is remembered of a client's message.
type received struct {
	id     int64
	seq    int32
	query  bool     // it is answered by an rpc_result
	failed bool     // with an error
	done   bool     // it was answered
	answer *message // the answer, until it is acknowledged
}

// inbox remembers the messages of a client, by ascending id. As every message fits between its neighbours, the sequence
// numbers ascend too.
type inbox struct {
	seen []received
	low  int64 // ids up to here are forgotten
}

// add notes a message. It answers 0, duplicate, or the code of what is wrong with its number.
func (b *inbox) add(id int64, seq int32) int {
	at := len(b.seen)
	if at > 0 && id <= b.seen[at-1].id {
		var found bool
		if at, found = b.search(id); found {
			return duplicate
		}
	}
	if id <= b.low {
		return badTooOld
	}
	if code := b.fits(at, seq); code != 0 {
		return code
	}
	b.seen = slices.Insert(b.seen, at, received{id: id, seq: seq})
	if len(b.seen) > 2*window {
		b.low = b.seen[window-1].id
		b.seen = append(b.seen[:0], b.seen[window:]...)
		clear(b.seen[len(b.seen):cap(b.seen)])
	}
	return 0
}

// fits compares a sequence number with those of the neighbours (codes 32 and 33).
func (b *inbox) fits(at int, seq int32) int {
	if at > 0 {
		if before := b.seen[at-1].seq; before > seq || before == seq && seq&1 != 0 {
			return badSeqTooLow
		}
	}
	if at < len(b.seen) {
		if after := b.seen[at].seq; after < seq || after == seq && seq&1 != 0 {
			return badSeqTooHigh
		}
	}
	return 0
}

func (b *inbox) search(id int64) (int, bool) {
	return slices.BinarySearchFunc(b.seen, id, func(r received, id int64) int {
		switch {
		case r.id < id:
			return -1
		case r.id > id:
			return 1
		}
		return 0
	})
}

// find finds a message that was received; the pointer is good until the next add.
func (b *inbox) find(id int64) *received {
	if at, ok := b.search(id); ok {
		return &b.seen[at]
	}
	return nil
}

// What msgs_state_info says of a message (C26).
const (
	stateForgotten   = 1
	stateNotReceived = 2
	stateTooHigh     = 3
	stateReceived    = 4
	stateNoAck       = 16
	stateRunning     = 32
	stateAnswered    = 64
)

// state is the byte of msgs_state_info for a message.
func (b *inbox) state(id int64) byte {
	e := b.find(id)
	switch {
	case e == nil && id <= b.low:
		return stateForgotten
	case e == nil && (len(b.seen) == 0 || id > b.seen[len(b.seen)-1].id):
		return stateTooHigh
	case e == nil:
		return stateNotReceived
	case e.seq&1 == 0:
		return stateReceived | stateNoAck
	case !e.query:
		return stateReceived
	case e.done:
		return stateReceived | stateAnswered
	}
	return stateReceived | stateRunning
}
