package session

import (
	"fmt"
	"io"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
)

const (
	maxPacked    = 1000     // queries in a container (C18)
	maxPackBytes = 32 << 10 // of queries in a container, unless one alone is longer (C18)
)

// sender makes packets of what there is to be sent.
type sender struct {
	first []byte // the plaintext of the packet before, while two are made

	key    *crypto.Key
	rand   io.Reader
	limits *Limits
	conn   *connection
	self   *self
	calls  *calls
	pack   *packer
	pinger *pinger
	fates  *fates
	asks   *requests
	salts  *salts
	acks   *acks
	sent   *log
}

// one appends the next packet to dst.
func (x *sender) one(now time.Time, dst []byte) (packet []byte, ok bool) {
	defer x.pack.shed()
	text, ok := x.compose(now)
	if !ok {
		return dst, false
	}
	return x.seal(now, dst, text)
}

// pair appends the next packet to the first of two buffers, and the one after it to the second if both carry parts of files.
func (x *sender) pair(now time.Time, dst [2][]byte) (packets [2][]byte, n int) {
	defer x.pack.shed()
	packets = dst
	first, ok := x.compose(now)
	if !ok {
		return packets, 0
	}
	next := x.calls.queue.head
	pair := first.Tail != nil && dst[1] != nil && next != nil && next.bulky()
	var second crypto.Text
	if pair {
		x.first = append(x.first[:0], first.Plain...)
		first.Plain = x.first
		second, pair = x.compose(now)
	}
	if !pair {
		if packets[0], ok = x.seal(now, dst[0], first); ok {
			n++
		}
		return packets, n
	}
	packets, tokens, err := crypto.SealPair(dst, x.key, crypto.Client, [2]crypto.Text{first, second}, x.rand)
	if err != nil {
		x.conn.err = fmt.Errorf("session: %w", err)
		return dst, 0
	}
	for i, p := range packets {
		x.sealed(now, len(p)-len(dst[i]), tokens[i])
	}
	return packets, 2
}

// compose makes the plaintext of the next packet, which stays until the one after it.
func (x *sender) compose(now time.Time) (t crypto.Text, ok bool) {
	if !x.conn.usable() {
		return t, false
	}
	x.pack.reset()
	x.fill(now)
	if x.pack.count == 0 {
		return t, false
	}
	plain, container := x.pack.wrap(now, x.salts.pick(x.salts.clock.time(now)))
	if x.pack.ping {
		x.conn.ping.box = container
	}
	x.sent.packed(container)
	x.acks.sent.packed(container)
	return crypto.Text{Plain: plain, Tail: x.pack.tail}, true
}

// seal encrypts one packet.
func (x *sender) seal(now time.Time, dst []byte, t crypto.Text) (packet []byte, ok bool) {
	packet, token, err := crypto.SealText(dst, x.key, crypto.Client, t, x.rand)
	if err != nil {
		x.conn.err = fmt.Errorf("session: %w", err)
		return dst, false
	}
	x.sealed(now, len(packet)-len(dst), token)
	return packet, true
}

// sealed notes that a packet of n bytes goes out, and the token of its quick acknowledgement.
func (x *sender) sealed(now time.Time, n int, token uint32) {
	x.pack.sealed(token)
	x.conn.wrote(now, n, x.pack.live)
}

// fill puts into the packet what belongs there, in ascending order of ids (C13).
func (x *sender) fill(now time.Time) {
	for c := x.calls.queue.head; c != nil && c.single(); c = x.calls.queue.head {
		if x.putCall(now, c); x.pack.count > 0 { // it may have failed instead
			return
		}
	}
	x.pinger.put(x.pack, now)
	x.fates.put(x.pack, now)
	x.asks.putAnswers(x.pack, now)
	x.asks.putReplies(x.pack, now)
	for c := x.calls.queue.head; c != nil && c.bulky(); c = x.calls.queue.head {
		x.salts.put(x.pack, now) // nothing can follow
		x.acks.put(x.pack, now, true)
		if x.putCall(now, c); x.pack.tail != nil { // it may have failed instead
			return
		}
	}
	x.putCalls(now)
	if x.pack.count > 0 {
		x.salts.put(x.pack, now)
	}
	x.acks.put(x.pack, now, x.pack.count > 0)
}

func (x *sender) putCalls(now time.Time) {
	for n := 0; n < maxPacked; n++ {
		c := x.calls.queue.head
		if c == nil || c.single() || c.bulky() || n > 0 && len(x.pack.w.Buf)+c.size() > maxPackBytes {
			return
		}
		x.putCall(now, c)
	}
}

// putCall writes a query. It is content-related (C14).
func (x *sender) putCall(now time.Time, c *call) {
	id, bulky := x.pack.nextID(now), c.bulky()
	if c.opts.Build != nil && !x.build(c, id) {
		return
	}
	after, ok := x.calls.turn(c)
	if !ok {
		x.calls.fail(c, ErrTurn)
		return
	}
	if !c.opts.NoGzip && after == 0 && x.limits.GzipOver >= 0 && c.size() > x.limits.GzipOver {
		if packed := pack(c.opts.Before, c.query); packed != nil {
			c.query, c.opts.Before = packed, nil
		}
		c.opts.NoGzip = true
	}
	seq := x.self.seqNo(true)
	x.pack.open(id, seq)
	if after != 0 {
		x.pack.w.Uint32(invokeAfterMsgID)
		x.pack.w.Int64(after)
	}
	x.pack.w.Raw(c.opts.Before)
	if bulky {
		x.pack.tail = c.query
	} else {
		x.pack.w.Raw(c.query)
	}
	x.pack.end()
	x.calls.fly(c, id, seq, now)
	c.witness = x.self.known
	x.pack.carried = append(x.pack.carried, c)
	x.pack.live = true
	x.calls.watch(c, now.Add(x.limits.CheckAfter))
}

// build has a query made that contains its own msg_id.
func (x *sender) build(c *call, id int64) bool {
	q, err := c.opts.Build(x.self.id, id)
	if err == nil && !sound(q) {
		err = fmt.Errorf("%w: %d bytes", ErrQuery, len(q))
	}
	if err != nil {
		x.calls.fail(c, err)
		return false
	}
	c.query = q
	return true
}
