package peers

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
)

const (
	searchDefault = 20
	searchMost    = 200

	// searchRest is how long the bucket is left alone at most behind a pass, which is as long as that took: whoever searches all the time
	// leaves half of it to others.
	searchRest = 5 * time.Second
)

// search looks for names in all that the bucket holds of the account. A pass reads all of it, so that there is one at a time, for all who
// have asked until it begins: however many ask, it costs the same.
type search struct {
	user    int64 // the account's
	account *accountStore
	keeper  *keeper

	mu      sync.Mutex
	waiting []*wanted // for the next pass
	passing bool
}

// wanted is what somebody looks for.
type wanted struct {
	ctx   context.Context //nolint:containedctx // of who waits for it
	text  string
	kind  subjects.Kind // empty: of all
	limit int
	page  *Page
	err   error
	done  chan struct{} // closed when page and err are there
}

// find looks for a text.
func (x *search) find(ctx context.Context, text string, kind subjects.Kind, limit int) (*Page, error) {
	page := &Page{Peers: []Shown{}}
	if x.account.store == nil {
		return page, nil
	}
	if limit <= 0 {
		limit = searchDefault
	}
	w := &wanted{ctx: ctx, text: strings.ToLower(strings.TrimSpace(text)), kind: kind, limit: min(limit, searchMost), page: page, done: make(chan struct{})}
	x.mu.Lock()
	x.waiting = append(x.waiting, w)
	x.passing = x.passing || x.keeper.begin(x.passes)
	passing := x.passing
	x.mu.Unlock()
	if !passing {
		return nil, errClosed
	}
	select {
	case <-w.done:
		return w.page, w.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// passes makes one pass after another, until nobody waits.
func (x *search) passes() {
	for {
		all := x.next()
		if len(all) == 0 {
			return
		}
		begun := time.Now()
		x.pass(all)
		select {
		case <-time.After(min(time.Since(begun), searchRest)):
		case <-x.keeper.stop:
		}
	}
}

// next are those for whom a pass is to be made. Who waits no more is none of them.
func (x *search) next() []*wanted {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := slices.DeleteFunc(x.waiting, func(w *wanted) bool { return w.ctx.Err() != nil })
	x.waiting, x.passing = nil, len(all) > 0
	return all
}

// pass goes through what the bucket holds, until all have enough, or nobody waits any more. How it ends is told to those who look until then:
// who has enough before has got it.
func (x *search) pass(all []*wanted) {
	x.keeper.flushAll(x.keeper.life)
	kind := all[0].kind
	if slices.ContainsFunc(all, func(w *wanted) bool { return w.kind != kind }) {
		kind = ""
	}
	closed := false
	err := x.account.peers(x.keeper.life, kind, func(p peer, r *record) bool {
		if closed = x.keeper.stopped(); closed {
			return false
		}
		all = slices.DeleteFunc(all, func(w *wanted) bool {
			enough := w.enough(x, p, r)
			if enough {
				close(w.done)
			}
			return enough || w.ctx.Err() != nil
		})
		return len(all) > 0
	})
	if closed {
		err = errClosed
	}
	for _, w := range all {
		w.err = err
		close(w.done)
	}
}

// errClosed is for who searches while the account is let go of.
var errClosed = answer.Later("the account is passing to another daemon")

// enough takes in a peer, if it is looked for, and reports whether no more are wanted.
func (w *wanted) enough(x *search, p peer, r *record) bool {
	if w.kind != "" && w.kind != p.kind || !r.matches(w.text) || !x.account.opens(p, r) {
		return false
	}
	if w.page.More = len(w.page.Peers) == w.limit; w.page.More {
		return true
	}
	s := Shown{Kind: p.kind, ID: p.id, Self: p == peer{subjects.User, x.user}}
	s.fill(r)
	w.page.Peers = append(w.page.Peers, s)
	return false
}

// matches reports whether a name, or a word of it, begins with a text, or a username does.
func (r *record) matches(text string) bool {
	if strings.HasPrefix(strings.ToLower(r.Name), text) || strings.Contains(strings.ToLower(r.Name), " "+text) {
		return true
	}
	name := strings.TrimPrefix(text, "@")
	return slices.ContainsFunc(r.Usernames, func(u string) bool { return strings.HasPrefix(u, name) })
}
