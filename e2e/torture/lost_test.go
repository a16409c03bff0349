package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// healedAfter is how long it may take until all is well again without a hand: a lease, on a busy machine.
const healedAfter = 45 * time.Second

// everything is all that natsgram keeps in NATS but for the updates themselves.
var everything = []string{"KV_TG_LEASES", "KV_TG_ACCOUNTS", "KV_TG_SESSIONS", "KV_TG_POSITIONS", "TG_EVENTS"}

// TestStorageLost deletes, one after the other and all at once, what daemons keep in NATS, the stream and at last the whole store of the
// server, while updates come; after each loss the owner is killed as well, so that its heir has nothing but what was made anew. All is
// well again by itself, and of what happens at Telegram nothing is lost or doubled, in what stood there before and what stands there now together.
func TestStorageLost(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	t.Parallel()
	o := flags
	o.daemons, o.servers, o.accounts = 2, 1, 2
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	g := newRig(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", o.seed)
			g.logs()
		}
	})
	from := g.warmUp()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { g.traffic.run(ctx, rand.New(rand.NewPCG(o.seed, 2)), 4*o.pause) })
	for _, loss := range []struct {
		what string
		do   func()
	}{
		{"the leases", func() { g.deleteStreams("KV_TG_LEASES") }},
		{"the accounts", func() { g.deleteStreams("KV_TG_ACCOUNTS") }},
		{"the sessions", func() { g.deleteStreams("KV_TG_SESSIONS") }},
		{"the positions", func() { g.deleteStreams("KV_TG_POSITIONS") }},
		{"every bucket", func() { g.deleteStreams(everything...) }},
		{"the stream", func() { g.archiveAnd(func() { g.deleteStreams("TG_UPDATES") }) }},
		{"the server's store", func() { g.archiveAnd(g.deleteStore) }},
	} {
		begun := time.Now()
		loss.do()
		if loss.what != "the leases" && loss.what != "the accounts" && loss.what != "the sessions" {
			g.positionsAfter(begun)
		}
		g.healthy(loss.what)
		healed := time.Since(begun)
		g.owner("acc1").kill()
		g.takenOver("acc1")
		g.start()
		g.healthy(loss.what + ", and the owner killed")
		t.Logf("%s lost: all well after %v; the owner killed too: after %v", loss.what, healed.Round(100*time.Millisecond), time.Since(begun).Round(100*time.Millisecond))
	}
	cancel()
	work.Wait()
	all, r, problems := g.verdict(from, o.catchUp)
	t.Log(g.figures(all, r))
	if len(problems) > 0 {
		t.Errorf("%d problems:\n%s", len(problems), strings.Join(problems, "\n"))
	}
}

func (g *rig) deleteStreams(names ...string) {
	g.t.Helper()
	for _, name := range names {
		g.wait("deleting "+name, 20*time.Second, func(ctx context.Context) error {
			err := g.js.DeleteStream(ctx, name)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				return nil
			}
			return err
		})
	}
}

// archiveAnd takes the stream's subjects away, so that nothing more is stored; keeps what stands in it; and does what loses it.
func (g *rig) archiveAnd(lose func()) {
	g.t.Helper()
	a := &alarmed{rig: g}
	a.changeSubjects()
	after := uint64(0)
	if n := len(g.archive); n > 0 {
		after = g.archive[n-1].seq
	}
	g.wait("reading the stream", 20*time.Second, func(ctx context.Context) error {
		all, err := readStream(ctx, g.js, after)
		if err == nil {
			g.archive = append(g.archive, all...)
		}
		return err
	})
	lose()
	g.deleteStreams(occupied.Name)
}

// deleteStore has the server begin anew with nothing.
func (g *rig) deleteStore() {
	s := g.servers[0]
	s.kill()
	must(g.t, os.RemoveAll(s.store))
	must(g.t, s.start())
}

// healthy waits until every account is followed, and every daemon ready.
func (g *rig) healthy(what string) {
	g.t.Helper()
	g.wait(what+" lost: all well again", healedAfter, func(ctx context.Context) error {
		if err := g.stored(ctx); err != nil {
			return err
		}
		for _, name := range g.traffic.names {
			state, follows, err := status(ctx, g.nc, name)
			if err != nil || !follows || state != "connected" {
				return fmt.Errorf("%s: %s, follows %v, %w", name, state, follows, err)
			}
		}
		for _, d := range g.daemons {
			if err := d.ready(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// positionsAfter waits until it is written down anew where every account's updates go on.
func (g *rig) positionsAfter(loss time.Time) {
	g.t.Helper()
	for _, name := range g.traffic.names {
		g.wait("the position of "+name, healedAfter, func(ctx context.Context) error {
			kv, err := g.js.KeyValue(ctx, "TG_POSITIONS")
			if err != nil {
				return err
			}
			entry, err := kv.Get(ctx, name)
			if err == nil && entry.Created().Before(loss) {
				err = errors.New("it is of before")
			}
			return err
		})
	}
}

// stored is nil when every stream and bucket is there, with a record of every account.
func (g *rig) stored(ctx context.Context) error {
	for _, name := range []string{"TG_UPDATES", "TG_EVENTS", "KV_TG_LEASES"} {
		if _, err := g.js.Stream(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, name := range []string{"TG_SESSIONS", "TG_ACCOUNTS", "TG_POSITIONS"} {
		kv, err := g.js.KeyValue(ctx, name)
		for _, account := range g.traffic.names {
			if err == nil {
				_, err = kv.Get(ctx, account)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// ready is nil when a daemon says so.
func (d *daemon) ready(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.http+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	text, _ := io.ReadAll(resp.Body)
	return fmt.Errorf("%s: %s", d.name, text)
}

// takenOver waits until an account is followed again.
func (g *rig) takenOver(name string) {
	g.t.Helper()
	g.wait(name+" is taken over", healedAfter, func(ctx context.Context) error {
		state, follows, err := status(ctx, g.nc, name)
		if err == nil && (!follows || state != "connected") {
			err = errors.New(state)
		}
		return err
	})
}

// start starts every daemon that was killed.
func (g *rig) start() {
	g.t.Helper()
	for _, d := range g.daemons {
		must(g.t, d.start())
	}
}
