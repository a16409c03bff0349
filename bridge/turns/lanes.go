package turns

import (
	"context"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// Sequence has calls executed in the order of their turns: an mtproto.Sequence, or whatever stands in for it.
type Sequence interface{ Next() Turn }

// Turn is a call's place in a [Sequence]. It is used for a call, or left.
type Turn interface {
	Invoke(ctx context.Context, query []byte) ([]byte, error)
	Leave()
}

// Chat is what calls are kept in order for. Kind says what ID or Name stand for; which kinds there are but [Name] is the owner's affair.
type Chat struct {
	Kind byte
	ID   int64
	Name string
}

// Name is the kind of a chat of which it has to be looked up whose name it is.
const Name byte = 'n'

// lane is the jobs that write to one chat, in the order in which they came; or, without a chat, those of a group that need no order.
//
// A job begins when those before it in the lane have begun, and takes its turn in the lane's sequence as it does, so that all of
// them are on their way to Telegram at once. While the last that has begun waits for something, the next does not begin: it
// could do no more than wait as well. Only where that brings files up, the next may bring up its own, and its turn keeps it behind.
//
// A name of which it is not known whose it is has a lane of its own, where one job at a time begins. When that one has found out
// whose the name is, it goes on in that chat's lane, and takes all those behind it along (see Job.Settle).
type lane struct {
	chat    Chat
	waiting []*Job // in the order of their tickets
	begun   int
	last    *Job     // that has begun; nil: none, or it is done
	calls   Sequence // nil: nobody has begun yet
	listed  *group   // in whose turns it is; nil: in none
	listing uint64   // which of its listings is the last
	flood   *Flood   // that somebody in the lane sits out
}

// Flood is a wait that Telegram asked for, and how whoever has not the time is told.
type Flood struct {
	Until time.Time
	Fault answer.Fault
}

func (l *lane) ordered() bool { return l.chat != Chat{} }

// isOpen reports whether the lane's next job may begin, as far as the lane goes.
func (l *lane) isOpen() bool {
	switch {
	case !l.ordered():
		return true
	case l.chat.Kind == Name:
		return l.begun == 0
	}
	return l.last == nil || !l.last.parked || l.last.why == ForUpload && l.calls != nil
}

// pop takes the first job out.
func (l *lane) pop() *Job {
	j := l.waiting[0]
	l.waiting[0] = nil
	if l.waiting = l.waiting[1:]; len(l.waiting) == 0 {
		l.waiting = nil // give back what is done
	}
	return j
}

// begin gives a job its turn, in a sequence that is begun by sequence where there is none yet.
func (l *lane) begin(j *Job, sequence func() Sequence) {
	j.lane = l
	l.begun++
	if !l.ordered() {
		return
	}
	l.last = j
	if l.chat.Kind == Name {
		return
	}
	if l.calls == nil && sequence != nil {
		l.calls = sequence()
	}
	if l.calls != nil {
		j.turn = l.calls.Next()
	}
}

// end lets go of a job that is done.
func (l *lane) end(j *Job) {
	l.begun--
	if l.last == j {
		l.last = nil
	}
}

// unused reports whether nobody has anything in the lane.
func (l *lane) unused() bool { return l.begun == 0 && len(l.waiting) == 0 }

// insert puts jobs among those that wait, by their tickets.
func (l *lane) insert(jobs []*Job) {
	if len(jobs) > 0 {
		l.waiting = append(l.waiting, jobs...)
		slices.SortStableFunc(l.waiting, byTicket)
	}
}

// remove takes jobs out that have not begun. One that has, and waits to go on in this lane, stays.
func (l *lane) remove(which func(*Job) bool) (gone []*Job) {
	l.waiting = slices.DeleteFunc(l.waiting, func(j *Job) bool {
		if !j.gated && which(j) {
			gone = append(gone, j)
			return true
		}
		return false
	})
	return gone
}

func (f *Flood) outlasts(end time.Time) bool { return f != nil && f.Until.After(end) }

// told is the fault of a job that has no time for a flood wait of its chat: nothing of it was sent.
func (f *Flood) told(now time.Time) *answer.Fault {
	fault := f.Fault
	fault.Sent, fault.RetryAfter = answer.No, max(f.Until.Sub(now), time.Second)
	return &fault
}

// lanes are those of chats.
type lanes map[Chat]*lane

func (all lanes) of(c Chat) *lane {
	l := all[c]
	if l == nil {
		l = &lane{chat: c}
		all[c] = l
	}
	return l
}

// forget takes a lane away that nobody uses: chats come and go.
func (all lanes) forget(l *lane) {
	if l.unused() && all[l.chat] == l {
		delete(all, l.chat)
	}
}
