// Package rpc serves an account's methods on NATS: a request becomes an encoded call, the call goes to Telegram, its result comes
// back in the encoding that was asked for (design §2, §3). Nothing of what is carried is decoded into Go values.
//
// An account is one micro service, listed by `nats micro ls`, with an endpoint per namespace of the schema. Two subscriptions,
// tg.rpc.<account>.> and tg.ro.<account>.>, take the requests of all endpoints.
package rpc

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Invoker makes encoded calls: an mtproto.Client, or whatever stands in for it.
type Invoker interface {
	Invoke(ctx context.Context, query []byte) ([]byte, error)
}

// Config of an account's service. Zero numbers have defaults.
type Config struct {
	Answers *answer.Answers // by whose connection requests come
	Scheme  subjects.Scheme
	Account string
	Self    int64 // id of the account's user, 0: not known
	Methods *Methods
	Invoke  Invoker
	Log     *slog.Logger

	// Files brings files to Telegram that calls name in the place of an InputFile; nil: none may be named.
	Files Files

	// Once knows requests by their Nats-Msg-Id; nil: none.
	Once *once.Journal
	// Behind names a former owner that still has requests for this one: they are awaited, so that they come before what comes here.
	// Empty: there is none.
	Behind string

	Hooks
	Names
	Limits
	Endpoints
}

// Hooks are what calls mean to the rest of the account. All but Explain may be nil.
type Hooks struct {
	// Explain makes a Fault of an error of Invoke; needed.
	Explain func(error) Fault
	// Observe is shown calls whose result can move the state of the account (D19), with the request's Nats-Msg-Id. call is only lent,
	// result is given.
	Observe func(call, result []byte, origin string)
	// Met is shown the users and chats in the answer to a call, in TL, before its caller is; and the answer. All of it is only lent.
	Met func(objects []codec.View, result []byte)
	// Measure is told of every call that was answered: the endpoint of its method, the method where there is such a one, how long it
	// took, and the code of the error, 0 without one.
	Measure func(namespace, method string, took time.Duration, code int)
	// Sequence begins an order of calls; nil is for a client that makes no calls.
	Sequence func() turns.Sequence
}

// Names are how text stands for peers. All may be nil.
type Names struct {
	// Resolve makes an object of a class of the text or number that a caller wrote in its place, such as a peer's name; false
	// for what it does not know. It may ask Telegram.
	Resolve func(ctx context.Context, class, text string) (object []byte, ok bool, fault *Fault)
	// Forms are other ways to write what Resolve knows; nil: there are none.
	Forms *codec.Forms
	// Locate is Resolve without asking or waiting, for the order of calls alone. Of what has to be looked up it gives the name under
	// which that is to be done, and an object with the id hole instead.
	Locate func(class, text string, hole int64) (object []byte, name string, ok bool)
	// Whose is a name that Locate gave, as far as that is known without asking.
	Whose func(name string) (kind subjects.Kind, id int64, ok bool)
}

// Limits are how long requests may take and how many there may be.
type Limits struct {
	Timeout     time.Duration // of a request that does not say; 60 s
	MaxTimeout  time.Duration // of any request; 5 minutes
	Concurrency int           // requests at work; 512
	Queue       int           // requests waiting; 4096
	QueueBytes  int64         // of requests, waiting and at work; 64 MiB
	Budget      *turns.Budget // of the bytes of all accounts' requests; nil: none
}

// Endpoints are how the service looks to who lists NATS micro services.
type Endpoints struct {
	PerMethod bool   // an endpoint per method instead of per namespace
	Version   string // of the service, semantic; 0.0.0
	Metadata  map[string]string
	Extra     map[string]Extra // endpoints of the daemon's own, by name
	Others    []Other          // endpoints of other rooms
}

// Extra is an endpoint of the daemon's own, in JSON.
type Extra struct {
	Subject string
	Answer  func(ctx context.Context, request []byte) ([]byte, *Fault) // must not block, unless Slow
	Slow    bool                                                       // Answer runs in a goroutine of its own
}

// Other is what another room serves in the account's micro service: it takes and answers the requests by itself.
type Other struct {
	Subject string                                    // a pattern; of all owners that there are, one gets each request
	Verbs   map[string]string                         // endpoints: their subjects, by name
	Take    func(r answer.Request, e *micro.Endpoint) // must not wait; e is nil for what is none of the verbs
}

func (c Config) withDefaults() Config {
	if c.Timeout <= 0 {
		c.Timeout = time.Minute
	}
	if c.MaxTimeout <= 0 {
		c.MaxTimeout = 5 * time.Minute
	}
	if c.QueueBytes <= 0 {
		c.QueueBytes = 64 << 20
	}
	if c.Concurrency <= 0 {
		c.Concurrency = 512
	}
	if c.Queue <= 0 {
		c.Queue = 4096
	}
	if c.Files != nil {
		c.Forms = withFiles(c.Forms)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// ServiceName is how an account's service is called.
func ServiceName(account string) string { return "natsgram-" + account }

// Service is a served account.
type Service struct {
	c         Config
	micro     *micro.Service
	pool      *turns.Pool
	endpoints map[string]*micro.Endpoint // by namespace, by method with PerMethod
	readOnly  *micro.Endpoint
	stray     *micro.Endpoint            // counts requests to nowhere
	extras    map[string]extra           // by subject
	others    map[string]*micro.Endpoint // the same, of other rooms
	rpcPrefix string                     // tg.rpc.main.
	roPrefix  string
	ctx       context.Context //nolint:containedctx // the service's life, for the calls at work
	cancel    context.CancelFunc
	heir      heir
	slow      sync.WaitGroup // extras that take their time
	extraWork chan struct{}  // a token for each of those
	stopOnce  sync.Once
}

// Serve begins to take requests.
func Serve(c Config) (*Service, error) {
	c = c.withDefaults()
	s := &Service{
		c: c, extraWork: make(chan struct{}, extraMost), endpoints: map[string]*micro.Endpoint{}, extras: map[string]extra{}, others: map[string]*micro.Endpoint{},
		rpcPrefix: c.Scheme.RPC(c.Account, ""), roPrefix: c.Scheme.RO(c.Account, ""),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.pool = turns.New(turns.Config{
		Limits: turns.Limits{Work: c.Concurrency, Begun: begunMost * c.Concurrency, Queue: c.Queue, Bytes: c.QueueBytes},
		Budget: c.Budget, Sequence: c.Sequence, Whose: s.c.Names.chatOf,
	})
	s.micro = micro.New(micro.Config{
		Answers: c.Answers, Name: ServiceName(c.Account), About: "Telegram account " + c.Account, Version: c.Version, Metadata: c.Metadata,
	})
	s.addEndpoints()
	err := s.awaitFormer()
	if err == nil {
		err = s.subscribe()
	}
	if err != nil {
		s.Stop(s.ctx)
		return nil, err
	}
	return s, nil
}

func (s *Service) addEndpoints() {
	c := s.c
	if c.PerMethod {
		for _, m := range c.Methods.sorted {
			s.endpoints[m.name] = s.micro.Add(endpointName(m.name), c.Scheme.RPC(c.Account, m.name), m.metadata())
		}
	} else {
		for _, ns := range c.Methods.namespaces() {
			s.endpoints[ns.name] = s.micro.Add(endpointName(ns.name), c.Scheme.RPCNamespace(subjects.TreeRPC, c.Account, ns.name), ns.metadata())
		}
	}
	for name, x := range c.Extra {
		s.extras[x.Subject] = extra{s.micro.Add(name, x.Subject, nil), x}
	}
	for _, o := range c.Others {
		for name, subject := range o.Verbs {
			s.others[subject] = s.micro.Add(name, subject, nil)
		}
	}
	s.stray = &micro.Endpoint{}
	s.readOnly = s.micro.Add("read-only", c.Scheme.RO(c.Account, ">"), map[string]string{"about": "the same, methods that only read"})
}

func (s *Service) subscribe() error {
	for _, tree := range []string{s.rpcPrefix, s.roPrefix} {
		if err := s.micro.Subscribe(tree+">", s.take); err != nil {
			return err
		}
	}
	for _, o := range s.c.Others {
		if err := s.micro.Subscribe(o.Subject, func(r answer.Request) { o.Take(r, s.others[r.Subject()]) }); err != nil {
			return err
		}
	}
	return s.micro.SubscribeAside(slices.Collect(maps.Keys(s.extras)), s.aside)
}

// begunMost is how many requests may have begun, and wait for something, for each that may be at work.
const begunMost = 4

// take sorts a request in. It never waits for one.
func (s *Service) take(r answer.Request) {
	s.sort(s.newJob(r))
}

// sort gives a request its place, or refuses it.
func (s *Service) sort(j *job) {
	j.endpoint, j.method = s.route(j.Subject())
	if j.endpoint == nil {
		j.endpoint = s.stray
	}
	if n := j.HeaderSize(); n > maxHeaders {
		s.reply(j, nil, answer.Refuse(400, "the headers have "+strconv.Itoa(n)+" bytes: want "+strconv.Itoa(maxHeaders)+" at most"))
		return
	}
	if s.passedOn(j) {
		return
	}
	j.m = s.c.Methods.byName[j.method]
	s.plan(j)
	if fault := s.pool.Submit(&j.Job); fault != nil {
		s.reply(j, nil, fault)
	}
}

const (
	extraSize = 64 << 10 // of a request that is no call, in bytes
	extraMost = 32       // of them at work
)

type extra struct {
	endpoint *micro.Endpoint
	Extra
}

// aside answers what is not a method.
func (s *Service) aside(r answer.Request) {
	x, ok := s.extras[r.Subject()]
	if !ok {
		return
	}
	j := s.newJob(r)
	j.endpoint = x.endpoint
	if r.Size() > extraSize {
		s.reply(j, nil, answer.Refuse(400, "the request has "+strconv.Itoa(r.Size())+" bytes, more than any that there is has"))
		return
	}
	do := func() {
		data, fault := x.Answer(s.ctx, j.Data())
		s.reply(j, data, fault)
	}
	if !x.Slow {
		do()
		return
	}
	select {
	case s.extraWork <- struct{}{}:
		s.slow.Go(func() { do(); <-s.extraWork })
	default:
		s.reply(j, nil, answer.Later("too many requests are at work here"))
	}
}

// route finds the endpoint and the method's name of a request; nil: there is no such namespace, or method.
func (s *Service) route(subject string) (*micro.Endpoint, string) {
	if len(subject) > len(s.rpcPrefix) && subject[:len(s.rpcPrefix)] == s.rpcPrefix {
		method := subject[len(s.rpcPrefix):]
		if s.c.PerMethod {
			return s.endpoints[method], method
		}
		return s.endpoints[namespaceOf(method)], method
	}
	if len(subject) > len(s.roPrefix) && subject[:len(s.roPrefix)] == s.roPrefix {
		return s.readOnly, subject[len(s.roPrefix):]
	}
	return nil, subject
}

// Stop takes no more requests, and waits until those taken are answered. When ctx ends before, they are cancelled.
func (s *Service) Stop(ctx context.Context) {
	s.stopOnce.Do(func() {
		s.micro.Unsubscribe(ctx)
		s.catchUp()
		s.pool.Close(ctx, s.cancel)
		s.cancel()
		s.slow.Wait()
		_ = s.c.Answers.Conn().FlushWithContext(ctx) // the last answers; without a connection nobody waits for them
	})
}

// ID tells this service from all others.
func (s *Service) ID() string { return s.micro.ID() }

// InFlight is how many requests are taken and not yet answered.
func (s *Service) InFlight() int { return s.pool.Busy() }
