package torture

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// watch measures how long accounts were without an owner that answers.
type watch struct {
	mu      sync.Mutex
	longest map[string]stretch
}

// watchOwners asks how every account does again and again, until ctx ends.
func (g *rig) watchOwners(ctx context.Context, work *sync.WaitGroup) *watch {
	w := &watch{longest: map[string]stretch{}}
	for _, name := range g.traffic.names {
		work.Go(func() { w.follow(ctx, g, name) })
	}
	return w
}

func (w *watch) follow(ctx context.Context, g *rig, name string) {
	last := time.Now()
	for ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, time.Second)
		_, _, err := status(once, g.nc, name)
		cancel()
		if err != nil && ctx.Err() != nil {
			return
		}
		now := time.Now()
		w.note(stretch{name, last, now})
		if err == nil {
			last = now
		}
		pause(ctx, 50*time.Millisecond)
	}
}

func (w *watch) note(s stretch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.length() > w.longest[s.account].length() {
		w.longest[s.account] = s
	}
}

// worst is the longest time that an account had no owner.
func (w *watch) worst() stretch {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all stretch
	for _, s := range w.longest {
		if s.length() > all.length() {
			all = s
		}
	}
	return all
}

// unowned waits until every account has an owner that answers, and tells which waited longest.
func (g *rig) unowned() stretch {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(g.t.Context(), ownedWithin+30*time.Second)
	defer cancel()
	var last stretch
	for _, name := range g.traffic.names {
		for ctx.Err() == nil {
			once, cancel := context.WithTimeout(ctx, time.Second)
			_, _, err := status(once, g.nc, name)
			cancel()
			last = stretch{name, begun, time.Now()}
			if err == nil {
				break
			}
			pause(ctx, 50*time.Millisecond)
		}
	}
	return last
}

// metric is one of a daemon's without labels.
func (d *daemon) metric(ctx context.Context, name string) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.http+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no %s", name)
}

// lostLeases is how many leases of daemons were lost, by their own words.
func (g *rig) lostLeases() int { return g.said("and all accounts with it") }

const (
	renewalsLost = 6
	// leasesLost is how many leases that may cost: none, but on a machine that is too busy for a second attempt in five seconds.
	leasesLost = 1
	// withoutOwner is how long an account may seem to have no owner, with one such lease.
	withoutOwner = 20 * time.Second
)

// TestLostRenewals: a renewal that is lost with its connection, or its answer, costs no account, and nobody waits for an owner.
func TestLostRenewals(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	t.Parallel()
	o := flags
	o.daemons, o.servers, o.accounts = 1, 1, 2
	g := newRig(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			g.logs()
		}
	})
	for _, name := range g.traffic.names {
		g.follows(name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	w := g.watchOwners(ctx, &work)
	cable := g.daemons[0].nats[0]
	for i := range renewalsLost {
		cable.lose("$KV.TG_LEASES.member.", i%2 == 1)
		g.wait("a renewal is lost", 30*time.Second, func(context.Context) error {
			if !cable.lost() {
				return fmt.Errorf("%d of %d", i, renewalsLost)
			}
			return nil
		})
		begun := time.Now()
		g.wait("the lease is renewed once more", 30*time.Second, func(ctx context.Context) error {
			age, err := g.daemons[0].metric(ctx, "natsgram_lease_renewed_seconds")
			if err == nil && age > time.Since(begun).Seconds() {
				err = fmt.Errorf("renewed %.1f s ago", age)
			}
			return err
		})
	}
	cancel()
	work.Wait()
	lost := g.lostLeases()
	longest := w.worst()
	t.Logf("%d renewals lost, %d leases lost with them; the longest time without an owner: %v", renewalsLost, lost, longest)
	if lost > leasesLost {
		t.Errorf("%d leases were lost for %d lost packets", lost, renewalsLost)
	}
	if longest.length() > withoutOwner {
		t.Errorf("without an owner: %v", longest)
	}
}
