// Package rpc serves an account's methods on NATS: a request becomes an encoded call, the call goes to Telegram, its result comes
// back in the encoding that was asked for (design §2, §3). Nothing of what is carried is decoded into Go values.
//
// An account is one micro service, listed by `nats micro ls`, with an endpoint per namespace of the schema. Two subscriptions,
// tg.rpc.<account>.> and tg.ro.<account>.>, take the requests of all endpoints.
package rpc

import (
	"context"
	"strconv"
	"sync"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/bridge/turns"
)

// Service is a served account: it takes requests, and gives each its turn.
type Service struct {
	c        *Config
	micro    *micro.Service
	routes   *routes
	order    *order
	pool     *turns.Pool
	handler  *handler
	extras   *extras
	heir     *heir
	ctx      context.Context //nolint:containedctx // the service's life, for the calls at work
	cancel   context.CancelFunc
	stopOnce sync.Once
}

// begunMost is how many requests may have begun, and wait for something, for each that may be at work.
const begunMost = 4

// Serve begins to take requests.
func Serve(c Config) (*Service, error) {
	s := newService(c)
	err := s.heir.await(s.pool)
	if err == nil {
		err = s.subscribe()
	}
	if err != nil {
		s.Stop(s.ctx)
		return nil, err
	}
	return s, nil
}

// newService makes one that takes no requests yet.
func newService(config Config) *Service {
	c := config.withDefaults()
	files := attach.New(c.Methods.Schema(), c.Files)
	c.Forms = files.Forms(c.Forms)
	s := &Service{c: &c, order: &order{methods: c.Methods, names: &c.Names, files: files, self: c.Self}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.micro = micro.New(micro.Config{
		Answers: c.Answers, Name: ServiceName(c.Account), About: "Telegram account " + c.Account, Version: c.Version, Metadata: c.Metadata,
	})
	s.routes = newRoutes(s.micro, &c)
	s.extras = newExtras(s.ctx, c.Log, s.micro, c.Extra)
	s.pool = turns.New(turns.Config{
		Limits: turns.Limits{Work: c.Concurrency, Begun: begunMost * c.Concurrency, Queue: c.Queue, Bytes: c.QueueBytes},
		Budget: c.Budget, Sequence: c.Sequence, Whose: s.order.whose,
	})
	s.handler = newHandler(s.ctx, &c, files, s.order, s.pool)
	s.heir = newHeir(&c, s.routes)
	return s
}

func (s *Service) subscribe() error {
	for _, tree := range s.routes.trees() {
		if err := s.micro.Subscribe(tree+">", s.accept); err != nil {
			return err
		}
	}
	for _, o := range s.c.Others {
		if err := s.micro.Subscribe(o.Subject, func(r answer.Request) { o.Accept(r, s.routes.others[r.Subject()]) }); err != nil {
			return err
		}
	}
	if err := s.extras.subscribe(s.micro); err != nil {
		return err
	}
	return s.micro.SubscribeProtocol()
}

// accept sorts a request in. It never waits for one.
func (s *Service) accept(r answer.Request) { s.sort(s.newJob(r)) }

// newJob makes a job of a request.
func (s *Service) newJob(r answer.Request) *job { return s.handler.newJob(r) }

// sort gives a request its place, or refuses it.
func (s *Service) sort(j *job) {
	s.routes.find(j)
	if n := j.HeaderSize(); n > maxHeaders {
		j.Refuse(answer.Refuse(400, "the headers have "+strconv.Itoa(n)+" bytes: want "+strconv.Itoa(maxHeaders)+" at most"))
		return
	}
	if s.heir.passedOn(j) {
		return
	}
	j.m = s.c.Methods.Get(j.method)
	s.order.plan(j)
	defer s.heir.admit(j)()
	if j.late && j.Chat != (turns.Chat{}) {
		j.Refuse(behindOthers())
		return
	}
	if fault := s.pool.Submit(&j.Job); fault != nil {
		j.Refuse(fault)
	}
}

// Stop takes no more requests, and waits until those taken are answered. When ctx ends before, they are cancelled.
func (s *Service) Stop(ctx context.Context) {
	s.stopOnce.Do(func() {
		s.micro.Unsubscribe(ctx)
		s.heir.catchUp()
		s.pool.Close(ctx, s.cancel)
		s.end(ctx)
	})
}

// end is the last of a service that takes no more requests.
func (s *Service) end(ctx context.Context) {
	s.cancel()
	s.extras.slow.Wait()
	_ = s.c.Answers.Conn().FlushWithContext(ctx) // the last answers; without a connection nobody waits for them
}

// ID tells this service from all others.
func (s *Service) ID() string { return s.micro.ID() }

// InFlight is how many requests are taken and not yet answered.
func (s *Service) InFlight() int { return s.pool.Busy() }
