package sim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/session"
)

// senders are programs that send to chats and edit there, in bursts. The calls to a chat are a sequence, as mtproto.Sequence makes one:
// each is sent at once, and the server is told after which one to execute it (C39).
type senders struct {
	programs []program
	chats    []chat
}

// program is in the middle of a burst, if left is not 0.
type program struct {
	chat *chat
	left int
}

// chat is the sequence of calls to one.
type chat struct {
	number int
	calls  []*call // by their turns
}

// inTurn is what a call to a chat needs besides.
type inTurn struct {
	chat    *chat
	number  int
	edit    bool
	before  *call // which it comes after; nil: none any more
	over    bool
	tries   int  // times that it was given to a session
	used    int  // tries of the one before, when this one was last given to a session
	stale   int  // tries of the one before with which this one was refused: it waits for another
	soon    int  // times that it was made again at once
	doubt   bool // an earlier copy may have been received
	refused bool // it was answered with an error that stands
	wait    deadline
	deeds   int // of the server, when this call ended
}

// drawSenders decides whether a run has senders: one in two. It has a source of its own, so that runs without are what they were before
// there were any.
func drawSenders(r *source) (s senders) {
	if r.one(2) {
		return s
	}
	s.programs, s.chats = make([]program, 1+r.n(3)), make([]chat, 1+r.n(3))
	for i := range s.chats {
		s.chats[i].number = i + 1
	}
	return s
}

// burst has a program make some calls. The next may be another one's, to the same chat.
func (c *client) burst() {
	s := &c.w.senders
	i := c.w.rnd.n(len(s.programs))
	p := &s.programs[i]
	if p.left == 0 {
		p.chat, p.left = &s.chats[c.w.rnd.n(len(s.chats))], 1+c.w.rnd.n(6)
	}
	n := 1 + c.w.rnd.n(p.left)
	p.left -= n
	for range n {
		c.sendTo(p.chat, i+1)
	}
	c.introduce()
}

// sendTo makes a call that sends, which a random_id guards (D18), or one that edits, which nothing does.
func (c *client) sendTo(h *chat, program int) {
	k := &call{inTurn: inTurn{chat: h, number: len(h.calls) + 1, edit: c.w.rnd.one(2)}}
	k.safe = !k.edit
	kind := "s"
	if k.edit {
		kind = "e"
	}
	k.name = fmt.Sprintf("%s%d.%d.%d", kind, h.number, k.number, program)
	if len(h.calls) > 0 {
		k.before = h.calls[len(h.calls)-1]
	}
	h.calls = append(h.calls, k)
	c.owner.all = append(c.owner.all, k)
	c.waiting = append(c.waiting, k)
}

// after says which call of this session one has to come after; 0: none. Not ok: it is not its turn.
func (c *client) after(k *call) (id session.CallID, ok bool) {
	if k.wait.before(c.w.now) {
		return 0, false
	}
	for k.before != nil && k.before.over {
		k.before, k.stale = k.before.before, 0
	}
	p := k.before
	switch {
	case p == nil:
		return 0, true
	case c.calls[p.id] == p && p.tries > k.stale:
		k.used = p.tries
		if c.w.mutant == LeaveOutAfter && c.w.rnd.one(4) {
			return 0, true
		}
		return p.id, true
	case c.w.mutant == SendBefore && c.calls[p.id] != p: // such as after a session was left
		return 0, true
	}
	return 0, false
}

// submitAll gives calls to the session whose turn it is. One that waits for its turn keeps waiting.
func (c *client) submitAll() {
	for again := true; again; {
		again = false
		all := c.waiting
		c.waiting = c.waiting[:0]
		for _, k := range all {
			after, ok := c.after(k)
			if !ok {
				c.waiting = append(c.waiting, k)
				continue
			}
			again = again || k.chat != nil
			c.submit(k, after)
		}
		again = again && len(c.waiting) > 0
	}
}

// again has a call wait for another try.
func (c *client) again(k *call, why string) {
	c.w.log("client: %s will be made again: %s", k.name, why)
	k.ends--
	c.waiting = append(c.waiting, k)
}

// repeatable reports whether a call to a chat that failed is made again, as mtproto's client does it: it was not sent, or may be sent
// twice.
func (c *client) repeatable(k *call, e session.Failed) bool {
	if k.chat == nil {
		return false
	}
	k.doubt = k.doubt || e.Sent != session.No
	switch {
	case errors.Is(e.Err, session.ErrTurn) && (k.safe || e.Sent == session.No):
		k.stale = k.used
	case errors.Is(e.Err, session.ErrClosed) && (k.safe || e.Sent == session.No):
	default:
		return false
	}
	return true
}

// soonMost is how often a call is made again at once because the one before it is not there.
const soonMost = 5

// mended reacts to an error that says nothing about the call itself.
func (c *client) mended(k *call, e *mt.RPCError) bool {
	if k.chat == nil {
		return false
	}
	why := e.ErrorMessage
	switch {
	case why == waitFailed:
		if c.w.mutant == GoOn {
			k.before = nil
		}
		k.stale = k.used
	case why == waitTimeout:
		if k.soon++; k.soon > soonMost {
			k.stale = k.used
		}
	case strings.HasPrefix(why, floodWait):
		k.wait = deadline{c.w.now.Add(floodTime(why))}
	default:
		k.refused = true
		return false
	}
	c.again(k, why)
	return true
}

// end notes that a call to a chat is over. Whoever comes after one that has succeeded comes after all before it.
func (c *client) end(k *call, success bool) {
	if k.over = true; success {
		k.before = nil
	}
	k.deeds = len(c.w.server.ledger.deeds)
}
