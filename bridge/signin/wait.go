package signin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

const (
	failingTime = 2 * time.Second // a failure that lasts shorter is not worth a word
	silentTime  = 4 * time.Second // without a connection or a failure
	lookTime    = 500 * time.Millisecond
)

// reasons is why a login is not connected to Telegram. The zero value is ready for use.
type reasons struct {
	mu      sync.Mutex
	begun   time.Time
	open    map[int]bool  // data centres that answer
	failing map[int]error // and those that do not, with the last error
	since   map[int]time.Time
	said    map[string]bool
}

// event is told by the client.
func (r *reasons) event(e mtproto.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open, r.failing, r.since = map[int]bool{}, map[int]error{}, map[int]time.Time{}
	}
	switch e := e.(type) {
	case mtproto.Connected:
		r.open[e.DC] = true
		delete(r.failing, e.DC)
		delete(r.since, e.DC)
	case mtproto.Disconnected:
		r.failed(e.DC, e.Err)
	case mtproto.InitRefused:
		r.failed(e.DC, e.Err)
	case mtproto.Migrated:
		delete(r.failing, e.From)
		delete(r.open, e.From)
	}
}

func (r *reasons) failed(dc int, err error) {
	if err == nil {
		return
	}
	delete(r.open, dc)
	r.failing[dc] = err
	if r.since[dc].IsZero() {
		r.since[dc] = time.Now()
	}
}

// current is why there is no connection, for a person; empty: there is one.
func (r *reasons) current() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.failing {
		return advise(err)
	}
	if len(r.open) == 0 {
		return silent
	}
	return ""
}

const silent = "Telegram does not answer. If something is in the way to it, NATSGRAM_WAYS names proxies"

// due is the reason, once it has lasted for a while and was not told before; else empty.
func (r *reasons) due(now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := ""
	for dc, err := range r.failing {
		if now.Sub(r.since[dc]) >= failingTime {
			text = advise(err)
		}
	}
	if len(r.open) == 0 && len(r.failing) == 0 && now.Sub(r.begun) >= silentTime {
		text = silent
	}
	if text == "" || r.said[kind(text)] {
		return ""
	}
	r.said[kind(text)] = true
	return text
}

// watch tells each reason once, until ctx ends.
func (r *reasons) watch(ctx context.Context, tell func(string)) {
	r.mu.Lock()
	r.begun, r.said = time.Now(), map[string]bool{}
	r.mu.Unlock()
	look := time.NewTicker(lookTime)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			if text := r.due(now); text != "" {
				tell(text)
			}
		}
	}
}

// address is one that changes with every attempt, or with the data centre's next address.
var address = regexp.MustCompile(`(\S+->)?\S+:\d+`)

// kind is what two texts of the same reason have in common.
func kind(text string) string { return address.ReplaceAllString(text, "") }

// advise says what is wrong and what to do.
func advise(err error) string {
	var key *mtproto.NoKeyError
	text := strings.ReplaceAll(strings.ReplaceAll(err.Error(), "mtproto: ", ""), "\n", "; ")
	switch {
	case errors.As(err, &key):
		return text + ". It is not Telegram, or one of another kind: see NATSGRAM_DC_KEYS, NATSGRAM_ENVIRONMENT and NATSGRAM_WAYS"
	case errors.Is(err, mtproto.ErrNoDC):
		return text + ". NATSGRAM_DCS lacks it"
	case errors.Is(err, mtproto.ErrEnvironment):
		return text + ": see NATSGRAM_ENVIRONMENT"
	case errors.Is(err, mtproto.ErrProxySecret), strings.Contains(text, "is the secret right"):
		return text + " See NATSGRAM_WAYS"
	}
	return text + ". If something is in the way to Telegram, NATSGRAM_WAYS names proxies"
}

// limited does one step of a login, for so long at most (0: for ever), and says why Telegram was waited for in vain.
func (r *reasons) limited(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := do(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		why := cmp.Or(r.current(), "connected, but it did not answer")
		return fmt.Errorf("Telegram was waited for %v (NATSGRAM_TIMEOUT): %s", limit, why) //nolint:staticcheck // a name
	}
	return err
}
