// Package flood is the flood board: which calls of which account Telegram wants to wait, and until when (design §11). It is a bucket that
// anybody with the right may watch, and from which the next owner of an account knows what the one before was told: a
// daemon that does not would run into the flood wait again, for which Telegram makes it longer.
package flood

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
)

const (
	// Least is the shortest wait that is written down: shorter ones are over before anybody has read them.
	Least = 5 * time.Second
	// most is how many waits of an account are known at once; of more none is written.
	most = 1000
	// pace is the time between two writes of an account.
	pace = 50 * time.Millisecond
	// writeTime bounds one write, readTime the reading of all.
	writeTime = 3 * time.Second
	readTime  = 5 * time.Second
)

// Wait is one that Telegram has asked for, as it stands on the board and in the status of the account.
type Wait struct {
	Method string    `json:"method"`
	Peer   string    `json:"peer,omitempty"` // user.5, chat.5, channel.5, whom the calls are about; none: nobody in particular
	Error  string    `json:"error"`          // FLOOD_WAIT, SLOWMODE_WAIT ...
	Until  time.Time `json:"until"`
}

// key is account.method.peer, where nobody in particular is none.0.
func (w Wait) key(account string) string {
	return account + "." + w.Method + "." + cmp.Or(w.Peer, "none.0")
}

// Board is the bucket.
type Board struct {
	st *storage.Storage
	kv jetstream.KeyValue
}

// Open makes the bucket where it is missing.
func Open(ctx context.Context, st *storage.Storage) (*Board, error) {
	kv, err := st.Bucket(ctx, storage.Flood)
	if err != nil {
		return nil, err
	}
	return &Board{st, kv}, nil
}

// Waits are those of an account that are not over.
func (b *Board) Waits(ctx context.Context, account string) (all []Wait, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	err = b.st.Each(ctx, b.kv, account+".>", func(key string, value []byte) bool {
		var wait Wait
		if json.Unmarshal(value, &wait) == nil && wait.key(account) == key && wait.Until.After(time.Now()) {
			all = append(all, wait)
		}
		return len(all) < most
	})
	return all, err
}

// write puts a wait on the board for as long as it lasts.
func (b *Board) write(ctx context.Context, account string, w Wait) error {
	value, err := json.Marshal(w)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	seconds := int(time.Until(w.Until)/time.Second) + 1
	_, err = b.st.PutKey(ctx, storage.Flood, w.key(account), value, nats.Header{jetstream.MsgTTLHeader: {strconv.Itoa(seconds)}})
	b.st.Suspect(err)
	return err
}

// Account is one's part of the board, for as long as this daemon owns it. It is safe for concurrent use.
type Account struct {
	name  string
	board *Board // nil: nothing is written
	log   *slog.Logger

	mu      sync.Mutex
	waits   map[string]Wait // by key
	pending []string        // keys to be written, in order
	busy    bool
	closed  chan struct{}
	work    sync.WaitGroup
}

// Account takes an account over. The board may be nil.
func (b *Board) Account(name string, log *slog.Logger) *Account {
	return &Account{name: name, board: b, log: log, waits: map[string]Wait{}, closed: make(chan struct{})}
}

// Load reads what the owner before was told, as the client takes it up. Without the board it begins with nothing.
func (a *Account) Load(ctx context.Context) (all []mtproto.Pause) {
	if a.board == nil {
		return nil
	}
	waits, err := a.board.Waits(ctx, a.name)
	if err != nil {
		a.log.Warn("reading which calls Telegram wants to wait", "err", err)
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range waits {
		a.waits[w.key(a.name)] = w
		all = append(all, mtproto.Pause{Method: w.Method, Peer: w.Peer, Kind: w.Error, Until: w.Until})
	}
	return all
}

// Note takes in that Telegram wants calls to wait. It does not block.
func (a *Account) Note(p mtproto.Pause) {
	now := time.Now()
	if p.Until.Sub(now) < Least {
		return
	}
	w := Wait{p.Method, p.Peer, p.Kind, p.Until.UTC().Truncate(time.Millisecond)}
	k := w.key(a.name)
	a.mu.Lock()
	defer a.mu.Unlock()
	known, there := a.waits[k]
	if there && w.Until.Sub(known.Until) < time.Second {
		return // it is on the board, or about to be
	}
	a.forgetLocked(now)
	if len(a.waits) >= most && !there {
		return
	}
	a.waits[k] = w
	if !slices.Contains(a.pending, k) {
		a.pending = append(a.pending, k)
	}
	if a.board != nil && !a.busy && !a.endedLocked() {
		a.busy = true
		a.work.Go(a.writer)
	}
}

func (a *Account) endedLocked() bool {
	select {
	case <-a.closed:
		return true
	default:
		return false
	}
}

// forgetLocked drops what is over.
func (a *Account) forgetLocked(now time.Time) {
	for k, w := range a.waits {
		if !w.Until.After(now) {
			delete(a.waits, k)
		}
	}
}

// writer writes what is pending, and ends when nothing is.
func (a *Account) writer() {
	for {
		a.mu.Lock()
		if len(a.pending) == 0 || a.endedLocked() {
			a.busy = false
			a.mu.Unlock()
			return
		}
		w, there := a.waits[a.pending[0]]
		a.pending = a.pending[1:]
		a.mu.Unlock()
		if there {
			if err := a.board.write(context.Background(), a.name, w); err != nil {
				a.log.Warn("writing down that Telegram wants calls to wait", "err", err)
			}
		}
		select {
		case <-time.After(pace):
		case <-a.closed:
		}
	}
}

// Waits are those that are on, the longest first.
func (a *Account) Waits() []Wait {
	a.mu.Lock()
	a.forgetLocked(time.Now())
	all := make([]Wait, 0, len(a.waits))
	for _, w := range a.waits {
		all = append(all, w)
	}
	a.mu.Unlock()
	slices.SortFunc(all, func(x, y Wait) int {
		return cmp.Or(y.Until.Compare(x.Until), strings.Compare(x.Method, y.Method), strings.Compare(x.Peer, y.Peer))
	})
	return all
}

// Close writes what is pending, until ctx ends.
func (a *Account) Close(ctx context.Context) {
	a.mu.Lock()
	ended := a.endedLocked()
	if !ended {
		close(a.closed)
	}
	a.mu.Unlock()
	a.work.Wait()
	for _, k := range a.pending { // nobody else is left
		if w, there := a.waits[k]; there && a.board != nil && ctx.Err() == nil {
			_ = a.board.write(ctx, a.name, w) // the next owner runs into this wait itself
		}
	}
	a.pending = nil
}
