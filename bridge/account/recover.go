package account

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// Reasons of the gap with which an account begins, beside updates.GapBeginning.
const (
	gapAnotherUser = "another user"  // signed in under the name
	gapForgotten   = "position lost" // the stream and the bucket do not tell any more where the account stood
)

// recover makes the machine that goes on from where the stream says that the account's user stands, or that begins.
func (d *driver) recover(ctx context.Context, c *Config, log *stream.Log, session mtproto.State) error {
	d.log, d.publisher.log, d.ledger.user = log, log, session.UserID
	d.publisher.writer = newWriter(c, log.OwnerID(), session.UserID)
	box, err := c.Vault.Box("peers")
	if err != nil {
		return err
	}
	d.publisher.directory = newDirectory(peers.Config{
		Schema: c.Methods.Schema(), Rules: c.Rules, People: c.Methods.People(), Bot: session.Bot, Channel: d.ledger.accessHash,
		Account: c.Name, User: session.UserID, Store: c.Peers, Box: box,
		Invoke: func(ctx context.Context, query []byte) ([]byte, error) { return d.ask(ctx, query) },
	}, c.Settings.Scheme())
	d.publisher.learn = d.publisher.directory.learn
	d.ledger.places.open(ctx, session.UserID, c.Rules)
	from, begin, err := d.ledger.open(ctx, log)
	if err != nil {
		return err
	}
	mostHeld, mostBytes := d.memory.bounds()
	d.machine, err = updates.New(d.rules, from, updates.Config{
		SelfID: session.UserID, Bot: session.Bot, MaxBatch: stream.MaxGroup - stateRoom - partsRoom, Rand: rand.Float64,
		Known: d.publisher.directory.knows, Begin: begin, Era: log.Epoch(), MaxHeld: mostHeld, MaxHeldBytes: mostBytes,
		Look: looks(c.Settings.Look),
	})
	if err != nil {
		return err
	}
	d.memory.machine = d.machine
	d.watched.read(ctx, c.Settings.WatchedBy(c.Name))
	return nil
}

// looks is how often dialogs are looked at: every so often while that finds something, down to an eighth as often; 0: never.
func looks(every time.Duration) updates.Look {
	if every <= 0 {
		every = -1
	}
	return updates.Look{Every: every, Most: 8 * every}
}

// open goes on from what the stream holds, and gives that state; or the one from which the account begins, and why it does.
func (l *ledger) open(ctx context.Context, log *stream.Log) (from updates.State, begin string, err error) {
	found, err := l.find(ctx, log)
	if err != nil {
		return updates.State{}, "", err
	}
	l.state, l.seq, l.begun = found.state, log.Epoch(), !found.state.Empty()
	if !l.begun {
		begin, from = found.why(), l.signedIn(ctx)
		l.tell.log.Info("updates begin", "reason", begin, "pts", from.Pts, "user", l.user)
		return from, begin, nil
	}
	l.said = true
	l.follows()
	l.forgetSignIn(ctx)
	l.tell.log.Info("updates go on",
		"pts", l.state.Pts, "qts", l.state.Qts, "channels", len(l.state.Channels), "read_back", found.read)
	return l.state, "", nil
}

// past is what the stream and the position say of an account.
type past struct {
	user   int64 // whose state is looked for
	known  bool  // the position is this user's, so that what does not say whose it is, is too
	state  updates.State
	other  bool // somebody else's updates, or record, come last
	former bool // this user was here before
	read   int  // messages
	places *places
}

// why is the reason for a beginning.
func (x *past) why() string {
	switch {
	case x.other:
		return gapAnotherUser
	case x.former && x.read > 0:
		return gapForgotten
	}
	return updates.GapBeginning
}

// find folds the state from the position and the stream behind it.
func (l *ledger) find(ctx context.Context, log *stream.Log) (*past, error) {
	p, err := l.records.Position(ctx, l.name)
	if errors.Is(err, records.ErrPosition) {
		l.tell.log.Warn("the stream is read from its beginning", "err", err)
	} else if err != nil {
		return nil, err
	}
	x := &past{user: l.user, known: p.User == l.user, places: l.places}
	former := log.Former().User
	if x.former = former == l.user; former != 0 && former != l.user {
		x.other = true
		l.tell.log.Warn("another user is signed in under this name now: updates are counted anew", "before", former, "now", l.user)
		return x, nil
	}
	from := uint64(0)
	if x.known && len(p.State) > 0 {
		if err := json.Unmarshal(p.State, &x.state); err != nil {
			l.tell.log.Warn("the stream is read from its beginning: the position cannot be read", "err", err)
			x.state = updates.State{}
		} else if log.Counts(p.Seq) {
			from = p.Seq
		}
	}
	x.other = p.User != 0 && !x.known
	return x, log.Recover(ctx, from, x.fold)
}

// fold takes the state of one message, if it is this user's. Older versions did not say whose it was.
func (x *past) fold(seq uint64, subject string, h nats.Header) error {
	x.read++
	if err := x.places.fold(seq, subject, h); err != nil {
		return err
	}
	whose := first(h, subjects.HeaderUser)
	switch {
	case whose == "" && !x.known:
		return nil
	case whose != "" && whose != strconv.FormatInt(x.user, 10):
		x.state, x.other, x.known = updates.State{}, true, false
		return nil
	case whose != "":
		x.other, x.former = false, true
	}
	return x.state.Apply(first(h, subjects.HeaderState))
}
