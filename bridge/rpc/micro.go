package rpc

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	protocol "github.com/nats-io/nats.go/micro"
	"github.com/nats-io/nuid"
)

// micro answers for a service as the protocol of NATS micro services wants it: PING, INFO and STATS, each to all, by name and
// by id.
type micro struct {
	id        protocol.ServiceIdentity
	about     string
	started   time.Time
	endpoints []*endpoint
	subs      []subscription
	asides    []*nats.Subscription // the extra endpoints first
	extras    int                  // how many of them are extra endpoints
	aside     chan *nats.Msg
	answering sync.WaitGroup
}

// endpoint is a subject with its own figures.
type endpoint struct {
	name, subject string
	metadata      map[string]string
	requests      atomic.Int64
	errors        atomic.Int64
	nanos         atomic.Int64
	working       atomic.Int64
	last          atomic.Pointer[string]
}

// ServiceName is how an account's service is called.
func ServiceName(account string) string { return "natsgram-" + account }

func newMicro(c Config) *micro {
	version := c.Version
	if version == "" {
		version = "0.0.0"
	}
	return &micro{
		id:      protocol.ServiceIdentity{Name: ServiceName(c.Account), ID: nuid.Next(), Version: version, Metadata: c.Metadata},
		about:   "Telegram account " + c.Account,
		started: time.Now().UTC(),
	}
}

// endpointName makes a name of what may hold dots; functions without namespace are "root".
func endpointName(name string) string {
	if name == "" {
		return "root"
	}
	return strings.ReplaceAll(name, ".", "_")
}

func (m *micro) add(name, subject string, metadata map[string]string) *endpoint {
	e := &endpoint{name: name, subject: subject, metadata: metadata}
	m.endpoints = append(m.endpoints, e)
	return e
}

// subscription is one with a goroutine of its own, whose end can be waited for.
type subscription struct {
	*nats.Subscription
	closed chan struct{} // its last message has been handled
}

func (m *micro) subscribe(nc *nats.Conn, subject, queue string, take nats.MsgHandler) error {
	sub, err := nc.QueueSubscribe(subject, queue, take)
	if err != nil {
		return err
	}
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	m.subs = append(m.subs, subscription{sub, closed})
	return nil
}

// asideSize is how many questions beside the methods may wait. They come from people and monitoring.
const asideSize = 128

// subscribeAside serves the protocol's subjects and those of extra endpoints from one goroutine.
func (m *micro) subscribeAside(nc *nats.Conn, extras []string, answer nats.MsgHandler) error {
	m.aside, m.extras = make(chan *nats.Msg, asideSize), len(extras)
	for _, verb := range []protocol.Verb{protocol.PingVerb, protocol.InfoVerb, protocol.StatsVerb} {
		for _, who := range [][2]string{{}, {m.id.Name}, {m.id.Name, m.id.ID}} {
			subject, err := protocol.ControlSubject(verb, who[0], who[1])
			if err != nil {
				return err
			}
			extras = append(extras, subject)
		}
	}
	for _, subject := range extras {
		sub, err := nc.ChanSubscribe(subject, m.aside)
		if err != nil {
			return err
		}
		m.asides = append(m.asides, sub)
	}
	m.answering.Go(func() {
		for msg := range m.aside {
			answer(msg)
		}
	})
	return nc.Flush()
}

// leaveExtras stops answering on the extra endpoints: they have no queue, so that while two owners are there both would.
func (m *micro) leaveExtras() {
	for _, sub := range m.asides[:m.extras] {
		_ = sub.Unsubscribe() // the connection may be closed
	}
	m.asides, m.extras = m.asides[m.extras:], 0
}

// unsubscribe waits until the server has stopped sending, and all requests that it sent before have been taken.
func (m *micro) unsubscribe(ctx context.Context) {
	for _, sub := range m.subs {
		if sub.Drain() != nil {
			_ = sub.Unsubscribe() // draining needs a server; without one there is nothing to wait for
		}
	}
	for _, sub := range m.subs {
		select {
		case <-sub.closed:
		case <-ctx.Done():
			_ = sub.Unsubscribe()
			<-sub.closed
		}
	}
	for _, sub := range m.asides {
		_ = sub.Unsubscribe() // the connection may be closed
	}
	if m.aside != nil {
		close(m.aside)
	}
	m.answering.Wait()
}

// answer serves $SRV.<verb>...
func (m *micro) answer(msg *nats.Msg) {
	verb := strings.TrimPrefix(msg.Subject, protocol.APIPrefix+".")
	verb, _, _ = strings.Cut(verb, ".")
	var v any
	switch verb {
	case protocol.PingVerb.String():
		v = protocol.Ping{ServiceIdentity: m.id, Type: protocol.PingResponseType}
	case protocol.InfoVerb.String():
		v = m.info()
	case protocol.StatsVerb.String():
		v = m.stats()
	default:
		return
	}
	if body, err := json.Marshal(v); err == nil {
		_ = msg.Respond(body) // who asked has gone: nobody to tell
	}
}

func (m *micro) info() protocol.Info {
	info := protocol.Info{ServiceIdentity: m.id, Type: protocol.InfoResponseType, Description: m.about}
	for _, e := range m.endpoints {
		info.Endpoints = append(info.Endpoints, protocol.EndpointInfo{
			Name: e.name, Subject: e.subject, QueueGroup: protocol.DefaultQueueGroup, Metadata: e.metadata,
		})
	}
	return info
}

func (m *micro) stats() protocol.Stats {
	stats := protocol.Stats{ServiceIdentity: m.id, Type: protocol.StatsResponseType, Started: m.started}
	for _, e := range m.endpoints {
		stats.Endpoints = append(stats.Endpoints, e.stats())
	}
	return stats
}

func (e *endpoint) stats() *protocol.EndpointStats {
	n, took := e.requests.Load(), time.Duration(e.nanos.Load())
	s := &protocol.EndpointStats{
		Name: e.name, Subject: e.subject, QueueGroup: protocol.DefaultQueueGroup,
		NumRequests: int(n), NumErrors: int(e.errors.Load()), ProcessingTime: took,
		Data: json.RawMessage(`{"in_flight":` + jsonInt(e.working.Load()) + `}`),
	}
	if n > 0 {
		s.AverageProcessingTime = took / time.Duration(n)
	}
	if last := e.last.Load(); last != nil {
		s.LastError = *last
	}
	return s
}

// done counts a request that was answered.
func (e *endpoint) done(took time.Duration, fault *Fault) {
	e.nanos.Add(int64(took))
	e.requests.Add(1)
	if fault != nil {
		e.errors.Add(1)
		text := fault.Text
		e.last.Store(&text)
	}
}
