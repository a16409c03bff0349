package account

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// ledger is the state of the account's updates as far as the stream holds them, and where that is saved. It is safe for
// concurrent use.
type ledger struct {
	name    string
	user    int64
	records *records.Records
	tell    *teller
	places  *places // what it has learned of the messages in the stream
	follows func()  // is called once the stream holds where the account begins

	after func(context.Context) // is called when the position was saved; may be nil

	saving sync.Mutex // one position after the other

	mu     sync.Mutex
	state  updates.State
	seq    uint64 // of the last message in the stream
	stored uint64 // groups since the position was saved
	total  uint64 // updates
	begun  bool   // it is known where the account stands

	// Of the loop's goroutine.
	saved time.Time // when the position was, or was to be
	said  bool      // follows was called
}

const (
	// savePositionAfter and savePositionEvery say when a position is saved: it makes recovery short and nothing else.
	savePositionAfter = 5000
	savePositionEvery = 30 * time.Second
)

// fold takes in a group that is in the stream. It is told of every one, in order: the state is folded from exactly that. It
// reports whether turned has to be called soon.
func (l *ledger) fold(g *stream.Group, seq uint64) (look bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.state.Apply(g.State); err != nil {
		l.tell.log.Error("the state of updates cannot be read", "err", err)
	}
	l.begun = l.begun || !l.state.Empty()
	if seq > 0 {
		l.seq = seq // not the higher one: a stream that was made anew counts anew
	}
	l.stored++
	l.total += updatesIn(g)
	return l.stored == 1 || l.stored == savePositionAfter
}

// updatesIn counts what of a group is an update: not the gaps, and not what of a state had no room.
func updatesIn(g *stream.Group) (n uint64) {
	for _, m := range g.Messages {
		if name := first(m.Header, subjects.HeaderType); name != gapName && name != stateName {
			n++
		}
	}
	return n
}

// counts is how much was stored since the position was saved, and whether it is known where the account stands.
func (l *ledger) counts() (stored uint64, begun bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stored, l.begun
}

// last is the sequence of the last message in the stream that was folded in.
func (l *ledger) last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seq
}

func (l *ledger) figures() (pts int, total uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Pts, l.total
}

// accessHash is a channel's, as the updates know it, through restarts.
func (l *ledger) accessHash(channel int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Channels[channel].AccessHash
}

// anotherStream notes that the stream was made anew: sequences of the former one say nothing.
func (l *ledger) anotherStream() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq = 0
}

// position is what may be saved at present.
func (l *ledger) position() records.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	state, err := json.Marshal(&l.state)
	if err != nil {
		l.tell.log.Error("the state of updates cannot be written", "err", err)
		return records.Position{}
	}
	l.stored = 0
	return records.Position{Seq: l.seq, User: l.user, State: state}
}

// turned saves the position when it is due, beside the loop by beside, and says that updates are followed once the stream holds
// where they begin.
func (l *ledger) turned(now time.Time, beside func(func(context.Context))) {
	stored, begun := l.counts()
	switch {
	case begun && !l.said:
		l.said = true
		l.follows()
		beside(func(ctx context.Context) {
			l.save(ctx)
			l.forgetSignIn(ctx)
		})
	case stored >= savePositionAfter || stored > 0 && now.Sub(l.saved) >= savePositionEvery:
		beside(l.save)
	default:
		return
	}
	l.saved = now
}

// writeAnew stores the position again where it is known.
func (l *ledger) writeAnew(ctx context.Context) error {
	if _, begun := l.counts(); !begun {
		return nil
	}
	l.places.Lost()
	return l.write(ctx)
}

// write stores the position, and before it what is known by then of the messages: recovery reads only what stands behind it.
func (l *ledger) write(ctx context.Context) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	p := l.position()
	if err := l.places.save(ctx, l.user); err != nil {
		return err
	}
	return l.records.SavePosition(ctx, l.name, p)
}

// due is how long until turned has to be called.
func (l *ledger) due(now time.Time) time.Duration {
	if stored, _ := l.counts(); stored == 0 {
		return time.Hour
	}
	return l.saved.Add(savePositionEvery).Sub(now)
}

// save failing costs nothing but time at the next start.
func (l *ledger) save(ctx context.Context) {
	if err := l.write(ctx); err != nil && ctx.Err() == nil {
		l.tell.log.Warn("saving the position", "err", err)
	}
	if l.after != nil {
		l.after(ctx)
	}
}

// signedIn is where the user's updates stood when he signed in, the zero state if nobody noted that.
func (l *ledger) signedIn(ctx context.Context) (st updates.State) {
	p, err := l.records.SignIn(ctx, l.name)
	if err == nil && p.User == l.user {
		err = json.Unmarshal(p.State, &st)
	}
	if err != nil {
		l.tell.log.Warn("where the updates stood at the sign-in is not known: they begin where they stand now", "err", err)
		return updates.State{}
	}
	return st
}

// forgetSignIn removes what a later sign-in of the same user noted: the account goes on from where it stood.
func (l *ledger) forgetSignIn(ctx context.Context) {
	if p, err := l.records.SignIn(ctx, l.name); err != nil || p.User == 0 {
		return
	}
	if err := l.records.HasBegun(ctx, l.name); err != nil {
		l.tell.log.Debug("removing what the sign-in noted", "err", err)
	}
}
