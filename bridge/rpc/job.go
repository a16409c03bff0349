package rpc

import (
	"context"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/subjects"
)

// job is a request that was taken.
type job struct {
	answer.Request
	endpoint *micro.Endpoint
	method   string
	m        *method // nil: there is no such method
	at       time.Time
	passed   bool // by a former owner
	service  *Service
	asked    request // what its headers say, once they are read
	wrong    *Fault  // what is wrong with them
	isRead   bool
	life     context.Context   //nolint:containedctx // of who asks inside the daemon; nil: of nobody but the service
	from     string            // who that is
	fault    *Fault            // that it was answered with
	about    *subjects.ChatRef // the chat that it is held against; nil: none
	out      Encoding          // of the answer
	uses     []*use            // files that it names
	redacted string            // why the answer lacks something; empty: it does not

	place
	waits
	named
}

// place is where a job stands in the pool.
type place struct {
	ticket uint64 // ascends in the order in which jobs came
	group  *group
	lane   *lane
	chat   chat // that it writes to, or a name of it; the zero chat: it has no lane
	turn   Turn // its place among the calls to the chat; nil: it has none
}

func (j *job) isInside() bool { return j.IsInside() }

// known is the name of the method; empty: there is no such method.
func (j *job) known() string {
	if j.m == nil {
		return ""
	}
	return j.m.name
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

// deadline is when a request's time is over.
func (s *Service) deadline(j *job) time.Time {
	s.read(j)
	timeout := j.asked.timeout
	if timeout == 0 {
		timeout = s.c.Timeout
	}
	return j.at.Add(min(timeout, s.c.MaxTimeout))
}
