package rpc

import (
	"context"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// job is a request that was taken. It is the [turns.Work] of its turn.
type job struct {
	answer.Request
	turns.Job
	endpoint *micro.Endpoint
	method   string
	m        *method // nil: there is no such method
	service  *Service
	asked    request           // what its headers say
	wrong    *Fault            // what is wrong with them
	isRead   bool              // they are read
	passed   bool              // by a former owner
	out      Encoding          // of the answer
	life     context.Context   //nolint:containedctx // of who asks inside the daemon; nil: of nobody but the service
	from     string            // who that is
	fault    *Fault            // that it was answered with
	about    *subjects.ChatRef // the chat that it is held against; nil: none
	uses     []*use            // files that it names
	redacted string            // why the answer lacks something; empty: it does not

	named
}

func (s *Service) newJob(r answer.Request) *job {
	j := &job{Request: r, service: s}
	j.Work, j.At = j, time.Now()
	return j
}

// Do works on it.
func (j *job) Do() { j.service.serve(j) }

// Refuse answers it with a fault.
func (j *job) Refuse(fault *Fault) { j.service.reply(j, nil, fault) }

// Deadline is when its time is over.
func (j *job) Deadline() time.Time {
	j.service.read(j)
	timeout := j.asked.timeout
	if timeout == 0 {
		timeout = j.service.c.Timeout
	}
	return j.At.Add(min(timeout, j.service.c.MaxTimeout))
}

// Room names whom it shares its room with: those of the same caller, or of all whom NATS does not tell of, in the same tree.
func (j *job) Room() string {
	tree := subjects.TreeRPC
	if j.endpoint == j.service.readOnly {
		tree = subjects.TreeRO
	}
	if j.from != "" {
		return tree + " " + j.from // of no user of NATS: their names begin with an account's
	}
	return tree + j.Caller()
}

// Method is the name of the method; empty: there is no such method.
func (j *job) Method() string {
	if j.m == nil {
		return ""
	}
	return j.m.name
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
	return j.Park(turns.ForFlood, &turns.Flood{Until: w.Until, Fault: j.service.c.Explain(w.Refusal)})
}

// read reads the headers of a request, once, and tells what is wrong with them.
func (s *Service) read(j *job) *Fault {
	if !j.isRead {
		j.isRead = true
		j.asked, j.wrong = readHeaders(j.Header(), s.c.Methods.schema.Layer())
		j.out = j.asked.out
	}
	return j.wrong
}
