package rpc

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Fault is why a request failed.
type Fault = answer.Fault

// Encoding is how a body is written.
type Encoding = answer.Encoding

// The encodings.
const (
	JSON    = answer.JSON
	Msgpack = answer.Msgpack
	TL      = answer.TL
)

// badRequest tells what is wrong with a request, and where; and why, where Telegram was asked for a part of it.
func badRequest(err error) *Fault {
	f := &Fault{Code: 400}
	var asked *Fault
	if errors.As(err, &asked) {
		*f = *asked
	}
	f.Text, f.Sent = err.Error(), answer.No
	var e *codec.Error
	if errors.As(err, &e) {
		f.Path = e.Path
	}
	return f
}

func (s *Service) headerOf(j *job) nats.Header {
	h := j.out.Header()
	if j.out == TL {
		h = nats.Header{subjects.HeaderContentType: {TL.String()}, subjects.HeaderLayer: {strconv.Itoa(s.c.Methods.schema.Layer())}}
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
	return j.headersAgain(h)
}

// reply sends a result, or a fault, and counts. Nothing of data is kept. A request that has its answer gets no other.
func (s *Service) reply(j *job, data []byte, fault *Fault) {
	if j.Answered() {
		return
	}
	if fault == nil {
		fault = j.TooLarge(len(data))
	}
	if fault != nil && j.run != nil {
		j.run.End(s.ctx, fault) // before the caller can ask again
	}
	s.measure(j, fault)
	if j.fault = fault; fault != nil {
		h := fault.Header(j.out)
		if waited := j.Waited(); waited != "" {
			h[subjects.HeaderWaited] = []string{waited}
		}
		j.Send(h, fault.Body(j.out))
	} else {
		j.Send(s.headerOf(j), data)
	}
}

// measure counts an answer. What is not a method, such as tg.ctl.<account>.status, is counted by its endpoint alone.
func (s *Service) measure(j *job, fault *Fault) {
	took := time.Since(j.At)
	code, method, namespace := 0, "", ""
	if fault != nil {
		code = fault.Code
	}
	if s.c.Methods.byName[j.method] != nil {
		method, namespace = j.method, namespaceOf(j.method)
	}
	j.endpoint.Done(took, method, fault)
	if s.c.Measure != nil && j.method != "" {
		s.c.Measure(endpointName(namespace), method, took, code)
	}
}

// endpointName makes a name of a namespace or a method; functions without namespace are "root".
func endpointName(name string) string {
	if name == "" {
		return "root"
	}
	return strings.ReplaceAll(name, ".", "_")
}
