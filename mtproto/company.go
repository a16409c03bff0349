package mtproto

import (
	"context"
	"sync"
)

// Company is some calls of file traffic that are made at the same time: see [WithCompany].
type Company struct {
	mu   sync.Mutex
	left int   // calls that have not come yet
	link *link // of the first that came; nil: none has
}

// NewCompany is for n calls.
func NewCompany(n int) *Company { return &Company{left: n} }

type companyKey struct{}

// WithCompany has calls that are made with a context, by [Client.InvokeFile], go over the same connection, and wait there for each other: two
// parts of a file are encrypted in less time together. Each call that a Company is for has to be made. One that is made again after an
// error, or waits already when its connection is made, goes by itself.
func WithCompany(ctx context.Context, c *Company) context.Context {
	return context.WithValue(ctx, companyKey{}, c)
}

func companyOf(ctx context.Context) *Company {
	c, _ := ctx.Value(companyKey{}).(*Company)
	return c
}

// over returns the link of all its calls, which is chosen for the first.
func (c *Company) over(choose func() (*link, error)) (l *link, err error) {
	if c == nil {
		return choose()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		c.link, err = choose()
	}
	return c.link, err
}

// come notes that one of the calls waits to be sent, or never will. After the last, they go.
func (c *Company) come() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 && c.link != nil {
		c.link.conn.Wake()
	}
}
