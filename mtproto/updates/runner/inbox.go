package runner

import (
	"sync"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// input is one thing for the machine.
type input struct {
	kind  inputKind
	dc    int
	call  []byte
	body  []byte
	done  func()
	fetch *updates.Fetch
	err   error
}

type inputKind uint8

const (
	inStart inputKind = iota
	inConnected
	inPush
	inResult
	inFetched
)

// inbox is where the client leaves things for the loop. Leaving them never blocks.
type inbox struct {
	most int // bytes of updates
	wake chan struct{}

	mu       sync.Mutex
	all      []input
	bytes    int
	declined bool // Telegram was asked to repeat updates
}

// weight is what an input weighs beside its body, about.
const weight = 256

func (b *inbox) post(in input) {
	b.mu.Lock()
	b.all = append(b.all, in)
	b.mu.Unlock()
	b.poke()
}

func (b *inbox) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// push takes an update of the client's, or has Telegram keep it where there is no room.
func (b *inbox) push(u mtproto.Update) {
	b.mu.Lock()
	full := b.bytes >= b.most
	if full {
		b.declined = true
	} else {
		b.bytes += weight + len(u.Body)
		b.all = append(b.all, input{kind: inPush, body: u.Body, done: u.Ack})
	}
	b.mu.Unlock()
	if full {
		u.Decline()
	}
	b.poke()
}

// take is all that there is, and whether updates were declined since it was last called.
func (b *inbox) take() (all []input, declined bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, declined = b.all, b.declined
	b.all, b.bytes, b.declined = nil, 0, false
	return all, declined
}
