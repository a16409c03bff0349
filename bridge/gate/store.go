package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Store is where decisions and counts are.
type Store interface {
	// Get reads a key from who knows it best; [storage.ErrNone].
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte) error
	Delete(ctx context.Context, key string) error
	// Below reads all keys that begin with a prefix of whole tokens.
	Below(ctx context.Context, prefix string) (map[string][]byte, error)
}

// bucket is a Store in JetStream.
type bucket struct {
	st *storage.Storage
	kv jetstream.KeyValue
}

// storeTime bounds one question.
const storeTime = 3 * time.Second

// NewStore makes the bucket where it is missing.
func NewStore(ctx context.Context, st *storage.Storage) (Store, error) {
	kv, err := st.Bucket(ctx, storage.Limits)
	if err != nil {
		return nil, err
	}
	return &bucket{st, kv}, nil
}

func (b *bucket) Get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return b.st.Get(ctx, b.kv, key)
}

func (b *bucket) Put(ctx context.Context, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	_, err := b.kv.Put(ctx, key, value)
	b.st.Suspect(err)
	return err
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	err := b.kv.Delete(ctx, key)
	b.st.Suspect(err)
	return err
}

// keysMost is how many keys of an account are read.
const keysMost = 1000

func (b *bucket) Below(ctx context.Context, prefix string) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	all := map[string][]byte{}
	err := b.st.Each(ctx, b.kv, prefix+".>", func(key string, value []byte) bool {
		all[key] = value
		return len(all) < keysMost
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Export reads all that is decided and counted of an account, by keys without its name.
func Export(ctx context.Context, s Store, account string) (map[string][]byte, error) {
	all, err := s.Below(ctx, account)
	if err != nil {
		return nil, err
	}
	short := make(map[string][]byte, len(all))
	for key, value := range all {
		short[strings.TrimPrefix(key, account+".")] = value
	}
	return short, nil
}

// Import stores what Export gave. What stands there already stays: it is newer.
func Import(ctx context.Context, s Store, account string, all map[string][]byte) error {
	for short, value := range all {
		key := account + "." + short
		if what, _, _ := strings.Cut(short, "."); !slices.Contains([]string{"freeze", "budget", "used"}, what) {
			return fmt.Errorf("what is %.80q?", short)
		}
		_, err := s.Get(ctx, key)
		if errors.Is(err, storage.ErrNone) {
			err = s.Put(ctx, key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Forget deletes all that is decided and counted of an account that nobody runs.
func Forget(ctx context.Context, s Store, account string) error {
	all, err := s.Below(ctx, account)
	for key := range all {
		err = errors.Join(err, s.Delete(ctx, key))
	}
	return err
}

// Rewrite stores again what is decided: the bucket was lost.
func (g *Gate) Rewrite(ctx context.Context) error {
	g.changing.Lock()
	defer g.changing.Unlock()
	if g.closed {
		return nil
	}
	var err error
	if f := g.frozen.Load(); f != nil {
		err = writeFrozen(ctx, g.c.Store, g.c.Account, f)
	}
	return errors.Join(err, g.budgets.rewrite(ctx))
}

func (b *budgets) rewrite(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, m := range b.all {
		if !m.standing {
			value, err := json.Marshal(m.Budget)
			if err == nil {
				err = b.c.Store.Put(ctx, b.key("budget", m.Name), value)
			}
			errs = append(errs, err)
		}
		if len(m.reserved) > 0 {
			errs = append(errs, b.store(ctx, m, m.reserved))
		}
	}
	return errors.Join(errs...)
}
