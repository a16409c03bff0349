package rpc

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/bridge/turns"
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
	Methods *methods.Methods
	Invoke  Invoker
	Log     *slog.Logger

	// Files brings files to Telegram that calls name in the place of an InputFile; nil: none may be named.
	Files attach.Files

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
	Accept  func(r answer.Request, e *micro.Endpoint) // must not wait; e is nil for what is none of the verbs
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
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// ServiceName is how an account's service is called.
func ServiceName(account string) string { return "natsgram-" + account }

// explain makes a fault of an error of a call.
func (c *Config) explain(err error) Fault {
	var own *Fault
	if errors.As(err, &own) {
		return *own
	}
	return c.Explain(err)
}
