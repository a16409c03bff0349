package rpc

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
)

const (
	extraSize = 64 << 10 // of a request that is no call, in bytes
	extraMost = 32       // of them at work
)

// extras answers what is not a method.
type extras struct {
	bySubject map[string]extra
	life      context.Context //nolint:containedctx // the service's
	slow      sync.WaitGroup  // those that take their time
	work      chan struct{}   // a token for each of those
}

type extra struct {
	endpoint *micro.Endpoint
	Extra
}

func newExtras(life context.Context, service *micro.Service, all map[string]Extra) *extras {
	x := &extras{bySubject: map[string]extra{}, life: life, work: make(chan struct{}, extraMost)}
	for name, one := range all {
		x.bySubject[one.Subject] = extra{service.Add(name, one.Subject, nil), one}
	}
	return x
}

// take answers a request, or has it answered.
func (x *extras) accept(r answer.Request) {
	one, ok := x.bySubject[r.Subject()]
	if !ok {
		return
	}
	at := time.Now()
	if r.Size() > extraSize {
		one.reply(&r, at, nil, answer.Refuse(400, "the request has "+strconv.Itoa(r.Size())+" bytes, more than any that there is has"))
		return
	}
	if fault := r.NotJSON(); fault != nil {
		one.reply(&r, at, nil, fault)
		return
	}
	do := func() {
		data, fault := one.Answer(x.life, r.Data())
		one.reply(&r, at, data, fault)
	}
	if !one.Slow {
		do()
		return
	}
	select {
	case x.work <- struct{}{}:
		x.slow.Go(func() { do(); <-x.work })
	default:
		one.reply(&r, at, nil, answer.Later("too many requests are at work here"))
	}
}

// reply sends a result, or a fault, and counts.
func (x extra) reply(r *answer.Request, at time.Time, data []byte, fault *Fault) {
	if fault == nil {
		fault = r.TooLarge(len(data))
	}
	x.endpoint.Done(time.Since(at), "", fault)
	if fault != nil {
		r.Fail(JSON, fault)
		return
	}
	r.Send(JSON.Header(), data)
}
