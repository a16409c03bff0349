package session

// invokeAfterMsgID is of invokeAfterMsg msg_id:long query:!X = X, which has to be the outermost wrapper (C39).
const invokeAfterMsgID = 0xcb9f372d

// turn says after which message the server has to execute a call; 0: it need not wait. Not ok: nobody can say so any more.
func (t *calls) turn(c *call) (after int64, ok bool) {
	if c.opts.After == 0 {
		return 0, true
	}
	p := t.byID[c.opts.After]
	switch {
	case p != nil && p.where == inFlight:
		return p.msgID, true
	case c.past != No: // sent again, which does no harm: it had its turn
		return 0, true
	}
	return 0, false
}

// follow lets the call after one that has succeeded go without waiting.
func (t *calls) follow(c *call) {
	if next := t.byID[c.follower]; next != nil {
		next.opts.After = 0
	}
}
