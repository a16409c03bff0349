// Package micro answers for a service as the protocol of NATS micro services wants it: PING, INFO and STATS, each to all, by
// name and by id. The protocol is served here and not by nats.go/micro: its statistics end when a handler returns, so with
// handlers that answer later they would be untrue; each of its endpoints costs a subscription here and at the server and a
// goroutine; and it answers to whatever subject a request names, which only package answer may decide.
package micro

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	protocol "github.com/nats-io/nats.go/micro"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/bridge/answer"
)

// Config of a service.
type Config struct {
	Answers  *answer.Answers // by whose connection requests come
	Name     string
	About    string
	Version  string // semantic; 0.0.0
	Metadata map[string]string
}

// Service is one instance. Endpoints are added before the first subscription.
type Service struct {
	c         Config
	id        protocol.ServiceIdentity
	started   time.Time
	endpoints []*Endpoint
	subs      []subscription
	asides    []*nats.Subscription // the extra endpoints first
	extras    int                  // how many of them are extra endpoints
	queues    []chan *nats.Msg     // what waits of extras, by group, and of the protocol
	answering sync.WaitGroup
}

// New makes a service that nobody hears of yet.
func New(c Config) *Service {
	if c.Version == "" {
		c.Version = "0.0.0"
	}
	return &Service{
		c:       c,
		id:      protocol.ServiceIdentity{Name: c.Name, ID: nuid.Next(), Version: c.Version, Metadata: c.Metadata},
		started: time.Now().UTC(),
	}
}

// ID tells this instance from all others.
func (s *Service) ID() string { return s.id.ID }

// Add tells of an endpoint. Dots in its name, which NATS does not allow, become underscores.
func (s *Service) Add(name, subject string, metadata map[string]string) *Endpoint {
	e := &Endpoint{name: strings.ReplaceAll(name, ".", "_"), subject: subject, metadata: metadata}
	s.endpoints = append(s.endpoints, e)
	return e
}

// subscription is one with a goroutine of its own, whose end can be waited for.
type subscription struct {
	*nats.Subscription
	closed chan struct{} // its last message has been handled
}

// Subscribe has one instance of the service take each request. take must not wait.
func (s *Service) Subscribe(subject string, take func(answer.Request)) error {
	sub, err := s.c.Answers.Subscribe(subject, protocol.DefaultQueueGroup, take)
	if err != nil {
		return err
	}
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	s.subs = append(s.subs, subscription{sub, closed})
	return nil
}

// asideSize is how many questions beside the methods may wait, of each group. They come from people and monitoring.
const asideSize = 128

// SubscribeAside serves the protocol's subjects, and those of extra endpoints, each group of which has a goroutine: where more comes to one
// than can wait, nothing of another is lost. take gets what comes to the endpoints; each instance has them for itself.
func (s *Service) SubscribeAside(extras [][]string, take func(answer.Request)) error {
	for _, group := range extras {
		if err := s.aside(group, take); err != nil {
			return err
		}
	}
	s.extras = len(s.asides)
	var own []string
	for _, verb := range []protocol.Verb{protocol.PingVerb, protocol.InfoVerb, protocol.StatsVerb} {
		for _, who := range [][2]string{{}, {s.id.Name}, {s.id.Name, s.id.ID}} {
			subject, err := protocol.ControlSubject(verb, who[0], who[1])
			if err != nil {
				return err
			}
			own = append(own, subject)
		}
	}
	if err := s.aside(own, s.answer); err != nil {
		return err
	}
	return s.c.Answers.Conn().Flush()
}

// aside serves subjects from one goroutine.
func (s *Service) aside(subjects []string, take func(answer.Request)) error {
	if len(subjects) == 0 {
		return nil
	}
	queue := make(chan *nats.Msg, asideSize)
	s.queues = append(s.queues, queue)
	s.answering.Go(func() {
		for m := range queue {
			if r, ok := s.c.Answers.Accept(m); ok {
				take(r)
			}
		}
	})
	for _, subject := range subjects {
		sub, err := s.c.Answers.Conn().ChanSubscribe(subject, queue)
		if err != nil {
			return err
		}
		s.asides = append(s.asides, sub)
	}
	return nil
}

// LeaveExtras stops answering on the extra endpoints: they have no queue, so that while two owners are there both would.
func (s *Service) LeaveExtras() {
	for _, sub := range s.asides[:s.extras] {
		_ = sub.Unsubscribe() // the connection may be closed
	}
	s.asides, s.extras = s.asides[s.extras:], 0
}

// Unsubscribe waits until the server has stopped sending, and all requests that it sent before have been taken.
func (s *Service) Unsubscribe(ctx context.Context) {
	for _, sub := range s.subs {
		if sub.Drain() != nil {
			_ = sub.Unsubscribe() // draining needs a server; without one there is nothing to wait for
		}
	}
	for _, sub := range s.subs {
		select {
		case <-sub.closed:
		case <-ctx.Done():
			_ = sub.Unsubscribe()
			<-sub.closed
		}
	}
	for _, sub := range s.asides {
		_ = sub.Unsubscribe() // the connection may be closed
	}
	for _, queue := range s.queues {
		close(queue)
	}
	s.answering.Wait()
}

// answer serves $SRV.<verb>...
func (s *Service) answer(r answer.Request) {
	verb := strings.TrimPrefix(r.Subject(), protocol.APIPrefix+".")
	verb, _, _ = strings.Cut(verb, ".")
	switch verb {
	case protocol.PingVerb.String():
		r.JSON(protocol.Ping{ServiceIdentity: s.id, Type: protocol.PingResponseType}, nil)
	case protocol.InfoVerb.String():
		r.JSON(s.info(), nil)
	case protocol.StatsVerb.String():
		r.JSON(s.stats(), nil)
	}
}

func (s *Service) info() protocol.Info {
	info := protocol.Info{ServiceIdentity: s.id, Type: protocol.InfoResponseType, Description: s.c.About}
	for _, e := range s.endpoints {
		info.Endpoints = append(info.Endpoints, protocol.EndpointInfo{
			Name: e.name, Subject: e.subject, QueueGroup: protocol.DefaultQueueGroup, Metadata: e.metadata,
		})
	}
	return info
}

func (s *Service) stats() protocol.Stats {
	stats := protocol.Stats{ServiceIdentity: s.id, Type: protocol.StatsResponseType, Started: s.started}
	for _, e := range s.endpoints {
		stats.Endpoints = append(stats.Endpoints, e.stats())
	}
	return stats
}
