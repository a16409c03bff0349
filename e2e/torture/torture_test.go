package torture

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest/wire"
)

type options struct {
	seed     uint64
	length   time.Duration
	daemons  int
	servers  int
	accounts int
	pause    time.Duration
	tooLong  int
	logLevel string
	keep     string
	catchUp  time.Duration
	overlay  string // of go build
	only     string // the one act to do
	storage  string // what a server may store; empty: as much as there is
	strict   bool   // a key used from two places is AUTH_KEY_DUPLICATED; daemons reach Telegram without a cable
}

var flags options

func init() {
	flag.Uint64Var(&flags.seed, "torture.seed", 0, "draws what is done and when; 0: a new one")
	flag.DurationVar(&flags.length, "torture.for", 4*time.Minute, "how long harm is done")
	flag.IntVar(&flags.daemons, "torture.daemons", 2, "daemons")
	flag.IntVar(&flags.servers, "torture.servers", 1, "nats-servers: 1, or 3 as a cluster with three copies of everything")
	flag.IntVar(&flags.accounts, "torture.accounts", 2, "accounts")
	flag.DurationVar(&flags.pause, "torture.pause", 20*time.Millisecond, "between two things that happen at Telegram")
	flag.IntVar(&flags.tooLong, "torture.toolong", 0, "how far behind a channel's difference is too long, so that there are gaps; 0: never")
	flag.StringVar(&flags.logLevel, "torture.log", "info", "log level of the daemons")
	flag.DurationVar(&flags.catchUp, "torture.catchup", 2*time.Minute, "how long it may take after the last harm until all is in the stream: leases pass, clients come back")
	flag.StringVar(&flags.only, "torture.only", "", "the one kind of harm to do, as the report calls it; empty: all")
	flag.StringVar(&flags.keep, "torture.keep", "", "folder for the processes' logs when the run fails; empty: their ends are printed")
}

// TestTorture is the promise of design §4 and §5 under kills, cuts and hand-overs (C17, C36, D8, D17, D18, D19, E6 to E18, E27).
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	t.Parallel() // beside TestAlerts, which waits most of the time
	o := flags
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	replay := fmt.Sprintf("go test ./torture -run 'TestTorture$' -torture.seed=%d -torture.for=%v -torture.daemons=%d -torture.servers=%d -torture.accounts=%d -torture.pause=%v -torture.toolong=%d",
		o.seed, o.length, o.daemons, o.servers, o.accounts, o.pause, o.tooLong)
	t.Logf("again: %s", replay)
	g := newRig(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: %s", replay)
			g.logs()
		}
	})
	if problems := g.run(o); len(problems) > 0 {
		t.Errorf("%d problems:\n%s", len(problems), strings.Join(problems, "\n"))
	}
}

// run does it all, says what it did, and gives what it found.
func (g *rig) run(o options) (problems []string) {
	g.addSenders(2, o.seed)
	from := g.warmUp()
	g.faults(o.seed)
	begun := time.Now()
	harm := g.torture(o)
	tortured := time.Since(begun)
	problems = g.bursts(o.catchUp)
	// Of a push that is lost with nothing behind it nobody would hear before the silence is a quarter of an hour old (checklist E18).
	g.telegram.Faults.Draw(o.seed, wire.Rates{})
	g.traffic.lastOfEach()
	all, r, others := g.verdict(from, o.catchUp)
	problems = append(problems, others...)
	g.t.Logf("seed %d: %v of harm, %v in all: %v", o.seed, tortured.Round(time.Second), time.Since(begun).Round(time.Second), harm)
	g.t.Logf("%d leases of daemons lost; the longest time without an owner: %v, and once all was mended: %v; in the first there were:%s",
		g.lostLeases(), harm.longest, harm.calm, harm.journal.within(harm.longest))
	if harm.calm.length() > ownedWithin {
		problems = append(problems, fmt.Sprintf("without an owner though all was mended: %v%s", harm.calm, harm.journal.within(harm.calm.before(ownedWithin))))
	}
	g.t.Log(g.figures(all, r))
	return problems
}

// bursts waits until the queue is empty, and gives what is wrong with what became of calls in bursts.
func (g *rig) bursts(catchUp time.Duration) []string {
	ctx, cancel := context.WithTimeout(g.t.Context(), catchUp)
	defer cancel()
	all := g.numbered(g.results(ctx))
	ran, stands := g.ran()
	g.t.Log(burstFigures(all, ran))
	return checkBursts(all, ran, stands)
}

// ownedWithin is how soon every account has an owner that answers once nothing is harmed any more: a lease passes, what was deleted last is
// believed after another, and the machine is busy. While harm goes on there is no such bound: each can hit whoever comes next.
const ownedWithin = time.Minute

// faults are those of Telegram itself. With every second seed pushes are lost too, so that differences have to bring them;
// with the others, what no difference can bring must not be.
func (g *rig) faults(seed uint64) {
	rates := wire.Rates{wire.Duplicate: 0.02, wire.Reorder: 0.02, wire.LoseAnswer: 0.002, wire.LoseAck: 0.02, wire.IgnoreAcks: 0.02}
	if g.traffic.lossy = seed%2 == 0; g.traffic.lossy {
		rates[wire.LoseUpdate] = 0.02
	}
	g.telegram.Faults.Draw(seed, rates)
}

// warmUp waits until every account follows all its boxes: what it did before it was first signed in is not promised.
func (g *rig) warmUp() (from uint64) {
	for _, name := range g.traffic.names {
		g.follows(name)
	}
	tr := g.traffic
	for _, name := range tr.names {
		tr.friend.Send(tr.accounts[name], "warm")
		tr.accounts[name].PushQts(map[string]any{"_": "updateBotStopped", "user_id": tr.friend.ID(), "date": 1, "stopped": true})
	}
	for _, ch := range tr.channels {
		tr.friend.Send(ch, "warm")
	}
	g.wait("the first updates", time.Minute, func(ctx context.Context) error {
		all, err := readStream(ctx, g.js, 0)
		seen := map[string]bool{}
		for _, e := range all {
			if e.text == "warm" || e.box == "secret" {
				seen[e.account+" "+e.box] = true
			}
			from = e.seq
		}
		if want := len(tr.names) * (2 + len(tr.channels)); err == nil && len(seen) != want {
			err = fmt.Errorf("%d boxes of %d: %v", len(seen), want, seen)
		}
		return err
	})
	tr.begin()
	return from
}

// follows waits until an account is connected, and what it misses from now on will be fetched.
func (g *rig) follows(name string) {
	g.t.Helper()
	g.wait(name+" follows", time.Minute, func(ctx context.Context) error {
		state, follows, err := status(ctx, g.nc, name)
		if err == nil && (!follows || state != "connected") {
			err = errors.New(state)
		}
		return err
	})
}

// torture does harm while things happen, then lets everything come back.
func (g *rig) torture(o options) *violence {
	harm := &violence{r: rand.New(rand.NewPCG(o.seed, 1)), rig: g, only: o.only, done: map[string]int{}}
	ctx, cancel := context.WithTimeout(g.t.Context(), o.length)
	defer cancel()
	// Calls that are repeated until they are done may go on a while after the harm.
	late, stop := context.WithTimeout(g.t.Context(), o.length+o.catchUp)
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { g.traffic.run(ctx, rand.New(rand.NewPCG(o.seed, 2)), o.pause) })
	for _, name := range g.traffic.names {
		for range 4 {
			work.Go(func() { g.calls.run(late, name, 5*o.pause) })
		}
	}
	for _, one := range g.senders.all {
		work.Go(func() { one.run(late, &g.senders.stop, 75*o.pause) })
	}
	watch := g.watchOwners(ctx, &work)
	harm.run(ctx, 100*time.Millisecond, 1500*time.Millisecond, func() {
		if s := g.unowned(); s.length() > harm.calm.length() {
			harm.calm = s
		}
	})
	g.calls.stop.Store(true)
	g.senders.stop.Store(true)
	work.Wait()
	harm.longest = watch.worst()
	return harm
}

// verdict reads the stream until it holds everything, or too long; then once more, whole. What happens at Telegram meanwhile is
// waited for too: a request whose caller has given up may be made only now.
func (g *rig) verdict(from uint64, catchUp time.Duration) ([]entry, *report, []string) {
	ctx, cancel := context.WithTimeout(g.t.Context(), catchUp)
	defer cancel()
	for {
		worlds, shown, err := g.traffic.wanted()
		must(g.t, err)
		g.caughtUp(ctx, worlds, from)
		// What comes now would be too much: give it a moment, and see that what was read is still there.
		pause(g.t.Context(), 2*time.Second)
		all, err := readStream(g.t.Context(), g.js, 0)
		must(g.t, err)
		all = append(slices.Clone(g.archive), all...)
		now, _, err := g.traffic.wanted()
		must(g.t, err)
		if size(now) != size(worlds) && ctx.Err() == nil {
			continue
		}
		r := g.judge(all, worlds, from)
		return all, r, g.problems(all, r, shown)
	}
}

// caughtUp waits until the stream holds all that the world does.
func (g *rig) caughtUp(ctx context.Context, worlds []wanted, from uint64) {
	all := slices.Clone(g.archive)
	r := &report{missing: 1}
	for ctx.Err() == nil && r.missing+len(r.unfilled) > 0 {
		last := from
		if len(all) > 0 {
			last = all[len(all)-1].seq
		}
		once, cancel := context.WithTimeout(ctx, 20*time.Second)
		more, err := readStream(once, g.js, last)
		cancel()
		all = append(all, more...)
		if r = g.judge(all, worlds, from); err != nil {
			g.t.Logf("reading the stream: %v", err)
		}
		if r.missing+len(r.unfilled) > 0 {
			pause(ctx, time.Second)
		}
	}
}

// size is how much has happened.
func size(worlds []wanted) (n int) {
	for _, w := range worlds {
		for _, box := range w.boxes {
			n += len(box)
		}
	}
	return n
}

// problems are all that was found.
func (g *rig) problems(all []entry, r *report, shown map[string]int) []string {
	if len(r.problems) > 0 && g.keep != "" {
		g.keepStream(all)
	}
	problems := slices.Concat(r.problems, checkCalls(g.calls.all, g.calls.arrived, shown))
	for name, s := range g.traffic.sessions {
		if n := len(s.late); n > 0 {
			problems = append(problems, fmt.Sprintf("%s: %d queries of a session after another had begun: two spoke for one account (D8): %s",
				name, n, strings.Join(s.late[:min(n, 5)], "; ")))
		}
	}
	return append(problems, g.requests(all)...)
}

// judge leaves out updates from before, but not the owner records that stand there, nor where the accounts begin.
func (g *rig) judge(all []entry, worlds []wanted, from uint64) *report {
	kept := make([]entry, 0, len(all))
	for _, e := range all {
		if e.owner || e.begins || e.seq > from {
			kept = append(kept, e)
		}
	}
	return check(kept, worlds)
}

// keepStream writes down what stands in the stream, for whoever looks into what went wrong.
func (g *rig) keepStream(all []entry) {
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "%d %s %s %s key=%s epoch=%d in_batch=%v request=%q state=%q %q\n", e.seq, e.account, e.typ, cmp.Or(e.id, "owner "+e.ownerID), e.key, e.fence, e.inBatch, e.request, e.state, e.text)
	}
	_ = os.WriteFile(filepath.Join(g.keep, "stream.log"), []byte(b.String()), 0o600)
}

// requests: an update that says which call caused it says so truly.
func (g *rig) requests(all []entry) (problems []string) {
	ids, chats := map[string]string{}, map[string]bool{}
	for _, c := range g.calls.all {
		ids[c.text] = c.id
		chats[c.id] = chats[c.id] || c.chat // what tells of a new chat has no text
	}
	if g.senders != nil {
		for _, c := range g.numbered(nil) {
			ids[c.text()] = c.id
		}
	}
	for _, e := range all {
		if id, ours := ids[e.text]; e.request != "" && strings.HasPrefix(e.key, "m") && (!ours || id != e.request) && !chats[e.request] {
			problems = append(problems, fmt.Sprintf("%s: %q at %d says that it was caused by %s", e.account, e.text, e.seq, e.request))
		}
	}
	return problems
}

func (g *rig) figures(all []entry, r *report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d things happened at Telegram; %d updates of boxes in the stream as they should be, %d gaps; of what is in them %d updates are not there, %d of them messages; %d owner records, %d hand-overs to another daemon\n",
		g.traffic.sent, r.updates, r.gaps, r.excused, len(r.unfilled), r.owners, r.handed)
	g.countPushes(&b, all)
	fmt.Fprintln(&b, g.calls.figures())
	cuts := int64(0)
	for _, d := range g.daemons {
		cuts += d.telegram.cuts.Load()
		for _, n := range d.nats {
			cuts += n.cuts.Load()
		}
		fmt.Fprintf(&b, "%s: %d starts, %d killed, %d stopped, %d ended, %d ended by themselves\n", d.name, d.starts.Load(), d.kills.Load(), d.stops.Load(), d.terms.Load(), d.exits.Load())
	}
	faults := g.telegram.Faults
	fmt.Fprintf(&b, "of Telegram's packets %d came twice, %d in another order; %d pushes were lost, %d answers cut off\n",
		faults.Count(wire.Duplicate), faults.Count(wire.Reorder), faults.Count(wire.LoseUpdate), faults.Count(wire.LoseAnswer))
	fmt.Fprintf(&b, "%d connections cut; the daemons say:", cuts)
	for _, what := range []string{"already in the stream", "was taken over by", "the lease is lost", "updates go on", "account stopped", "publishing updates", "wrong last sequence", "finding out what was stored"} {
		fmt.Fprintf(&b, " %q %d,", what, g.said(what))
	}
	return b.String()
}

// countPushes tells what became of pushes that no difference brings back.
func (g *rig) countPushes(b *strings.Builder, all []entry) {
	sent, stored := 0, 0
	for _, p := range g.traffic.pushes {
		sent += len(p)
	}
	for _, e := range all {
		if e.typ == "updateBotCallbackQuery" {
			stored++
		}
	}
	fmt.Fprintf(b, "%d pushes that no difference brings back, %d in the stream, the others ended with their session\n", sent, stored)
}

// said counts lines of the daemons' logs.
func (g *rig) said(what string) (n int) {
	for _, d := range g.daemons {
		log, _ := os.ReadFile(d.log)
		n += strings.Count(string(log), what)
	}
	return n
}

// logs keeps the processes' logs, or prints their ends.
func (g *rig) logs() {
	files, _ := filepath.Glob(filepath.Join(g.dir, "*.log"))
	for _, file := range files {
		log, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if g.keep != "" {
			_ = os.WriteFile(filepath.Join(g.keep, filepath.Base(file)), log, 0o600)
			continue
		}
		g.t.Logf("%s:\n%s", filepath.Base(file), log[max(0, len(log)-4000):])
	}
}
