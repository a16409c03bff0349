package rpc

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/subjects"
)

// replier sends answers, and counts them.
type replier struct {
	c   *Config
	ctx context.Context //nolint:containedctx // the service's life
}

// reply sends a result, or a fault, and counts. Nothing of data is kept. A request that has its answer gets no other.
func (r *replier) reply(j *job, data []byte, fault *Fault) {
	if j.Answered() {
		return
	}
	if fault == nil {
		fault = j.TooLarge(len(data))
	}
	if fault != nil && j.run != nil {
		j.run.End(r.ctx, fault) // before the caller can ask again
	}
	r.measure(j, fault)
	if j.fault = fault; fault != nil {
		h := fault.Header(j.out)
		if waited := j.Waited(); waited != "" {
			h[subjects.HeaderWaited] = []string{waited}
		}
		j.Send(h, fault.Body(j.out))
	} else {
		j.Send(r.header(j), data)
	}
}

// header is what is said of a result beside it.
func (r *replier) header(j *job) nats.Header {
	h := j.out.Header()
	if j.out == TL {
		h = nats.Header{subjects.HeaderContentType: {TL.String()}, subjects.HeaderLayer: {strconv.Itoa(r.c.Methods.Schema().Layer())}}
	}
	waited := j.Waited()
	if j.redacted == "" && waited == "" && j.before.IsZero() {
		return h
	}
	h = maps.Clone(h)
	if j.redacted != "" {
		h[subjects.HeaderRedacted] = []string{j.redacted}
	}
	if waited != "" {
		h[subjects.HeaderWaited] = []string{waited}
	}
	if !j.before.IsZero() {
		h[subjects.HeaderReplayed] = []string{j.before.UTC().Format(time.RFC3339)}
		if j.lacks != "" {
			h[subjects.HeaderRedacted] = []string{j.lacks}
		}
	}
	return h
}

// measure counts an answer.
func (r *replier) measure(j *job, fault *Fault) {
	took := time.Since(j.At)
	code, method, namespace := 0, "", ""
	if fault != nil {
		code = fault.Code
	}
	if r.c.Methods.Get(j.method) != nil {
		method, namespace = j.method, methods.Namespace(j.method)
	}
	j.endpoint.Done(took, method, fault)
	if r.c.Measure != nil && j.method != "" {
		r.c.Measure(endpointName(namespace), method, took, code)
	}
}
