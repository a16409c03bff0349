package rpc

import (
	"context"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// job is a request that was taken, and all that is known of it. What is done with it is the worker's affair.
type job struct {
	answer.Request
	turns.Job
	by       worker
	endpoint *micro.Endpoint
	method   string
	m        *methods.Method   // nil: there is no such method
	asked    request           // what its headers say
	wrong    *Fault            // what is wrong with them
	isRead   bool              // they are read
	readOnly bool              // it may only read
	passed   bool              // by the former owner
	late     bool              // by a former owner, when calls that came after it may have been made
	asksOnce bool              // the journal is being asked
	out      Encoding          // of the answer
	life     context.Context   //nolint:containedctx // of who asks inside the daemon; nil: of nobody but the service
	from     string            // who that is
	fault    *Fault            // that it was answered with
	about    *subjects.ChatRef // the chat that it is held against; nil: none
	files    attach.Uses       // that it names
	redacted string            // why the answer lacks something; empty: it does not
	named
}

// worker works on jobs: the handler, of which a job knows no more.
type worker interface {
	serve(j *job)
	refuse(j *job, fault *Fault)
	config() *Config
}

// named is what a request with a Nats-Msg-Id has beside others.
type named struct {
	run    *once.Run // nil: the request has no id
	hash   once.Hash
	before time.Time // when the call was made whose answer this is; zero: for this request
	lacks  string    // why the answer is not all that Telegram gave then
}

// Do works on a request from beginning to end.
func (j *job) Do() { j.by.serve(j) }

// Deadline is when its time is over.
func (j *job) Deadline() time.Time {
	c := j.by.config()
	_ = j.read(c.Methods.Schema().Layer()) // what is wrong with the headers is told when it is worked on
	timeout := j.asked.timeout
	if timeout == 0 {
		timeout = c.Timeout
	}
	return j.At.Add(min(timeout, c.MaxTimeout))
}

// BeginWait is what a call tells of its waits while it is on its way to Telegram.
func (j *job) BeginWait(w mtproto.Wait) (end func()) {
	switch w.For {
	case mtproto.WaitTurn:
		return j.Park(turns.ForOrder, nil)
	case mtproto.WaitElse:
		if j.asksOnce {
			j.Leave() // the other request may be behind this one
			return j.Park(turns.ForRepeat, nil)
		}
		return j.Park(turns.ForLookup, nil)
	case mtproto.WaitStore:
		return j.Lend()
	case mtproto.WaitFlood:
	}
	return j.Park(turns.ForFlood, &turns.Flood{Until: w.Until, Fault: j.by.config().Explain(w.Refusal)})
}

// Refuse answers a request with a fault.
func (j *job) Refuse(fault *Fault) { j.by.refuse(j, fault) }

// read reads the headers of a request, once, and tells what is wrong with them.
func (j *job) read(layer int) *Fault {
	if !j.isRead {
		j.isRead = true
		j.asked, j.wrong = readHeaders(j.Header(), layer)
		j.out = j.asked.out
	}
	return j.wrong
}

// Method is the name of the method; empty: there is no such method.
func (j *job) Method() string {
	if j.m == nil {
		return ""
	}
	return j.m.Name
}

// Room names whom it shares its room with: those of the same caller, or of all whom NATS does not tell of, in the same tree.
func (j *job) Room() string {
	tree := subjects.TreeRPC
	if j.readOnly {
		tree = subjects.TreeRO
	}
	if j.from != "" {
		return tree + " " + j.from // of no user of NATS: their names begin with an account's
	}
	return tree + j.Caller()
}
