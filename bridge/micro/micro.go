// Package micro answers for a service as the protocol of NATS micro services wants it: PING, INFO and STATS, each to all, by
// name and by id. The protocol is served here and not by nats.go/micro: its statistics end when a handler returns, so with
// handlers that answer later they would be untrue; each of its endpoints costs a subscription here and at the server, where one is
// enough for all methods; and it answers to whatever subject a request names, which only package answer may decide.
package micro

import (
	"context"
	"slices"
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
	extras    []subscription
	protocol  []*nats.Subscription
	asked     chan *nats.Msg // what waits of the protocol
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
	sub, err := s.subscribe(subject, protocol.DefaultQueueGroup, take)
	if err == nil {
		s.subs = append(s.subs, sub)
	}
	return err
}

// What may wait of one extra endpoint is far more than comes in a burst, or its callers would get no answer, not even that there are too
// many; and little enough that whoever sends large ones takes no memory that matters.
const (
	waitMost  = 1 << 16
	waitBytes = 16 << 20
)

// SubscribeExtra has this instance, beside any other, take each request. Each subject has a row of its own: whatever comes to one is in
// nobody's way. take must not wait.
func (s *Service) SubscribeExtra(subject string, take func(answer.Request)) error {
	sub, err := s.subscribe(subject, "", take)
	if err == nil {
		err = sub.SetPendingLimits(waitMost, waitBytes)
		s.extras = append(s.extras, sub)
	}
	return err
}

func (s *Service) subscribe(subject, queue string, take func(answer.Request)) (subscription, error) {
	sub, err := s.c.Answers.Subscribe(subject, queue, take)
	if err != nil {
		return subscription{}, err
	}
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	return subscription{sub, closed}, nil
}

// askedMost is how many questions of the protocol may wait. They come from people and monitoring.
const askedMost = 128

// SubscribeProtocol serves PING, INFO and STATS, from one goroutine. It comes last: who hears of the service may ask all that there is.
func (s *Service) SubscribeProtocol() error {
	s.asked = make(chan *nats.Msg, askedMost)
	s.answering.Go(func() {
		for m := range s.asked {
			if r, ok := s.c.Answers.Accept(m); ok {
				s.answer(r)
			}
		}
	})
	for _, verb := range []protocol.Verb{protocol.PingVerb, protocol.InfoVerb, protocol.StatsVerb} {
		for _, who := range [][2]string{{}, {s.id.Name}, {s.id.Name, s.id.ID}} {
			subject, err := protocol.ControlSubject(verb, who[0], who[1])
			if err != nil {
				return err
			}
			sub, err := s.c.Answers.Conn().ChanSubscribe(subject, s.asked)
			if err != nil {
				return err
			}
			s.protocol = append(s.protocol, sub)
		}
	}
	return s.c.Answers.Conn().Flush()
}

// LeaveExtras takes what has come to the extra endpoints, and nothing more: they have no queue, so that while two owners are there both
// would.
func (s *Service) LeaveExtras() { drain(s.extras) }

func drain(subs []subscription) {
	for _, sub := range subs {
		if sub.Drain() != nil {
			_ = sub.Unsubscribe() // draining needs a server; without one there is nothing to wait for
		}
	}
}

// Unsubscribe waits until the server has stopped sending, and all requests that it sent before have been taken.
func (s *Service) Unsubscribe(ctx context.Context) {
	all := slices.Concat(s.subs, s.extras)
	drain(all)
	for _, sub := range all {
		select {
		case <-sub.closed:
		case <-ctx.Done():
			_ = sub.Unsubscribe()
			<-sub.closed
		}
	}
	for _, sub := range s.protocol {
		_ = sub.Unsubscribe() // the connection may be closed
	}
	if s.asked != nil {
		close(s.asked)
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
