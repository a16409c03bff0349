package client

import (
	"context"
	"fmt"
	"runtime"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/tg"
)

var _ tg.Invoker = (*Client)(nil)

// Client makes calls for one account, and reads its updates. It is safe for concurrent use, and has nothing to close but
// the connection it was given.
type Client struct {
	nc      *nats.Conn
	account string
	o       options
	inbox   *inbox // where answers come
	err     error  // what is wrong with the arguments of New; every call says it
}

// New returns a client of an account, by the name that the operator gave it. It does nothing yet: a name or an option that is not
// valid is the error of the first call.
func New(nc *nats.Conn, account string, opts ...Option) *Client {
	c := &Client{nc: nc, account: account, o: defaults, inbox: &inbox{}}
	for _, o := range opts {
		o(&c.o)
	}
	if c.err = c.o.check(); c.err == nil {
		c.err = subjects.CheckAccount(account)
	}
	if c.err == nil && nc == nil {
		c.err = fmt.Errorf("no connection to NATS: %w", nats.ErrInvalidConnection)
	}
	runtime.AddCleanup(c, (*inbox).close, c.inbox)
	return c
}

// Account returns the name that New was given.
func (c *Client) Account() string { return c.account }

type msgIDKey struct{}

// WithMsgID gives the one call that is made with ctx a Nats-Msg-Id of the caller's choice. So a program that was ended in the middle and
// begins again with the same id sends nothing twice: for a day the daemon returns the first answer, and after that Telegram answers
// RANDOM_ID_DUPLICATE, as a random_id of 0 is derived from the id. The update that the call causes has the id in RequestID.
func WithMsgID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, msgIDKey{}, id)
}
