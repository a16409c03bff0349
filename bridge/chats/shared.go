package chats

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Config of an account's keeper.
type Config struct {
	Account string
	User    int64
	Store   *Store
	Schema  *codec.Schema
	Decl    *tl.Schema
	// Invoke makes a call of Telegram.
	Invoke func(ctx context.Context, query []byte) ([]byte, error)
	// Input is the InputPeer of a chat; an error that says true to Unknown means that there is none.
	Input   func(ctx context.Context, p updates.Peer) ([]byte, error)
	Unknown func(error) bool
	Learn   func(object []byte) // is told of the users and chats in answers
	// Fact is what a message of the stream of updates says of dialogs; false: nothing.
	Fact func(subject string, h nats.Header, data []byte) (dialogs.Fact, bool)
	Rule dialogs.Rule // what nobody is to read who reads the dialogs; nil: all may be read
	Log  *slog.Logger
}

// shared is what a keeper, and all that works for it, have in common.
type shared struct {
	c      Config
	store  streams
	page   int // dialogs on a page of the list
	most   int // records written together
	jitter func(time.Duration) time.Duration
	wake   chan struct{}

	inbox inbox

	audit time.Duration // between two looks at the records
	whole time.Duration // and at all of them

	writing sync.Mutex // held while records are read, and while some are on their way to the stream: before mu
	written *written   // under it, as the next
	missing bool       // some may have been taken out

	mu      sync.Mutex
	fold    *dialogs.Fold // nil: it is not known yet
	rounds  rounds
	trouble trouble // with writing, and with reading before it
	looks   trouble // with looking at the records
	asks    asks
	spoiled spoiled
	ahead   time.Time               // since when the records go further than what is known here; zero: they do not
	erased  map[updates.Peer]erased // dialogs
}

// failed notes that records were written, or why not.
func (k *shared) failed(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trouble.note(time.Now(), err) {
		k.c.Log.Warn("keeping the dialogs", "err", err)
	}
}

func (k *shared) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}
