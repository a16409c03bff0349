package chats

import (
	"context"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
)

const (
	askPause  = time.Second
	mostAsked = 100 // dialogs in one question: what Telegram takes
	listPage  = 100
	mostPages = 1000 // of a folder
	callTime  = time.Minute
)

// asker asks Telegram one thing after another. What was not answered is asked again after a while that grows. Where Telegram refuses it, the others are
// asked meanwhile; where it wants a pause, or does not answer, nothing is.
type asker struct {
	k    *shared
	fold *dialogs.Fold
	work *sync.WaitGroup
	busy bool     // under Keeper.mu, as what follows
	most int      // dialogs in one question
	list *listing // that was not read to its end yet; nil: none
}

// due is how long until something may be asked.
func (a *asker) due() time.Duration {
	k := a.k
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if a.busy {
		return time.Hour
	}
	wait := time.Hour
	for _, next := range k.asks.waits(now) {
		wait = min(wait, next.Sub(now))
	}
	if q, _ := a.choose(now); q != dialogs.Nothing {
		wait = 0
	}
	return max(wait, k.asks.next.Sub(now), 0)
}

// choose is what may be asked now, and the dialog, where it is one that was refused before and is asked for by itself.
func (a *asker) choose(now time.Time) (dialogs.Question, *updates.Peer) {
	asks := &a.k.asks
	waiting := asks.waiting(now)
	if a.list != nil && !asks.of[dialogs.List].waits(now) {
		return dialogs.List, nil
	}
	q := a.fold.Next(waiting...)
	if q == dialogs.List || q == dialogs.Folders || asks.of[dialogs.Dialogs].waits(now) {
		return q, nil
	}
	if p := asks.due(now); p != nil {
		return dialogs.Dialogs, p
	}
	return q, nil
}

// ask asks what is to be asked, if it is time.
func (a *asker) ask(ctx context.Context) {
	k := a.k
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if a.busy || now.Before(k.asks.next) {
		return
	}
	k.asks.forget(a.fold)
	q, one := a.choose(now)
	var do func(context.Context) error
	switch q {
	case dialogs.List:
		if a.list != nil && a.list.old(now) {
			a.fold.Relist()
			a.list = nil
		}
		if a.list == nil {
			a.list = newListing(a.fold, now)
			k.rounds.begun()
		}
		do = a.lists
	case dialogs.Folders:
		a.fold.AskFolders()
		do = a.folders
	case dialogs.Dialogs:
		var all []updates.Peer
		if one == nil {
			all = a.fold.Ask(a.most, now)
		} else if all = []updates.Peer{*one}; !a.fold.AskAgain(*one, now) {
			k.asks.release(all)
			return
		}
		do = func(ctx context.Context) error { return a.dialogs(ctx, all) }
	default:
		return
	}
	a.busy = true
	a.work.Go(func() {
		a.done(ctx, q, one != nil, do(ctx))
		k.poke()
	})
}

// done notes that a question was answered, or not. again: it was about a dialog that was refused before; that it is refused once more tells
// nothing new of the question as such, which others do not have to wait for longer.
func (a *asker) done(ctx context.Context, q dialogs.Question, again bool, err error) {
	k := a.k
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	a.busy, k.asks.next = false, now.Add(askPause)
	switch {
	case err == nil:
		k.asks.of[q] = setback{}
		if again {
			k.asks.again = setback{}
		}
	case ctx.Err() == nil && again && refused(err):
		k.asks.again.note(now, err, k.jitter)
		k.asks.of[q].repeat(now, k.jitter)
	case ctx.Err() == nil:
		s := &k.asks.of[q]
		news := s.note(now, err, k.jitter)
		if !refused(err) {
			k.asks.next = s.next
			s.next = s.next.Add(askPause) // what else there is to be asked goes before
		}
		if news && refused(err) {
			k.c.Log.Warn("Telegram refuses what is asked about dialogs", "err", err, "again", s.next)
		} else {
			k.c.Log.Debug("asking for dialogs", "err", err)
		}
	}
}

// with does something with the fold.
func (a *asker) with(do func(f *dialogs.Fold)) {
	a.k.mu.Lock()
	defer a.k.mu.Unlock()
	do(a.fold)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
