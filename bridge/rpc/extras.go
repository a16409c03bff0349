package rpc

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
)

const (
	extraSize = 64 << 10 // of a request that is no call, in bytes

	// Places at work are each verb's own: who may search for peers, and does it all the time, does not keep an operator from freezing the
	// account. Of those that other roles may ask too, one caller whom NATS tells of leaves some to others.
	extraMost  = 16
	callerMost = 12
)

// extras answers what is not a method.
type extras struct {
	bySubject map[string]extra
	life      context.Context //nolint:containedctx // the service's
	log       *slog.Logger
	slow      sync.WaitGroup // those that take their time
}

type extra struct {
	endpoint *micro.Endpoint
	places   *answer.Places // by caller, as far as NATS tells of him
	Extra
}

func newExtras(life context.Context, log *slog.Logger, service *micro.Service, all map[string]Extra) *extras {
	x := &extras{bySubject: map[string]extra{}, life: life, log: log}
	for name, one := range all {
		x.bySubject[one.Subject] = extra{service.Add(name, one.Subject, nil), answer.NewPlaces(extraMost, callerMost), one}
	}
	return x
}

// subscribe has requests to each come.
func (x *extras) subscribe(service *micro.Service) error {
	for subject := range x.bySubject {
		if err := service.SubscribeExtra(subject, x.accept); err != nil {
			return err
		}
	}
	return nil
}

// accept answers a request, or has it answered.
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
	if !one.Slow {
		data, fault := x.guarded(one, r.Data())
		one.reply(&r, at, data, fault)
		return
	}
	leave := one.places.Take(r.Caller())
	if leave == nil {
		one.reply(&r, at, nil, answer.Later("too many such requests are at work here"))
		return
	}
	x.slow.Go(func() {
		data, fault := x.guarded(one, r.Data())
		leave() // who has the answer finds the place free
		one.reply(&r, at, data, fault)
	})
}

// guarded keeps a fault of ours in one request from ending all others.
func (x *extras) guarded(one extra, request []byte) (data []byte, fault *Fault) {
	defer func() {
		if what := recover(); what != nil {
			x.log.Error("a request made the program fail", "subject", one.Subject, "what", what, "stack", string(debug.Stack()))
			data, fault = nil, answer.Doubt(500, oursText)
		}
	}()
	return one.Answer(x.life, request)
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
