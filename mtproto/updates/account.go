package updates

import (
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// accountCatchUp fetches the account's difference, which fills the gaps of the common and the secret box and of seq.
type accountCatchUp struct {
	catchUp
	diff      *diffState
	common    *box
	secret    *box
	seq       *seqOrder
	next      interface{ caughtUp() } // is told when nothing is missing any more
	confirmed struct{ pts, qts int }  // Telegram knows that we have these (E28)
}

// settle asks for the difference where something is missing, and fetches it when it is due.
func (a *accountCatchUp) settle() {
	if !a.heard.Add(a.c.Quiet).After(a.now) {
		a.heard = a.now
		a.diff.want() // E18
	}
	if a.due(a.common.gapEnds) || a.due(a.secret.gapEnds) || a.due(a.seq.gapEnds) {
		a.diff.want()
	}
	if a.diff.pending {
		a.common.gapEnds, a.secret.gapEnds, a.seq.gapEnds = time.Time{}, time.Time{}, time.Time{}
	}
	a.confirm()
	a.fetch()
}

// wake is the sooner of next and when the account has something to do.
func (a *accountCatchUp) wake(next time.Time) time.Time {
	next = sooner(next, a.heard.Add(a.c.Quiet))
	next = sooner(next, a.common.gapEnds)
	next = sooner(next, a.secret.gapEnds)
	next = sooner(next, a.seq.gapEnds)
	return a.diff.wake(a.now, next)
}

// confirm tells Telegram now and then what a bot has, so that it need not keep it (E28): asking for what comes after says
// that.
func (a *accountCatchUp) confirm() {
	if a.c.Bot && (a.common.pts-a.confirmed.pts > a.c.Confirm || a.secret.pts-a.confirmed.qts > a.c.Confirm) {
		a.diff.want()
	}
}

// fetch begins what is due.
func (a *accountCatchUp) fetch() {
	if !a.diff.ready(a.now) {
		return
	}
	method, call := "updates.getState", codec.M{}
	if a.diff.cause == causeNone {
		st := &a.ledger.state
		method, call = "updates.getDifference", codec.M{"pts": st.Pts, "qts": st.Qts, "date": st.Date}
		a.confirmed.pts, a.confirmed.qts = st.Pts, st.Qts
	}
	a.catchUp.fetch(a.diff, a.common.id, method, call)
}

// answered takes the answer to updates.getState or updates.getDifference, or why there is none (E8).
func (a *accountCatchUp) answered(body []byte, err error) {
	a.diff.fetch = 0
	if err != nil {
		a.diff.refused(a.env, err)
		return
	}
	class := "updates.Difference"
	if a.diff.cause != causeNone {
		class = "updates.State"
	}
	v, c, err := a.read(a.diff, a.common.id, body, class)
	if err != nil {
		a.unreadable(err)
		return
	}
	a.result(v, c)
	a.in.channels.learn(c)
}

func (a *accountCatchUp) unreadable(err error) {
	if !a.catchUp.unreadable(a.diff, a.common.id, err) || a.diff.cause != causeNone {
		a.diff.tryLater(a.env)
		return
	}
	a.diff.unreadable = 0
	a.diff.wantState(causeUnreadable)
}

func (a *accountCatchUp) result(v codec.View, c *container) {
	state := &a.ledger.state
	switch v.Name() {
	case "updates.state":
		a.stateResult(v)
	case "updates.differenceEmpty":
		date, seq := int(c.f.Int("date")), int(c.f.Int("seq"))
		moved := state.Date != date || state.Seq != seq
		state.Date, state.Seq = date, seq
		a.done(moved, false)
	case "updates.difference":
		st, _ := c.f.Object("state")
		a.done(a.slice(st, c), false)
	case "updates.differenceSlice":
		st, _ := c.f.Object("intermediate_state")
		a.done(a.slice(st, c), true)
	case "updates.differenceTooLong":
		pts := int(c.f.Int("pts"))
		moved := pts > a.common.pts
		if moved {
			a.gaps.to(a.common, pts, GapTooLong)
		}
		a.done(moved, true)
	default:
		a.unreadable(errClass)
	}
}

// slice publishes a slice and moves to its end; it reports whether that is further on.
func (a *accountCatchUp) slice(st codec.View, c *container) (moved bool) {
	state := &a.ledger.state
	before := state.Position
	pts := a.gaps.forward(a.common, int(st.Int("pts")))
	qts := a.gaps.forward(a.secret, int(st.Int("qts")))
	c.date = int(st.Int("date"))
	s := a.in.newSlice(c, a.common, pts, qts)
	s.publish()
	s.end()
	state.Seq, state.Date = int(st.Int("seq")), c.date
	return state.Position != before
}

// done goes on after an answer. An answer that leads nowhere is not asked for again at once.
func (a *accountCatchUp) done(moved, more bool) {
	a.diff.done(more)
	switch {
	case !a.diff.pending:
		a.diff.settled(a.env, moved, len(a.common.postponed) > 0 || len(a.secret.postponed) > 0 || len(a.seq.postponed) > 0)
		a.ledger.endPartial(a.common.id)
		a.ledger.endPartial(a.secret.id)
		a.seqs.replay(a.common)
		a.seqs.replay(a.secret)
		a.seq.replay(a.in.seqPart)
		a.next.caughtUp()
	case moved:
		a.diff.fails = 0
	case more:
		a.diff.tryLater(a.env)
	}
}

// stateResult is where Telegram stands. Why it was asked decides what that means.
func (a *accountCatchUp) stateResult(st codec.View) {
	pts, qts := int(st.Int("pts")), int(st.Int("qts"))
	switch a.diff.cause {
	case causeFirst:
		a.ledger.move(a.common, pts, 0)
		a.ledger.move(a.secret, qts, 0)
		a.ledger.state.Seq, a.ledger.state.Date = int(st.Int("seq")), int(st.Int("date"))
		a.gaps.beginning(a.common)
		a.done(true, false)
	case causePtsChanged:
		if pts < a.common.pts {
			a.gaps.to(a.common, pts, GapReset)
		}
		a.done(true, true)
	default:
		a.gaps.to(a.common, pts, gapReasons[a.diff.cause])
		if qts != a.secret.pts {
			a.gaps.to(a.secret, qts, gapReasons[a.diff.cause])
		}
		a.ledger.state.Seq, a.ledger.state.Date = int(st.Int("seq")), int(st.Int("date"))
		a.diff.done(true)
		a.diff.tryLater(a.env) // should the next difference be refused too
	}
}
