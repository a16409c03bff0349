package session

// invokeAfterMsgID is of invokeAfterMsg msg_id:long query:!X = X, which has to be the outermost wrapper (C39).
const invokeAfterMsgID = 0xcb9f372d

// turn says after which message the server has to execute a call; 0: it need not wait. Not ok: nobody can say so any more.
func (t *calls) turn(c *call) (after int64, ok bool) {
	if c.opts.After == 0 {
		return 0, true
	}
	if p := t.byID[c.opts.After]; p != nil && p.where == inFlight {
		return p.msgID, true
	}
	return 0, false // even if it was sent before: that copy may have been lost, and this one would overtake
}

// follow lets the call after one that has succeeded go without waiting.
func (t *calls) follow(c *call) {
	if next := t.byID[c.follower]; next != nil {
		next.opts.After = 0
	}
}
