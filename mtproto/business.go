package mtproto

import (
	"context"
	"errors"
	"sync"

	"github.com/natsgram/natsgram/tl/codec"
)

// A bot's calls on behalf of a person who connected it go to the data centre where that person is at home:
// botBusinessConnection.dc_id. (TDLib: BusinessConnectionManager::get_business_connection_dc_id with every such query;
// messages.uploadMedia, which names the connection itself, goes to the bot's own.)

const (
	businessWrapper = "invokeWithBusinessConnection"
	businessMethod  = "account.getBotBusinessConnection"
	businessMost    = 4096 // connections that are remembered
)

// errBusiness is an answer without the connection that was asked for.
var errBusiness = errors.New("mtproto: " + businessMethod + " says no data centre")

// businesses are the data centres of business connections, by their ids.
type businesses struct {
	c *Client

	mu  sync.Mutex
	dcs map[string]int
}

func (b *businesses) dc(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dcs[id]
}

func (b *businesses) learn(id string, dc int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dcs == nil || len(b.dcs) >= businessMost {
		b.dcs = map[string]int{} // they are asked for again
	}
	b.dcs[id] = dc
}

func (b *businesses) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.dcs, id)
}

// invoke makes a call by a business connection. Where that is at home is asked once.
func (b *businesses) invoke(ctx context.Context, a *attempts, connection string) ([]byte, error) {
	if a.id = b.dc(connection); a.id == 0 {
		dc, err := b.ask(ctx, connection)
		if err != nil {
			return nil, notAsked(a, err)
		}
		b.learn(connection, dc)
		a.id = dc
	}
	body, err := a.carry(ctx)
	if e := (*Error)(nil); errors.As(err, &e) && e.Type == "BUSINESS_CONNECTION_INVALID" {
		b.forget(connection)
	}
	return body, err
}

// notAsked returns the refusal of the question as one of the call, which was not sent.
func notAsked(a *attempts, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Code == 0 {
		return a.failed(SentNo, err)
	}
	refused := *e
	refused.Sent = SentNo
	return &refused
}

// ask asks where a connection is at home.
func (b *businesses) ask(ctx context.Context, connection string) (int, error) {
	query, err := b.c.o.Schema.Encode(nil, codec.M{"_": businessMethod, "connection_id": connection})
	if err != nil {
		return 0, err
	}
	body, err := b.c.invoke(ctx, 0, query)
	if err != nil {
		return 0, err
	}
	v, err := b.c.o.Schema.View(body)
	if err != nil {
		return 0, err
	}
	for u := range v.Objects("updates") {
		if about, ok := u.Object("connection"); ok && about.Str("connection_id") == connection && about.Int("dc_id") > 0 {
			return int(about.Int("dc_id")), nil
		}
	}
	return 0, errBusiness
}

// businessConnection returns the connection by which a query is made, "" where it is made by none. It looks through the
// wrappers around it.
func (a *attempts) businessConnection() string {
	query := a.query
	for range wrapsDeep {
		if idOf(query) == a.m.id {
			return "" // no wrapper is left
		}
		v, err := a.c.o.Schema.View(query)
		switch {
		case err != nil || v.Offset("query") < 0:
			return ""
		case v.Name() == businessWrapper:
			return v.Str("connection_id")
		}
		query = v.Raw()[v.Offset("query"):]
	}
	return ""
}
