package updates

import (
	"slices"
	"time"
)

// seqPart is the part of a container that moves seq: its updates without a box (E4).
type seqPart struct {
	start, seq int
	c          *container
}

func newSeqPart(c *container) seqPart {
	p := seqPart{start: int(c.f.Int("seq_start")), seq: int(c.f.Int("seq")), c: c}
	if p.start == 0 {
		p.start = p.seq
	}
	return p
}

type verdict uint8

const (
	unsequenced verdict = iota // seq 0
	fits
	late
	early
)

// seqOrder puts containers in the order of their seq.
type seqOrder struct {
	*env
	ledger    *ledger
	queue     *queue
	account   *diffState
	postponed []seqPart // by start
	gapEnds   time.Time // a container is missing: when to stop waiting for it; zero: none is
}

func (o *seqOrder) judge(p seqPart) verdict {
	switch seq := o.ledger.state.Seq; {
	case p.start == 0:
		return unsequenced
	case o.account.pending:
		return early // E7
	case p.start == seq+1:
		return fits
	case p.start <= seq:
		return late
	default:
		return early
	}
}

// move sets the account to where a container ends.
func (o *seqOrder) move(p seqPart) { o.ledger.state.Seq, o.ledger.state.Date = p.seq, p.c.date }

// postpone keeps a container's part until the ones before it are there (E6, E7).
func (o *seqOrder) postpone(p seqPart) {
	if !o.queue.add(p.c) {
		o.overflow()
		return
	}
	p.c.postponed = true
	i, _ := slices.BinarySearchFunc(o.postponed, p.start, func(h seqPart, start int) int { return h.start - start })
	o.postponed = slices.Insert(o.postponed, i, p)
	if o.gapEnds.IsZero() && !o.account.pending {
		o.gapEnds = later(o.now.Add(o.c.GapWait), o.account.at)
	}
}

func (o *seqOrder) overflow() {
	for _, p := range o.postponed {
		o.queue.remove(p.c)
	}
	o.postponed = nil
	o.account.want()
}

// drain publishes what was waiting for the container before.
func (o *seqOrder) drain(publish func(seqPart)) {
	for len(o.postponed) > 0 {
		p := o.postponed[0]
		verdict := o.judge(p)
		if verdict == early {
			return
		}
		o.queue.remove(p.c)
		o.postponed = slices.Delete(o.postponed, 0, 1)
		if verdict == fits {
			publish(p)
			o.move(p)
		}
	}
	o.gapEnds = time.Time{}
}

// replay judges what is postponed once more, after a difference.
func (o *seqOrder) replay(publish func(seqPart)) {
	o.gapEnds = time.Time{}
	postponed := o.postponed
	o.postponed = nil
	for _, p := range postponed {
		o.queue.remove(p.c)
		switch o.judge(p) {
		case fits:
			publish(p)
			o.move(p)
		case early:
			o.postpone(p)
		}
	}
}
