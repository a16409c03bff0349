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

// New is a client of an account, by the name that the operator gave it. It does nothing yet, and so cannot fail: a name or
// option that cannot be is told by the first call.
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

// Account is the name that New was given.
func (c *Client) Account() string { return c.account }

type msgIDKey struct{}

// WithMsgID gives the one call that is made with ctx a Nats-Msg-Id of the caller's choice. A random_id that is left 0 is
// derived from it, so that a program which was ended in the middle and begins again with the same id sends nothing twice:
// Telegram then answers RANDOM_ID_DUPLICATE. The update that the call causes carries the id in RequestID.
func WithMsgID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, msgIDKey{}, id)
}
