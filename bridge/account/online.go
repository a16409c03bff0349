package account

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

const (
	// onlineEvery is how often Telegram is told that the account is online, until its config says how often it wants to be told
	// (online_update_period_ms, E34).
	onlineEvery = 210 * time.Second
	// onlineLeast bounds what a config may ask for.
	onlineLeast = 10 * time.Second
	// offlineTime is what saying goodbye may take.
	offlineTime = 2 * time.Second
)

// presence shows the account as online for as long as it is served, where the operator asked for that by NATSGRAM_ONLINE
// (E34): Telegram pushes more promptly to who is online (E31). Everybody sees it, and the owner's other devices may
// stay silent, so that nobody is online unasked.
type presence struct {
	wanted bool
	schema *codec.Schema
	invoke func(ctx context.Context, query []byte) ([]byte, error)
	failed func(error)
	every  atomic.Int64 // nanoseconds; 0: onlineEvery
}

// appear shows the account as online, if its operator wants that, until what it returns is called or life ends.
func (p *presence) appear(life context.Context, work *sync.WaitGroup) (offline func()) {
	if !p.wanted {
		return func() {}
	}
	ctx, cancel := context.WithCancel(life)
	gone := make(chan struct{})
	work.Go(func() {
		defer close(gone)
		p.keep(ctx)
	})
	return func() {
		cancel()
		<-gone
		p.bye(life)
	}
}

// config takes up how often Telegram wants to be told.
func (p *presence) config(every time.Duration) {
	if every > 0 {
		p.every.Store(int64(max(every, onlineLeast)))
	}
}

// keep says online until ctx ends. A call that fails is made again at the next time.
func (p *presence) keep(ctx context.Context) {
	for ctx.Err() == nil {
		every := onlineEvery
		if asked := p.every.Load(); asked > 0 {
			every = time.Duration(asked)
		}
		once, cancel := context.WithTimeout(ctx, every)
		if err := p.say(once, true); err != nil && ctx.Err() == nil {
			p.failed(err)
		}
		cancel()
		_ = retry.Pause(ctx, every)
	}
}

// bye says offline. If it fails, Telegram finds out by itself.
func (p *presence) bye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, offlineTime)
	defer cancel()
	_ = p.say(ctx, false)
}

func (p *presence) say(ctx context.Context, online bool) error {
	query, err := p.schema.Encode(nil, codec.M{"_": "account.updateStatus", "offline": !online})
	if err != nil {
		return err
	}
	_, err = p.invoke(mtproto.WithFloodWait(ctx, 0), query)
	return err
}
