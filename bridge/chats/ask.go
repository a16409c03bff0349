package chats

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

const (
	askPause  = time.Second
	mostAsked = 100 // dialogs in one question: what Telegram takes
	listPage  = 100
	mostPages = 1000 // of a list
	callTime  = time.Minute
	worstWait = 10 * time.Minute
)

// asker asks Telegram one thing after another.
type asker struct {
	k    *shared
	fold *dialogs.Fold
	work *sync.WaitGroup
	busy bool // under Keeper.mu, as what follows
	next time.Time
	wait time.Duration // after a failure
	most int           // dialogs in one question
}

// due is how long until something may be asked.
func (a *asker) due() time.Duration {
	a.k.mu.Lock()
	defer a.k.mu.Unlock()
	if a.busy || a.fold.Next() == dialogs.Nothing {
		return time.Hour
	}
	return max(time.Until(a.next), 0)
}

// ask asks what is to be asked, if it is time.
func (a *asker) ask(ctx context.Context) {
	k := a.k
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if a.busy || now.Before(a.next) {
		return
	}
	var do func(context.Context) error
	switch a.fold.Next() {
	case dialogs.Nothing:
		return
	case dialogs.List:
		l := a.fold.Listing(now)
		k.rounds.begun()
		do = func(ctx context.Context) error { return a.list(ctx, l) }
	case dialogs.Folders:
		a.fold.AskFolders()
		do = a.folders
	case dialogs.Dialogs:
		all := a.fold.Ask(a.most, now)
		do = func(ctx context.Context) error { return a.dialogs(ctx, all) }
	}
	a.busy = true
	a.work.Go(func() {
		err := do(ctx)
		a.done(err)
		if err != nil && ctx.Err() == nil {
			k.c.Log.Debug("asking for dialogs", "err", err)
		}
		k.poke()
	})
}

// done notes that a question was answered, or not.
func (a *asker) done(err error) {
	a.k.mu.Lock()
	defer a.k.mu.Unlock()
	a.busy = false
	if err == nil {
		a.wait = 0
		a.next = time.Now().Add(askPause)
		return
	}
	a.wait = min(max(2*a.wait, 2*time.Second), worstWait)
	var refused *mtproto.Error
	if errors.As(err, &refused) && refused.Code == 420 {
		a.wait = max(a.wait, time.Duration(refused.Arg)*time.Second)
	}
	a.next = time.Now().Add(a.wait + a.k.jitter(a.wait/4))
}

// call makes a call, and learns who is in the answer.
func (a *asker) call(ctx context.Context, m codec.M) (codec.View, error) {
	c := &a.k.c
	query, err := c.Schema.Encode(nil, m)
	if err != nil {
		return codec.View{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	result, err := c.Invoke(ctx, query)
	if err != nil {
		return codec.View{}, err
	}
	v, err := c.Schema.View(result)
	for _, field := range []string{"users", "chats"} {
		for one := range v.Objects(field) {
			c.Learn(one.Raw())
		}
	}
	return v, err
}

// with does something with the fold.
func (a *asker) with(do func(f *dialogs.Fold)) {
	a.k.mu.Lock()
	defer a.k.mu.Unlock()
	do(a.fold)
}

// list goes through all dialogs, those in the archive as well.
func (a *asker) list(ctx context.Context, l *dialogs.Listing) (err error) {
	began := time.Now()
	for folder := 0; folder < 2 && err == nil; folder++ {
		err = a.pinned(ctx, l, folder)
	}
	for folder := 0; folder < 2 && err == nil; folder++ {
		err = a.pages(ctx, l, folder)
	}
	a.with(func(f *dialogs.Fold) {
		if err != nil {
			f.Relist()
		} else {
			l.Done()
			a.k.rounds.ended(began, time.Now())
		}
	})
	return err
}

func (a *asker) pinned(ctx context.Context, l *dialogs.Listing, folder int) error {
	v, err := a.call(ctx, codec.M{"_": "messages.getPinnedDialogs", "folder_id": folder})
	if err == nil {
		a.with(func(*dialogs.Fold) { l.Pinned(folder, v) })
	}
	return err
}

func (a *asker) pages(ctx context.Context, l *dialogs.Listing, folder int) error {
	call := codec.M{
		"_": "messages.getDialogs", "exclude_pinned": true, "folder_id": folder, "limit": a.k.page, "hash": int64(0),
		"offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"},
	}
	if folder == 0 {
		delete(call, "folder_id")
	}
	before := dialogs.Last{}
	for range mostPages {
		v, err := a.call(ctx, call)
		if err != nil {
			return err
		}
		var last dialogs.Last
		a.with(func(*dialogs.Fold) { last = l.Page(v) })
		if v.Name() != "messages.dialogsSlice" || last == before || last.Chat.ID == 0 {
			return nil
		}
		before = last
		call["offset_id"], call["offset_date"], call["offset_peer"] = last.ID, last.Date, codec.M{"_": "inputPeerEmpty"}
		switch input, err := a.k.c.Input(ctx, last.Chat); {
		case err == nil:
			call["offset_peer"] = codec.Raw(input)
		case !a.k.c.Unknown(err): // else the date and the id have to do
			return err
		}
		if err := pause(ctx, askPause); err != nil {
			return err
		}
	}
	a.k.c.Log.Warn("the list of dialogs is longer than what is read of it: of the rest it is known what updates tell", "folder", folder, "read", mostPages*a.k.page)
	return nil
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

func (a *asker) folders(ctx context.Context) error {
	v, err := a.call(ctx, codec.M{"_": "messages.getDialogFilters"})
	var refused *mtproto.Error
	if err != nil && (!errors.As(err, &refused) || refused.Code != 400) {
		a.with((*dialogs.Fold).FailedFolders)
		return err
	}
	a.with(func(f *dialogs.Fold) { f.TakeFolders(v.Raw()) })
	return nil
}

// dialogs asks for some. Where Telegram refuses one of them it refuses all: fewer are asked for then, until it is known which.
func (a *asker) dialogs(ctx context.Context, all []updates.Peer) error {
	var peers []codec.M
	var asked []updates.Peer
	for _, p := range all {
		input, err := a.k.c.Input(ctx, p)
		switch {
		case err == nil:
			peers, asked = append(peers, codec.M{"_": "inputDialogPeer", "peer": codec.Raw(input)}), append(asked, p)
		case a.k.c.Unknown(err):
			a.with(func(f *dialogs.Fold) { f.Gone(p) })
		default:
			a.with(func(f *dialogs.Fold) { f.Failed(all) })
			return err
		}
	}
	if len(asked) == 0 {
		return nil
	}
	v, err := a.call(ctx, codec.M{"_": "messages.getPeerDialogs", "peers": peers})
	var refused *mtproto.Error
	switch final := errors.As(err, &refused) && (refused.Code == 400 || refused.Code == 403); {
	case err == nil:
		a.with(func(f *dialogs.Fold) { f.Take(asked, v); a.most = min(2*a.most, mostAsked) })
		return nil
	case final && len(asked) == 1:
		a.with(func(f *dialogs.Fold) { f.Gone(asked[0]) })
		return nil
	case final:
		a.with(func(f *dialogs.Fold) { f.Failed(asked); a.most = max(len(asked)/2, 1) })
		return nil
	}
	a.with(func(f *dialogs.Fold) { f.Failed(asked) })
	return err
}
