package rpc

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	protocol "github.com/nats-io/nats.go/micro"
	"github.com/nats-io/nuid"
)

// micro answers for a service as the protocol of NATS micro services wants it: PING, INFO and STATS, each to all, by name and
// by id. Requests come by the same channel as the methods.
type micro struct {
	id        protocol.ServiceIdentity
	about     string
	started   time.Time
	endpoints []*endpoint
	subs      []*nats.Subscription
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

func (m *micro) subscribe(nc *nats.Conn, incoming chan *nats.Msg) error {
	for _, e := range m.endpoints {
		sub, err := nc.ChanQueueSubscribe(e.subject, protocol.DefaultQueueGroup, incoming)
		if err != nil {
			return err
		}
		m.subs = append(m.subs, sub)
	}
	for _, verb := range []protocol.Verb{protocol.PingVerb, protocol.InfoVerb, protocol.StatsVerb} {
		for _, who := range [][2]string{{}, {m.id.Name}, {m.id.Name, m.id.ID}} {
			subject, err := protocol.ControlSubject(verb, who[0], who[1])
			if err != nil {
				return err
			}
			sub, err := nc.ChanSubscribe(subject, incoming)
			if err != nil {
				return err
			}
			m.subs = append(m.subs, sub)
		}
	}
	return nc.Flush()
}

// unsubscribe waits until the server has stopped sending and all that it sent before is in the channel.
func (m *micro) unsubscribe(ctx context.Context, nc *nats.Conn) {
	for _, sub := range m.subs {
		if sub.Drain() != nil {
			_ = sub.Unsubscribe() // draining needs a server; without one there is nothing to wait for
		}
	}
	for _, sub := range m.subs {
		for sub.IsValid() && !nc.IsClosed() {
			if pause(ctx, time.Millisecond) != nil {
				_ = sub.Unsubscribe()
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
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
