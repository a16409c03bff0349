package torture

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

var crowd = flag.Int("torture.crowd", 0, "accounts of TestCrowd, which takes minutes; 0: it is skipped")

// TestCrowd is many accounts on three daemons, of which one is killed: how long until all are served again, and what the processes
// need. The sessions are written sealed into NATS, as logins would.
func TestCrowd(t *testing.T) {
	if *crowd == 0 {
		t.Skip("minutes: -torture.crowd=1000")
	}
	o := flags
	o.daemons, o.servers, o.strict = 3, 1, true
	g := &rig{t: t, dir: t.TempDir(), keep: o.keep}
	g.build(o.overlay)
	g.startServers(1, "")
	g.connect()
	g.telegram = mttest.NewServer(t, func(c *mttest.Config) { c.Wire.OneConnection, c.TrackQueries = true, false })
	t.Cleanup(func() {
		if t.Failed() {
			g.logs()
		}
	})
	for i := range o.daemons {
		g.addDaemon(i, o)
	}
	names := g.sessions(*crowd)
	for _, d := range g.daemons {
		must(t, d.start())
	}
	t.Logf("%d accounts on three daemons", len(names))
	t.Logf("started: %s", g.served(names))
	g.rest("at rest")
	victim := g.daemons[0]
	victim.kill()
	t.Logf("one killed: %s", g.servedBy(names, g.daemons[1:]))
	g.rest("on two")
	must(t, victim.start())
	g.even(len(names))
	t.Logf("evened out: %s", g.served(names))
	if n := g.telegram.DuplicatedKeys(); n != 0 {
		t.Errorf("%d keys were used from two places", n)
	}
}

// sessions makes accounts that are signed in, and writes them into the vault.
func (g *rig) sessions(n int) (names []string) {
	key, err := vault.KeyFromSecret(secret)
	must(g.t, err)
	v, err := vault.Open(g.t.Context(), storage.Command(g.js, storage.Options{}), key)
	must(g.t, err)
	for i := range n {
		a := g.telegram.AddUser(mttest.User{First: "One", Phone: fmt.Sprintf("+4917%08d", i)})
		key, salt, dc := g.telegram.Authorize(a)
		state, err := json.Marshal(mtproto.State{Version: mtproto.StateVersion, Home: dc, UserID: a.ID(), DCs: map[int]mtproto.DCState{dc: {
			Key: key.AppendBytes(nil), Created: time.Now(), Authorized: true,
			Salts: []mtproto.Salt{{Salt: salt, Since: time.Now().Unix() - 60, Until: time.Now().Unix() + 1800}},
		}}})
		must(g.t, err)
		names = append(names, fmt.Sprintf("acc%04d", i))
		_, err = v.Replace(g.t.Context(), names[i], state)
		must(g.t, err)
	}
	return names
}

const servedWait = 5 * time.Minute

// served waits until every account answers that it is connected, and tells how long that took.
func (g *rig) served(names []string) string {
	g.t.Helper()
	begun := time.Now()
	var mu sync.Mutex
	var took []time.Duration
	var work sync.WaitGroup
	ctx, cancel := context.WithTimeout(g.t.Context(), servedWait)
	defer cancel()
	for _, name := range names {
		work.Go(func() {
			g.connected(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(begun))
		})
	}
	work.Wait()
	if ctx.Err() != nil {
		g.t.Fatalf("not all accounts are served within %v", servedWait)
	}
	slices.Sort(took)
	i, _ := slices.BinarySearch(took, time.Second)
	late := took[min(i, len(took)-1):] // the others were served all the time
	return fmt.Sprintf("%d accounts waited; half of them served after %.1f s, all after %.1f s", len(took)-i, late[len(late)/2].Seconds(), late[len(late)-1].Seconds())
}

func (g *rig) connected(ctx context.Context, name string) {
	for ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, 2*time.Second)
		state, _, err := status(once, g.nc, name)
		cancel()
		if err == nil && state == "connected" {
			return
		}
		pause(ctx, 500*time.Millisecond)
	}
}

// servedBy is served, and that it is by these daemons.
func (g *rig) servedBy(names []string, daemons []*daemon) string {
	g.t.Helper()
	text := g.served(names)
	for d, n := range g.shares() {
		if !slices.ContainsFunc(daemons, func(o *daemon) bool { return o.name == d }) {
			g.t.Errorf("%s is said to run %d accounts", d, n)
		}
	}
	return text
}

// shares is how many accounts each daemon runs.
func (g *rig) shares() map[string]int {
	g.t.Helper()
	n := map[string]int{}
	for line := range strings.Lines(g.natsgram("accounts", "list", "--json")) {
		var a listed
		must(g.t, json.Unmarshal([]byte(line), &a))
		n[a.Daemon]++
	}
	return n
}

// even waits until no daemon has two accounts more than another.
func (g *rig) even(total int) {
	g.t.Helper()
	begun := time.Now()
	g.wait("an even share", servedWait, func(context.Context) error {
		n, sum := g.shares(), 0
		lo, hi := total, 0
		for _, d := range g.daemons {
			lo, hi, sum = min(lo, n[d.name]), max(hi, n[d.name]), sum+n[d.name]
		}
		if hi-lo > 1 || sum != total {
			return errors.New(fmt.Sprint(n))
		}
		return nil
	})
	g.t.Logf("the third one back: accounts shared out evenly after %.1f s", time.Since(begun).Seconds())
}

// restTime is how long the processes are looked at.
const restTime = 20 * time.Second

// rest tells what everything needs while nothing happens.
func (g *rig) rest(what string) {
	g.t.Helper()
	pause(g.t.Context(), 5*time.Second)
	all := []*process{g.servers[0].process}
	for _, d := range g.daemons {
		if d.up() {
			all = append(all, d.process)
		}
	}
	before := make([]time.Duration, len(all))
	for i, p := range all {
		before[i] = p.cpu(g.t)
	}
	writes := g.leaseWrites()
	pause(g.t.Context(), restTime)
	for i, p := range all {
		g.t.Logf("%s: %s: %d MB resident, %.1f %% of a core", what, p.name, p.resident(g.t)>>20, 100*(p.cpu(g.t)-before[i]).Seconds()/restTime.Seconds())
	}
	g.t.Logf("%s: %.1f lease records written a second; accounts: %v", what, float64(g.leaseWrites()-writes)/restTime.Seconds(), g.shares())
}

func (g *rig) leaseWrites() uint64 {
	g.t.Helper()
	var st jetstream.Stream
	st, err := g.js.Stream(g.t.Context(), "KV_TG_LEASES")
	must(g.t, err)
	return st.CachedInfo().State.LastSeq
}

// cpu is how much of a core the process has used: Linux alone tells it so.
func (p *process) cpu(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid()), "stat"))
	must(t, err)
	_, behind, _ := strings.Cut(string(text), ") ") // of the name, which may hold anything
	fields := strings.Fields(behind)
	user, err := strconv.Atoi(fields[11])
	must(t, err)
	system, err := strconv.Atoi(fields[12])
	must(t, err)
	const ticks = 100 // a second
	return time.Duration(user+system) * time.Second / ticks
}

// resident is its memory, in bytes.
func (p *process) resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid()), "statm"))
	must(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	must(t, err)
	return pages * os.Getpagesize()
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}
