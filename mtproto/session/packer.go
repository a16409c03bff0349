package session

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
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
	w       bin.Writer
	tail    []byte // a query that ends the packet, and stands elsewhere
	count   int
	start   int // of the message in the making
	carried []*call
	tokens  [16]uint32 // of quick acknowledgements, the last 16 (A7)
	token   int
	ping    bool // there is one in it
	live    bool // something in it makes the server answer

	clock *clock
	self  *self
	calls *calls
}

func (p *packer) reset() {
	const zeros = itemsAt
	p.w = bin.Writer{Buf: append(p.w.Buf[:0], make([]byte, zeros)...)}
	p.tail, p.count, p.carried, p.live, p.ping = nil, 0, p.carried[:0], false, false
}

// shed gives up what is large, now that the packet is encrypted elsewhere.
func (p *packer) shed() {
	if p.tail = nil; cap(p.w.Buf) > keepPlain {
		p.w.Buf = nil
	}
}

// nextID is the next message id that no call has. After the clock was set back, ids of the former session lie ahead.
func (p *packer) nextID(now time.Time) int64 {
	for {
		id := p.clock.next(now)
		if p.calls.byMsg[id] == nil {
			return id
		}
	}
}

// begin starts a message and returns its id.
func (p *packer) begin(now time.Time, content bool) int64 {
	id := p.nextID(now)
	p.open(id, p.self.seqNo(content))
	return id
}

// open starts a message that has its numbers already.
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

// wrap puts the envelope around the messages, and a container if there are several (C18). That has an id; 0: there is none.
func (p *packer) wrap(now time.Time, salt int64) (plain []byte, container int64) {
	plain = p.w.Buf[loneAt:]
	if p.count > 1 {
		plain = p.w.Buf
		container = p.nextID(now)
		w := bin.Writer{Buf: plain[envelope:envelope]}
		w.Int64(container)
		w.Int32(p.self.seqNo(false))
		w.Int32(int32(len(plain) - containerHead + len(p.tail)))
		w.Uint32(mt.MsgContainerID)
		w.Int32(int32(p.count))
	}
	binary.LittleEndian.PutUint64(plain, uint64(salt))
	binary.LittleEndian.PutUint64(plain[8:], uint64(p.self.id))
	for _, c := range p.carried {
		c.container = container
	}
	return plain, container
}

// sealed notes the token by which the server may acknowledge the packet at once.
func (p *packer) sealed(token uint32) {
	p.tokens[p.token%len(p.tokens)] = token
	p.token++
}

// acked reports whether a token is of a packet of late.
func (p *packer) acked(token uint32) bool { return token != 0 && slices.Contains(p.tokens[:], token) }

// trim gives up buffers that grew.
func (p *packer) trim() {
	const small = 512
	if cap(p.w.Buf) > small {
		p.w.Buf = nil
	}
	p.carried = nil
}
