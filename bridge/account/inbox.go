package account

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// input is one thing for the machine.
type input struct {
	kind   inputKind
	at     time.Time // when it came; zero: just now
	body   []byte
	call   []byte
	meta   updates.Meta
	done   func()
	again  func()         // in place of done
	fetch  *updates.Fetch // that is answered
	err    error
	tokens []uint64        // to release
	watch  func(time.Time) // changes what is watched
	idle   chan struct{}   // barrier: closed when this and everything before was handled
}

type inputKind uint8

const (
	inStart inputKind = iota
	inPush
	inResult
	inFetched
	inDrained
	inRelease
	inWatch
	inLast
	inBarrier
)

// post puts something into the inbox.
func (d *driver) post(in input) {
	d.mu.Lock()
	d.inbox = append(d.inbox, in)
	d.bytes += in.size()
	d.mu.Unlock()
	d.room.Take(in.size())
	d.poke()
}

// poke has the driver look at what there is to do.
func (d *driver) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
