package turns

import (
	"strconv"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// Work is what a job is about: a request that was taken.
type Work interface {
	Do()                  // works on it, in a goroutine of the pool
	Refuse(*answer.Fault) // answers it, where it will not begin
	Deadline() time.Time  // when nobody waits for it any more
	Room() string         // names whom it shares its room with
	Method() string       // is the method that it calls; empty: there is none
	Size() int            // in bytes
	IsInside() bool       // it comes from the daemon itself
}

// Job is work with its place. Its methods are for the goroutine that does it.
type Job struct {
	Work Work
	Chat Chat      // that it writes to, or a name of it; the zero chat: it has no lane
	At   time.Time // when it came

	pool *Pool
	place
	waits
}

// place is where a job stands in the pool.
type place struct {
	ticket uint64 // ascends in the order in which jobs came
	group  *group
	lane   *lane
	turn   Turn // its place among the calls to the chat; nil: it has none
}

// Reason is why a job waits.
type Reason uint8

// The reasons, and how answers tell of them.
const (
	ForRoom   Reason = iota // other requests were at work
	ForOrder                // a request to the same chat came before
	ForRepeat               // a request with the same Nats-Msg-Id was at work
	ForLookup               // whose a name is had to be asked
	ForUpload               // files that it names had to be brought to Telegram
	ForFlood                // Telegram said so
	reasons
)

var reasonNames = [reasons]string{ForRoom: "room", ForOrder: "order", ForRepeat: "repeat", ForLookup: "lookup", ForUpload: "upload", ForFlood: "flood"}

// waits is how long a job has waited for what, and what it waits for.
type waits struct {
	waited [reasons]time.Duration
	since  time.Time
	why    Reason
	parked bool          // it has begun, and waits
	gated  bool          // it stands in its lane among those that have not begun
	wake   chan struct{} // closed when it may go on
}

// queued notes that a job waits to begin in a lane.
func (j *Job) queued(l *lane) {
	j.lane = l
	if j.why = ForRoom; l.ordered() && !l.isOpen() {
		j.why = ForOrder
	}
}

// begins notes that it begins.
func (j *Job) begins() {
	switch {
	case j.gated:
		j.goesOn()
	case j.lane != nil:
		j.waited[j.why] += time.Since(j.At)
	}
}

func (w *waits) goesOn() {
	w.parked, w.gated = false, false
	w.waited[w.why] += time.Since(w.since)
}

// leastWaited is the shortest wait that an answer tells of.
const leastWaited = 50 * time.Millisecond

// Waited is how long a job has waited for what, as in "2.4 flood, 0.3 order"; empty: not for long.
func (w *waits) Waited() string {
	var all []string
	for why := reasons; why > 0; why-- {
		if d := w.waited[why-1]; d >= leastWaited {
			all = append(all, strconv.FormatFloat(d.Seconds(), 'f', 1, 64)+" "+reasonNames[why-1])
		}
	}
	return strings.Join(all, ", ")
}

// Unsettled reports whether the job's chat is a name of which it has to find out whose it is, and then to say so by Settle.
func (j *Job) Unsettled() bool { return j.lane.chat.Kind == Name }

// Leave gives up the turn of a job that makes no call, for now or for good.
func (j *Job) Leave() {
	if j.turn != nil {
		j.turn.Leave()
		j.turn = nil
	}
}

func byTicket(a, b *Job) int {
	if a.ticket < b.ticket {
		return -1
	}
	return 1
}
