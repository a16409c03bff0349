package session

import (
	"encoding/binary"

	"github.com/natsgram/natsgram/tl/bin"
)

// keepPlain is how large a buffer may be that is kept.
const keepPlain = 128 << 10

// Layout of the buffer in which a packet is made. A message in a container and a lone message look the same from msg_id
// on, so that a container of one becomes a lone message by putting salt and session_id right before it.
const (
	messageHead   = 8 + 4 + 4              // msg_id, seq_no, length
	envelope      = 8 + 8                  // salt, session_id
	containerHead = envelope + messageHead //
	itemsAt       = containerHead + 4 + 4  // constructor id, count
	loneAt        = itemsAt - envelope     //
	lengthOffset  = messageHead - 4        // of the length in a message's head
)

// packer is the packet in the making.
type packer struct {
	w      bin.Writer
	tail   []byte // a query that ends the packet, and stands elsewhere
	first  []byte // what stands before that in the packet before, while two are made
	count  int
	start  int // of the message in the making
	calls  []*call
	tokens [16]uint32 // of quick acknowledgements, the last 16 (A7)
	token  int
	ping   bool // there is one in it
	live   bool // something in it makes the server answer
}

func (p *packer) reset() {
	const zeros = itemsAt
	p.w = bin.Writer{Buf: append(p.w.Buf[:0], make([]byte, zeros)...)}
	p.tail, p.count, p.calls, p.live, p.ping = nil, 0, p.calls[:0], false, false
}

// shed gives up what is large, now that the packet is encrypted elsewhere.
func (p *packer) shed() {
	if p.tail = nil; cap(p.w.Buf) > keepPlain {
		p.w.Buf = nil
	}
}

// open starts a message.
func (p *packer) open(id int64, seq int32) {
	p.start = len(p.w.Buf)
	p.w.Int64(id)
	p.w.Int32(seq)
	p.w.Int32(0)
	p.count++
}

// end finishes the message that open started.
func (p *packer) end() {
	b := p.w.Buf[p.start:]
	binary.LittleEndian.PutUint32(b[lengthOffset:], uint32(len(b)-messageHead+len(p.tail)))
}
