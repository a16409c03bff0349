package account

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

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
func (d *driver) recover(ctx context.Context, log *stream.Log, session mtproto.State) error {
	d.log, d.durable.user = log, session.UserID
	d.writer = newWriter(d.r, log.OwnerID(), session.UserID)
	found, err := d.find(ctx, session.UserID)
	if err != nil {
		return err
	}
	d.durable.state, d.durable.seq = found.state, log.Epoch()
	from, begin := found.state, ""
	if d.durable.begun = !found.state.Empty(); d.durable.begun {
		d.saving.begun = true
		d.r.status.follows()
		d.forgetSignIn(ctx)
		d.r.Log.Info("updates go on", "pts", from.Pts, "qts", from.Qts, "channels", len(from.Channels), "read_back", found.read)
	} else {
		begin, from = found.why(), d.signedIn(ctx, session.UserID)
		d.r.Log.Info("updates begin", "reason", begin, "pts", from.Pts, "user", session.UserID)
	}
	mostHeld, mostBytes := d.r.held()
	d.machine, err = updates.New(d.r.Rules, from, updates.Config{
		SelfID: session.UserID, Bot: session.Bot, MaxBatch: stream.MaxGroup - stateRoom, Rand: rand.Float64, Known: d.told,
		Begin: begin, Era: log.Epoch(), MaxHeld: mostHeld, MaxHeldBytes: mostBytes,
		Look: looks(d.r.Settings.Look),
	})
	if err != nil {
		return err
	}
	d.readWatched(ctx)
	return nil
}

// looks is how often dialogs are looked at: every so often while that finds something, down to an eighth as often; 0: never.
func looks(every time.Duration) updates.Look {
	if every <= 0 {
		every = -1
	}
	return updates.Look{Every: every, Most: 8 * every}
}

// signedIn is where the user's updates stood when he signed in, the zero state if nobody noted that.
func (d *driver) signedIn(ctx context.Context, user int64) (st updates.State) {
	p, err := d.r.Records.SignIn(ctx, d.r.Name)
	if err == nil && p.User == user {
		err = json.Unmarshal(p.State, &st)
	}
	if err != nil {
		d.r.Log.Warn("where the updates stood at the sign-in is not known: they begin where they stand now", "err", err)
		return updates.State{}
	}
	return st
}

// forgetSignIn removes what a later sign-in of the same user noted: the account goes on from where it stood.
func (d *driver) forgetSignIn(ctx context.Context) {
	if p, err := d.r.Records.SignIn(ctx, d.r.Name); err != nil || p.User == 0 {
		return
	}
	if err := d.r.Records.HasBegun(ctx, d.r.Name); err != nil {
		d.r.Log.Debug("removing what the sign-in noted", "err", err)
	}
}

// history is what the stream and the position say of an account.
type history struct {
	user   int64 // whose state is looked for
	known  bool  // the position is this user's, so that what does not say whose it is, is too
	state  updates.State
	other  bool // somebody else's updates, or record, come last
	former bool // this user was here before
	read   int  // messages
}

// why is the reason for a beginning.
func (x *history) why() string {
	switch {
	case x.other:
		return gapAnotherUser
	case x.former && x.read > 0:
		return gapForgotten
	}
	return updates.GapBeginning
}

// find folds the state from the position and the stream behind it.
func (d *driver) find(ctx context.Context, user int64) (*history, error) {
	p, err := d.r.Records.Position(ctx, d.r.Name)
	if errors.Is(err, records.ErrPosition) {
		d.r.Log.Warn("the stream is read from its beginning", "err", err)
	} else if err != nil {
		return nil, err
	}
	x := &history{user: user, known: p.User == user}
	former := d.log.Former().User
	if x.former = former == user; former != 0 && former != user {
		x.other = true
		d.r.Log.Warn("another user is signed in under this name now: updates are counted anew", "before", former, "now", user)
		return x, nil
	}
	from := uint64(0)
	if x.known && len(p.State) > 0 {
		if err := json.Unmarshal(p.State, &x.state); err != nil {
			d.r.Log.Warn("the stream is read from its beginning: the position cannot be read", "err", err)
			x.state = updates.State{}
		} else if d.log.Counts(p.Seq) {
			from = p.Seq
		}
	}
	x.other = p.User != 0 && !x.known
	return x, d.log.Recover(ctx, from, x.fold)
}

// fold takes the state of one message, if it is this user's. Older versions did not say whose it was.
func (x *history) fold(_ uint64, h nats.Header) error {
	x.read++
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
