package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// leaseTime is how long an account stays with a daemon that was killed, and takeOver how long taking it over may take then.
const (
	leaseTime = 10 * time.Second
	takeOver  = 2 * time.Second
)

// TestOwners: an account is handed over under load, by request and by SIGTERM, without a lost or doubled call; and when its owner is
// killed, the next one answers within the lease and two seconds. Its key is never used from two places (D8).
func TestOwners(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	o := flags
	o.daemons, o.servers, o.accounts, o.strict = 3, 1, 1, true
	g := newRig(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			g.logs()
		}
	})
	g.follows("acc1")
	g.handOvers("acc1")
	g.killOwner("acc1")
	if n := g.telegram.DuplicatedKeys(); n != 0 {
		t.Errorf("%d keys were used from two places", n)
	}
}

// listed is one account of `natsgram accounts list --json`.
type listed struct{ Account, State, Owner, Daemon string }

// natsgram runs a command as an operator would.
func (g *rig) natsgram(words ...string) string {
	g.t.Helper()
	c := exec.Command(g.daemons[0].path, words...)
	c.Env = append(slices.Clone(g.daemons[0].env), "NATS_URL=nats://"+g.servers[0].addr)
	out, err := c.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		g.t.Fatalf("natsgram %s: %v\n%s", strings.Join(words, " "), err, exit.Stderr)
	}
	return string(out)
}

func (g *rig) owner(account string) *daemon {
	g.t.Helper()
	for line := range strings.Lines(g.natsgram("accounts", "list", "--json")) {
		var a listed
		must(g.t, json.Unmarshal([]byte(line), &a))
		if a.Account == account {
			return g.named(a.Daemon)
		}
	}
	g.t.Fatalf("%s is not in the list", account)
	return nil
}

func (g *rig) named(name string) *daemon {
	g.t.Helper()
	i := slices.IndexFunc(g.daemons, func(d *daemon) bool { return d.name == name })
	if i < 0 {
		g.t.Fatalf("no daemon is called %q", name)
	}
	return g.daemons[i]
}

// load is calls at a steady rate, each once.
type load struct {
	done    atomic.Int64
	longest atomic.Int64 // of the part that is looked at, in nanoseconds
	mu      sync.Mutex
	failed  []string
	stop    context.CancelFunc
	work    sync.WaitGroup
}

const loadRate = 500 // calls a second

func (g *rig) load(account string) *load {
	l := &load{}
	ctx, stop := context.WithCancel(g.t.Context())
	l.stop = stop
	const workers = 25
	for i := range workers {
		l.work.Go(func() {
			tick := time.NewTicker(time.Second * workers / loadRate)
			defer tick.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				l.call(g, account, fmt.Sprintf("load %d %d", i, n))
				<-tick.C
			}
		})
	}
	return l
}

func (l *load) call(g *rig, account, text string) {
	body, _ := json.Marshal(map[string]any{"peer": g.calls.peers[account][0], "message": text})
	begun := time.Now()
	reply, err := g.nc.Request("tg.rpc."+account+".messages.sendMessage", body, 30*time.Second)
	took := int64(time.Since(begun))
	if err == nil && reply.Header.Get("Nats-Service-Error-Code") != "" {
		err = errors.New(reply.Header.Get("Nats-Service-Error"))
	}
	if err != nil {
		l.mu.Lock()
		l.failed = append(l.failed, fmt.Sprintf("%s after %v: %v", text, time.Duration(took), err))
		l.mu.Unlock()
	}
	l.done.Add(1)
	for was := l.longest.Load(); took > was && !l.longest.CompareAndSwap(was, took); was = l.longest.Load() {
	}
}

// for a while, and what its longest call was, which is the pause that callers saw.
func (l *load) during(g *rig, what string, do func()) {
	g.t.Helper()
	l.longest.Store(0)
	from, begun := l.done.Load(), time.Now()
	do()
	took := time.Since(begun)
	for target := l.done.Load() + loadRate; l.done.Load() < target; {
		if time.Since(begun) > time.Minute {
			g.t.Fatalf("%s: calls stand still", what)
		}
		pause(g.t.Context(), 10*time.Millisecond)
	}
	g.t.Logf("%s: took %v, %d calls meanwhile and after, longest %v", what, took.Round(time.Millisecond), l.done.Load()-from,
		time.Duration(l.longest.Load()).Round(time.Millisecond))
}

// handOvers are planned ones, under load.
func (g *rig) handOvers(account string) {
	g.t.Helper()
	before := g.telegram.Executed("messages.sendMessage")
	l := g.load(account)
	l.during(g, "no hand-over", func() { pause(g.t.Context(), time.Second) })
	for range 2 {
		at := g.owner(account)
		to := g.daemons[(slices.Index(g.daemons, at)+1)%len(g.daemons)]
		l.during(g, "natsgram accounts move to "+to.name, func() { g.natsgram("accounts", "move", account, to.name) })
		if now := g.owner(account); now != to {
			g.t.Errorf("it is on %s, not on %s", now.name, to.name)
		}
	}
	at := g.owner(account)
	l.during(g, "SIGTERM of "+at.name, func() { at.term(30 * time.Second) })
	must(g.t, at.start())
	l.during(g, "a new daemon", func() { pause(g.t.Context(), time.Second) })
	at = g.owner(account)
	l.during(g, "SIGTERM of "+at.name, func() { at.term(30 * time.Second) })
	must(g.t, at.start())
	l.stop()
	l.work.Wait()
	total := int(l.done.Load())
	for _, failed := range l.failed[:min(len(l.failed), 10)] {
		g.t.Error(failed)
	}
	if n := g.telegram.Executed("messages.sendMessage") - before; n != total || len(l.failed) > 0 {
		g.t.Errorf("%d calls, %d failed, %d executed", total, len(l.failed), n)
	}
	if twice := g.telegram.Repeated("messages.sendMessage"); len(twice) > 0 {
		g.t.Errorf("%d calls were executed twice", len(twice))
	}
}

// killOwner is an unplanned one.
func (g *rig) killOwner(account string) {
	g.t.Helper()
	at := g.owner(account)
	at.kill()
	begun := time.Now()
	g.wait(account+" answers again", time.Minute, func(ctx context.Context) error {
		reply, err := g.nc.RequestWithContext(ctx, "tg.rpc."+account+".help.getNearestDc", []byte("{}"))
		if err == nil && reply.Header.Get("Nats-Service-Error-Code") != "" {
			err = errors.New(reply.Header.Get("Nats-Service-Error"))
		}
		return err
	})
	took := time.Since(begun)
	g.t.Logf("the owner killed: the next one answers after %v", took.Round(time.Millisecond))
	if took > leaseTime+takeOver {
		g.t.Errorf("that is more than the lease (%v) and %v", leaseTime, takeOver)
	}
	if now := g.owner(account); now == at {
		g.t.Errorf("%s was killed and has it", at.name)
	}
	must(g.t, at.start())
}

// status asks how an account does.
func status(ctx context.Context, nc *nats.Conn, account string) (state string, follows bool, err error) {
	reply, err := nc.RequestWithContext(ctx, "tg.ctl."+account+".status", nil)
	if err != nil {
		return "", false, err
	}
	var st struct {
		Follows bool `json:"follows_updates"`
		State   string
	}
	err = json.Unmarshal(reply.Data, &st)
	return st.State, st.Follows, err
}
