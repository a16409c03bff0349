package chats

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// call makes a call, and learns who is in the answer.
func (a *asker) call(ctx context.Context, m codec.M) (codec.View, error) {
	c := &a.k.c
	v, err := a.invoke(ctx, m)
	if err != nil {
		return v, unanswered(m, err)
	}
	for _, field := range []string{"users", "chats"} {
		for one := range v.Objects(field) {
			c.Learn(one.Raw())
		}
	}
	return v, nil
}

func (a *asker) invoke(ctx context.Context, m codec.M) (codec.View, error) {
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
	return c.Schema.View(result)
}

// listing is the list of all dialogs as it is being read: what is pinned in both folders, and then the pages of both. It goes on where it stood
// when Telegram wants a pause, or does not answer: a long list would never be read to its end else.
type listing struct {
	*dialogs.Listing
	began time.Time
	took  time.Duration // of that something was asked
	step  int           // of steps
	walk  *updates.Pages
	pages int // of the folder

	paused bool // what comes next was asked before, and not answered
}

// mostPaused is how long the pauses in a list may be: what was read before them grows old.
const mostPaused = time.Hour

func newListing(f *dialogs.Fold, now time.Time) *listing {
	return &listing{Listing: f.Listing(now), began: now}
}

// old reports whether the pauses were too long.
func (l *listing) old(now time.Time) bool { return now.Sub(l.began)-l.took > mostPaused }

// steps are a list's. Those in the archive belong to it as well.
var steps = []struct {
	folder int
	read   func(*asker, context.Context, *listing, int) error
}{{0, (*asker).pinned}, {1, (*asker).pinned}, {0, (*asker).pages}, {1, (*asker).pages}}

// lists goes on reading the list.
func (a *asker) lists(ctx context.Context) (err error) {
	l, begun := a.list, time.Now()
	for ; l.step < len(steps) && err == nil; l.step++ {
		if err = steps[l.step].read(a, ctx, l, steps[l.step].folder); err != nil {
			break
		}
	}
	now := time.Now()
	l.took += now.Sub(begun)
	a.with(func(f *dialogs.Fold) {
		switch {
		case err == nil:
			l.Done()
			a.k.rounds.ended(l.began, now, l.took)
			a.list = nil
		case refused(err):
			f.Relist()
			a.list = nil
		default:
			l.paused = true
		}
	})
	return err
}

func (a *asker) pinned(ctx context.Context, l *listing, folder int) error {
	v, err := a.call(ctx, codec.M{"_": "messages.getPinnedDialogs", "folder_id": folder})
	if err == nil {
		a.listed(l, func() { l.Pinned(folder, v) })
	}
	return err
}

// listed takes a part of the list. Where it was not answered before, it is now.
func (a *asker) listed(l *listing, take func()) {
	a.with(func(*dialogs.Fold) {
		if l.paused {
			l.paused, a.k.asks.of[dialogs.List] = false, setback{}
		}
		take()
	})
}

// pages reads those of a folder.
func (a *asker) pages(ctx context.Context, l *listing, folder int) error {
	if l.walk == nil {
		l.walk, l.pages = updates.NewPages(), 0
	}
	for at, more := l.walk.Next(); more; at, more = l.walk.Next() {
		if l.pages >= mostPages {
			a.k.c.Log.Warn("the list of dialogs is longer than what is read of it: of the rest it is known what updates tell", "folder", folder, "read", l.pages*a.k.page, "left", l.walk.Left())
			break
		}
		if l.pages++; l.pages > 1 {
			if err := pause(ctx, askPause); err != nil {
				return err
			}
		}
		if err := a.page(ctx, l, folder, at); err != nil {
			return err
		}
	}
	a.with(func(*dialogs.Fold) { l.Left(folder, l.walk.Left()) })
	l.walk = nil
	return nil
}

// page reads one. Where it begins nobody may be able to say, and Telegram may not take it: then it begins elsewhere.
func (a *asker) page(ctx context.Context, l *listing, folder int, at updates.Offset) error {
	call := codec.M{
		"_": "messages.getDialogs", "exclude_pinned": true, "folder_id": folder, "limit": a.k.page, "hash": int64(0),
		"offset_date": at.Date, "offset_id": at.ID, "offset_peer": codec.M{"_": "inputPeerEmpty"},
	}
	if folder == 0 {
		delete(call, "folder_id")
	}
	if at.Peer.ID != 0 {
		switch input, err := a.k.c.Input(ctx, at.Peer); {
		case err == nil:
			call["offset_peer"] = codec.Raw(input)
		case a.k.c.Unknown(err):
			l.walk.Refused()
			return nil
		default:
			return unanswered(call, err)
		}
	}
	v, err := a.call(ctx, call)
	switch {
	case err == nil:
		l.walk.Take(v)
		a.listed(l, func() { l.Page(v) })
	case refused(err) && l.walk.Refused():
		err = nil
	}
	return err
}

// folders asks for the folders, where the layer has any.
func (a *asker) folders(ctx context.Context) error {
	const method = "messages.getDialogFilters"
	if _, ok := a.k.c.Schema.Function(method); !ok {
		a.with(func(f *dialogs.Fold) { f.TakeFolders(nil) })
		return nil
	}
	v, err := a.call(ctx, codec.M{"_": method})
	a.with(func(f *dialogs.Fold) {
		if err != nil {
			f.FailedFolders()
		} else {
			f.TakeFolders(v.Raw())
		}
	})
	return err
}

// dialogs asks for some. Where Telegram refuses one of them it refuses all: fewer are asked for then, until it is known which.
func (a *asker) dialogs(ctx context.Context, all []updates.Peer) error {
	call := codec.M{"_": "messages.getPeerDialogs"}
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
			return unanswered(call, err)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	call["peers"] = peers
	v, err := a.call(ctx, call)
	a.with(func(f *dialogs.Fold) {
		switch {
		case err == nil:
			f.Take(asked, v)
			a.most = min(2*a.most, mostAsked)
		case !refused(err):
			f.Failed(asked)
		case len(asked) > 1:
			f.Failed(asked)
			a.most, err = max(len(asked)/2, 1), nil
		case unreachable(err):
			f.Gone(asked[0])
			err = nil
		default: // it may be the question that is refused, whomever it is about: nothing is known of the dialog
			err = fmt.Errorf("%w, of %s", err, asked[0])
			a.k.asks.hold(asked[0], time.Now(), err, a.k.jitter)
			return
		}
		a.k.asks.release(asked)
	})
	return err
}

// unanswered is why a call was not answered, with its name.
func unanswered(call codec.M, err error) error {
	method, _ := call["_"].(string)
	if strings.Contains(err.Error(), method) {
		return err
	}
	return fmt.Errorf("%s: %w", method, err)
}
