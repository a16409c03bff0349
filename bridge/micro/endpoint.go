package micro

import (
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"

	protocol "github.com/nats-io/nats.go/micro"

	"github.com/natsgram/natsgram/bridge/answer"
)

// Endpoint is a subject with its own figures. They are there for everybody who may ask, so they hold nothing of what callers wrote.
type Endpoint struct {
	name, subject string
	metadata      map[string]string
	requests      atomic.Int64
	errors        atomic.Int64
	nanos         atomic.Int64
	working       atomic.Int64
	last          atomic.Pointer[string]
}

// Begin counts a request that is at work, until end is called.
func (e *Endpoint) Begin() (end func()) {
	e.working.Add(1)
	return func() { e.working.Add(-1) }
}

// Done counts a request that was answered. method is its name, if it is one that there is.
func (e *Endpoint) Done(took time.Duration, method string, fault *answer.Fault) {
	e.nanos.Add(int64(took))
	e.requests.Add(1)
	if fault == nil {
		return
	}
	e.errors.Add(1)
	text := strconv.Itoa(fault.Code)
	if method != "" {
		text += " " + method
	}
	e.last.Store(&text)
}

func (e *Endpoint) stats() *protocol.EndpointStats {
	n, took := e.requests.Load(), time.Duration(e.nanos.Load())
	s := &protocol.EndpointStats{
		Name: e.name, Subject: e.subject, QueueGroup: protocol.DefaultQueueGroup,
		NumRequests: int(n), NumErrors: int(e.errors.Load()), ProcessingTime: took,
		Data: json.RawMessage(`{"in_flight":` + strconv.FormatInt(e.working.Load(), 10) + `}`),
	}
	if n > 0 {
		s.AverageProcessingTime = took / time.Duration(n)
	}
	if last := e.last.Load(); last != nil {
		s.LastError = *last
	}
	return s
}
