package sim

import (
	"fmt"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/tl/bin"
)

// owner makes the calls of a client, and notes what comes of them.
type owner struct {
	all   []*call
	held  []int64        // updates whose acknowledgement waits
	got   map[string]int // updates that were delivered
	heard map[int64]bool // new sessions, by unique id
	part  bool           // the call before was as large as a part of a file
}

// call is one that the client's owner makes.
type call struct {
	name    string
	safe    bool
	extra   int // bytes of its query besides the name
	inTurn      // of one to a chat
	id      session.CallID
	ends    int          // how often it ended
	claimed bool         // it failed, with claim
	claim   session.Sent //
}

// call makes a call.
func (c *client) call() {
	k := &call{name: fmt.Sprintf("q%d", len(c.owner.all)+1), safe: c.w.rnd.one(3)}
	if c.w.rnd.one(20) {
		k.extra = 4 * c.w.rnd.n(1000)
	}
	if c.w.rnd.one(100) || c.owner.part && c.w.rnd.one(2) { // as a part of a file, of which several come together
		k.extra = 64<<10 + 4*c.w.rnd.n(100)
	}
	c.owner.part = k.extra >= 64<<10
	c.owner.all = append(c.owner.all, k)
	c.waiting = append(c.waiting, k)
	c.introduce()
}

// cancel takes one of the calls back that are under way.
func (c *client) cancel() {
	for _, k := range c.owner.all {
		if k.ends > 0 || c.calls[k.id] != k || !c.w.rnd.one(3) {
			continue
		}
		delete(c.calls, k.id)
		c.failed(k, c.sess.Cancel(c.w.now, k.id))
		return
	}
}

// release lets one acknowledgement go.
func (c *client) release() {
	if n := len(c.owner.held); n > 0 && c.sess != nil && c.w.mutant != NeverRelease {
		i := c.w.rnd.n(n)
		c.sess.Release(c.owner.held[i])
		c.owner.held[i] = c.owner.held[n-1]
		c.owner.held = c.owner.held[:n-1]
	}
}

func (c *client) events() {
	for c.sess != nil {
		e, ok := c.sess.Event()
		if !ok {
			return
		}
		if c.w.tracing() {
			c.w.log("client: %T %+v", e, e)
		}
		c.event(e)
	}
}

func (c *client) event(e session.Event) {
	switch e := e.(type) {
	case session.Result:
		c.result(e)
		if c.w.mutant == DoubleResult && c.w.rnd.one(10) {
			c.result(e)
		}
	case session.Failed:
		if e.Call == c.binding {
			c.binding = 0
			return
		}
		k := c.ended(e.Call)
		if c.repeatable(k, e) {
			c.again(k, e.Err.Error())
			return
		}
		c.failed(k, e.Sent)
	case session.Update:
		c.update(e)
	case session.NewSession:
		if c.w.mutant != DeafToSession {
			c.owner.heard[e.UniqueID] = true
		}
	}
}

func (c *client) result(e session.Result) {
	if e.Call == c.binding {
		c.boundBy(e)
		return
	}
	name := nameIn(e.Body)
	k := c.ended(e.Call)
	if e.Err != nil {
		if c.mended(k, e.Err) {
			return
		}
		name = e.Err.ErrorMessage
	}
	if c.w.mutant == RepeatEdit && k.edit && k.tries == 1 && c.w.rnd.one(4) {
		c.again(k, "a defect")
		return
	}
	c.end(k, e.Err == nil)
	c.w.report.Answered++
	if c.w.mutant == SwapResults && c.w.rnd.one(10) {
		name = "q0"
	}
	if name != k.name {
		c.w.wrong("%s got the answer of %s", k.name, name)
	}
}

// boundBy takes the answer to a binding.
func (c *client) boundBy(e session.Result) {
	c.binding = 0
	if e.Err != nil { // the permanent key is gone
		c.perm = nil
		c.dropKey(e.Err.ErrorMessage)
		return
	}
	c.bound = true
	c.introduce()
}

func (c *client) update(e session.Update) {
	name := nameIn(e.Body)
	if c.hold {
		c.owner.held = append(c.owner.held, e.MsgID)
	}
	if c.w.mutant == LoseUpdate && c.w.rnd.one(10) {
		return
	}
	if c.owner.got[name]++; c.w.mutant == DoubleUpdate && c.w.rnd.one(10) {
		c.owner.got[name]++
	}
	if c.owner.got[name] > 1 {
		c.w.wrong("update %s was delivered twice", name)
	}
}

// ended notes the end of a call of the present session.
func (c *client) ended(id session.CallID) *call {
	k := c.calls[id]
	if k == nil {
		c.w.wrong("call %d ended twice", id)
		return &call{}
	}
	delete(c.calls, id)
	k.ends++
	return k
}

// failed notes what was said of a call that has no answer.
func (c *client) failed(k *call, sent session.Sent) {
	switch {
	case c.w.mutant == ClaimUnsent && sent == session.Unknown:
		sent = session.No
	case c.w.mutant == ClaimSent && sent == session.Unknown:
		sent = session.Yes
	}
	if k.doubt && sent == session.No {
		sent = session.Unknown
	}
	k.ends, k.claimed, k.claim = 1, true, sent
	c.end(k, false)
	c.w.report.Failed[sent]++
	c.w.log("client: %s failed, sent %v", k.name, sent)
	if sent == session.Yes && !c.w.server.ledger.seen[k.name] {
		c.w.wrong("%s: said to be received, and was not", k.name)
	}
	if c.w.mutant == RepeatUnknown && sent == session.Unknown && !k.safe {
		k.ends, k.claimed, k.over = 0, false, false
		c.waiting = append(c.waiting, k)
	}
}

// bindQuery makes the query that binds the temporary key (B21, B22).
func (c *client) bindQuery(sessionID, msgID int64) ([]byte, error) {
	in := mt.BindAuthKeyInner{Nonce: int64(c.w.rnd.next()), TempAuthKeyID: int64(c.key.ID()), PermAuthKeyID: int64(c.perm.ID()),
		TempSessionID: sessionID, ExpiresAt: c.until}
	sealed, err := crypto.SealV1(nil, c.perm, msgID, encode(&in), &c.w.rnd)
	if err != nil {
		return nil, err
	}
	var w bin.Writer
	w.Uint32(bindID)
	w.Int64(in.PermAuthKeyID)
	w.Int64(in.Nonce)
	w.Int32(in.ExpiresAt)
	w.Bytes(sealed)
	return w.Buf, w.Err()
}
