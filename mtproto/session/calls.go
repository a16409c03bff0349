package session

import "time"

// calls are all that wait for an answer, and what is to be done for each.
type calls struct {
	byID   map[CallID]*call
	byMsg  map[int64]*call // those in flight, and in the former session
	queue  list            // to be sent, by ascending id
	flight list            // by ascending msgID
	former list
	last   CallID
	spare  []*call
	ask    bool      // some are to be asked for
	check  time.Time // when to look for calls to ask for; zero: none in flight

	limits *Limits
	events *events
}

// maxSpare is how many finished entries are kept for use again.
const maxSpare = 64

func (t *calls) make() *call {
	t.last++
	var c *call
	if n := len(t.spare); n > 0 {
		c, t.spare = t.spare[n-1], t.spare[:n-1]
	} else {
		c = &call{}
	}
	*c = call{id: t.last, past: No}
	t.byID[c.id] = c
	return c
}

// drop forgets a call.
func (t *calls) drop(c *call) {
	t.unplace(c)
	delete(t.byID, c.id)
	*c = call{}
	if len(t.spare) < maxSpare {
		t.spare = append(t.spare, c)
	}
}

func (t *calls) unplace(c *call) {
	switch c.where {
	case inQueue:
		t.queue.remove(c)
	case inFlight:
		t.flight.remove(c)
	case inFormer:
		t.former.remove(c)
	}
	if c.msgID != 0 {
		delete(t.byMsg, c.msgID)
	}
	c.where, c.msgID, c.container = free, 0, 0
	c.received, c.ask, c.answered = false, false, 0
}

// enqueue puts a call where its turn is: before all that were made later.
func (t *calls) enqueue(c *call) {
	t.unplace(c)
	c.where = inQueue
	t.queue.insert(c)
}

// fly notes that a queued call is being sent under an id.
func (t *calls) fly(c *call, msgID int64, seq int32, now time.Time) {
	t.queue.remove(c)
	c.where, c.msgID, c.seq, c.sent = inFlight, msgID, seq, now
	t.byMsg[msgID] = c
	t.flight.push(c)
}

// leave moves what is in flight to the session that is left.
func (t *calls) leave() {
	for c := t.flight.head; c != nil; c = t.flight.head {
		t.flight.remove(c)
		c.where, c.ask = inFormer, false
		t.former.push(c)
	}
	t.ask, t.check = false, time.Time{}
}

// flying is the call that went under an id in this session, or nil.
func (t *calls) flying(msgID int64) *call {
	if c := t.byMsg[msgID]; c != nil && c.where == inFlight {
		return c
	}
	return nil
}

// fail ends a call without an answer.
func (t *calls) fail(c *call, err error) {
	t.events.add(Failed{Call: c.id, Err: err, Sent: c.fate()})
	t.drop(c)
}

// failAll does that to each that is not of a session that was left.
func (t *calls) failAll(err error) {
	for _, l := range []*list{&t.flight, &t.queue} {
		for l.head != nil {
			t.fail(l.head, err)
		}
	}
}

// unresolved decides about a call whose fate cannot be found out.
func (t *calls) unresolved(c *call, err error) {
	if !c.opts.Resendable {
		t.fail(c, err)
		return
	}
	c.past = c.past.or(c.fate())
	t.enqueue(c)
}

// enquire has the state of a call asked for.
func (t *calls) enquire(c *call) { c.ask, t.ask = true, true }

// enquireAll does that with everything in flight: after a reconnect nobody knows what arrived (C27).
func (t *calls) enquireAll(now time.Time) {
	for c := t.flight.head; c != nil; c = c.next {
		t.enquire(c)
		c.answered = 0
		t.watch(c, now.Add(t.limits.CheckAfter))
	}
}

// maxAsked is of how many calls the state is asked for at once; as many witnesses may be with them.
const maxAsked = maxIDs / 2

// asked adds to ids those of the calls to ask for now. If there are more, the rest waits.
func (t *calls) asked(ids []int64) []int64 {
	t.ask = false
	for c := t.flight.head; c != nil; c = c.next {
		if c.ask && len(ids) == maxAsked {
			t.ask = true
			break
		}
		if c.ask {
			c.ask = false
			ids = append(ids, c.msgID)
		}
	}
	return ids
}

// watch sets when to ask for a call's state if there is no word (C27).
func (t *calls) watch(c *call, at time.Time) {
	c.check = at
	if t.check.IsZero() || at.Before(t.check) {
		t.check = at
	}
}

// checkEvery is how often, at most, the calls are looked through.
const checkEvery = time.Second

// tick finds the calls to ask for. The next look is when the first of the rest wants it.
func (t *calls) tick(now time.Time) {
	if t.check.IsZero() || now.Before(t.check) {
		return
	}
	t.check = time.Time{}
	for c := t.flight.head; c != nil; c = c.next {
		if !now.Before(c.check) {
			t.enquire(c)
			c.check = now.Add(t.limits.CheckAfter)
		}
		t.watch(c, c.check)
	}
	if soonest := now.Add(checkEvery); t.check.Before(soonest) && !t.check.IsZero() {
		t.check = soonest
	}
}

// maxAnswered is how often the server says that it answered, without an answer, until that counts as lost.
const maxAnswered = 3

// received notes that the server has a call. If it also says that it answered, and says so again and again while no
// answer comes, then the answer is lost.
func (t *calls) received(now time.Time, c *call, answered bool) {
	c.received, c.ask = true, false
	if !answered {
		t.watch(c, now.Add(t.limits.CheckReceived))
		return
	}
	t.watch(c, now.Add(t.limits.CheckAfter))
	if c.answered++; c.answered >= maxAnswered {
		t.unresolved(c, ErrAnswer)
	}
}
