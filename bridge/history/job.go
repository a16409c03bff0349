package history

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/natsgram/natsgram/bridge/history/walk"
	"github.com/natsgram/natsgram/subjects"
)

// State of a job.
type State string

// The states.
const (
	Waiting   State = "waiting" // for its turn, or for what Reason says
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Job is what is told of a job that fetches history.
type Job struct {
	ID      string     `json:"id"`
	State   State      `json:"state"`
	Peer    string     `json:"peer"` // channel.5
	Topic   int        `json:"topic,omitempty"`
	Limit   int        `json:"limit,omitempty"`
	Subject string     `json:"subject"` // of the messages
	Done    int        `json:"done"`    // messages that were looked at
	Stored  int        `json:"stored"`  // of them, those that were not in the stream before
	Of      int        `json:"of,omitempty"`
	Percent int        `json:"percent"`
	First   int        `json:"first,omitempty"` // no message before this id is wanted
	Last    int        `json:"last,omitempty"`  // the newest one that is
	Through uint64     `json:"through,omitempty"`
	Since   time.Time  `json:"since"`
	Ended   *time.Time `json:"ended,omitempty"`
	Reason  string     `json:"reason,omitempty"` // it waits for
	Until   *time.Time `json:"until,omitempty"`
	Error   string     `json:"error,omitempty"`
	Code    int        `json:"code,omitempty"`
	Former  string     `json:"migrated_from,omitempty"` // the basic group that the chat was, whose messages are a history of their own
}

// job is one. What is written of it is enough to go on with it; no access hash is in that.
type job struct {
	ID      string        `json:"id"`
	Kind    subjects.Kind `json:"kind"`
	Chat    int64         `json:"chat"`
	Topic   int           `json:"topic,omitempty"`
	User    int64         `json:"user"` // whose job it is: an account's name can pass on to another
	Walk    walk.Walk     `json:"walk"`
	Done    int           `json:"done"`
	Stored  int           `json:"stored"`
	Through uint64        `json:"through,omitempty"` // sequence of the stream of updates when the newest message was looked for
	Made    time.Time     `json:"made,omitzero"`     // when the stream was made that Stored counts in
	Since   time.Time     `json:"since"`
	Ended   time.Time     `json:"ended,omitzero"`
	State   State         `json:"state,omitempty"` // of one that has ended
	Error   string        `json:"error,omitempty"`
	Code    int           `json:"code,omitempty"`
	Former  int64         `json:"former,omitempty"` // basic group
	Erased  uint64        `json:"erased,omitempty"` // which erasure was the last one when it was asked for
	Past    bool          `json:"past,omitempty"`   // of one that failed: somebody was erased since, whom it has left out

	attempt
}

// attempt is how a job is getting on at this daemon, which is not written down.
type attempt struct {
	running  bool
	entering bool          // it is being written down that there is one: nobody works on it before
	wait     time.Duration // after what went wrong
	next     time.Time     // it is not tried before
	reason   string
	told     time.Time
	cancel   context.CancelCauseFunc // of one that runs
	over     chan struct{}           // closed when it runs no more
}

// same reports whether a job is about the same.
func (j *job) same(o *job) bool {
	return j.Kind == o.Kind && j.Chat == o.Chat && j.Topic == o.Topic && j.User == o.User && j.Walk.Range == o.Walk.Range
}

// peer is the chat as the subjects of updates have it.
func (j *job) peer() string { return string(j.Kind) + "." + strconv.FormatInt(j.Chat, 10) }

func (j *job) ended() bool { return j.State != "" }

// tell is what is told of it at a time.
func (j *job) tell(s subjects.Scheme, account string, now time.Time) Job {
	t := Job{
		ID: j.ID, State: Waiting, Peer: j.peer(), Topic: j.Topic, Limit: j.Walk.Range.Limit, Subject: subjects.Histories(s).Subject(account, j.Kind, j.Chat),
		Done: j.Done, Stored: j.Stored, Of: j.Walk.Of(), Percent: j.Walk.Percent(), First: j.Walk.First, Last: j.Walk.Top,
		Through: j.Through, Since: j.Since.UTC(), Error: j.Error, Code: j.Code,
	}
	switch {
	case j.ended():
		at := j.Ended.UTC()
		t.State, t.Ended = j.State, &at
	case j.running:
		t.State = Running
	default:
		t.Reason = j.reason
		if j.next.After(now) {
			at := j.next.UTC()
			t.Until = &at
		}
	}
	if j.Former != 0 {
		t.Former = string(subjects.Chat) + "." + strconv.FormatInt(j.Former, 10)
	}
	return t
}

// Causes of the end of a job's work.
var (
	errCancelled = errors.New("the job was cancelled")
	errErased    = errors.New("what is kept of the chat is erased")
	errLeaveOut  = errors.New("somebody is erased whom the job is to leave out")
)
