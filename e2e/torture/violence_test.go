package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// violence does harm by a seed.
type violence struct {
	r    *rand.Rand
	rig  *rig
	only string // the name of the one act to do; empty: all
	mu   sync.Mutex
	done map[string]int
	work sync.WaitGroup // harm that has to be mended later
	busy sync.Map       // what is being harmed, by name

	journal journal
	longest stretch // without an owner, whatever was done
	calm    stretch // without an owner, from when all was mended
}

// act is one way of doing harm. It returns at once; what has to be mended later is, in the background, also when ctx ends.
type act struct {
	name   string
	weight int
	do     func(ctx context.Context) bool // false: there was nothing to do it to
}

func (v *violence) acts() []act {
	all := v.everything()
	if v.only != "" {
		all = slices.DeleteFunc(all, func(a act) bool { return a.name != v.only })
	}
	return all
}

// Names of acts that planted faults are looked for with.
const (
	daemonKilled = "daemon killed"
	daemonEnded  = "daemon ended (SIGTERM)"
	frozenLong   = "daemon frozen past its lease"
	telegramLate = "Telegram delayed"
	natsLate     = "NATS delayed past the lease"
)

func (v *violence) everything() []act {
	return []act{
		{daemonKilled, 14, func(ctx context.Context) bool { return v.kill(ctx, v.daemon(), v.short()) }},
		{"daemon frozen", 8, func(ctx context.Context) bool { return v.freeze(ctx, v.daemon(), v.short()) }},
		{frozenLong, 3, func(ctx context.Context) bool {
			return v.freeze(ctx, v.daemon(), between(v.r, 11*time.Second, 15*time.Second))
		}},
		{daemonEnded, 8, func(ctx context.Context) bool { return v.term(ctx, v.daemon(), v.short()) }},
		{"nats-server killed", 10, func(ctx context.Context) bool { return v.kill(ctx, v.server(), v.short()) }},
		{"nats-server frozen", 5, func(ctx context.Context) bool { return v.freeze(ctx, v.server(), 3*v.short()) }},
		{"Telegram cut", 14, func(context.Context) bool { return v.cut(v.telegram()) }},
		{"Telegram refused", 5, func(ctx context.Context) bool { return v.hurt(ctx, v.telegram(), 2*v.short(), cableRefuses) }},
		{telegramLate, 8, func(ctx context.Context) bool { return v.hurt(ctx, v.telegram(), 2*v.short(), cableDelays) }},
		{"NATS cut", 14, func(context.Context) bool { return v.cut(v.nats()) }},
		{"NATS refused", 5, func(ctx context.Context) bool { return v.hurt(ctx, v.nats(), 2*v.short(), cableRefuses) }},
		{"NATS delayed", 8, func(ctx context.Context) bool { return v.hurt(ctx, v.nats(), 2*v.short(), cableDelays) }},
		{natsLate, 3, func(ctx context.Context) bool {
			return v.late(ctx, v.nats(), between(v.r, 14*time.Second, 18*time.Second))
		}},
		{"one write lost", 12, func(context.Context) bool {
			return v.lose(v.nats(), writes[v.r.IntN(len(writes))], v.r.IntN(2) == 0)
		}},
		{"bucket deleted", 2, func(ctx context.Context) bool { return v.deleteBucket(ctx, buckets[v.r.IntN(len(buckets))]) }},
		{"salts renewed", 3, func(context.Context) bool { v.rig.telegram.NewSalts(); return true }},
		{"sessions forgotten", 2, func(context.Context) bool {
			v.rig.telegram.ForgetSessions()
			v.rig.traffic.forgotten()
			return true
		}},
	}
}

// writes are what a daemon writes, each by the text that only its message holds; buckets are those that can be lost at any time: what
// was in them some daemon has in memory, or it is found anew. Sessions and the stream itself are in TestStorageLost.
var (
	writes = []string{
		"$KV.TG_LEASES.member.", "$KV.TG_ACCOUNTS.", "$KV.TG_SESSIONS.", "$KV.TG_POSITIONS.", "tg.own.", "tg.upd.", "tg.evt.",
	}
	buckets = []string{"TG_EVENTS", "KV_TG_LEASES", "KV_TG_ACCOUNTS"}
)

// deleteBucket deletes one, and waits until it is there again.
func (v *violence) deleteBucket(ctx context.Context, name string) bool {
	if _, taken := v.busy.LoadOrStore("bucket", true); taken {
		return false
	}
	brief, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if v.rig.js.DeleteStream(brief, name) != nil {
		v.busy.Delete("bucket")
		return false
	}
	end := v.journal.begin(name + " deleted")
	v.work.Go(func() {
		defer v.busy.Delete("bucket")
		defer end()
		for ctx.Err() == nil {
			once, cancel := context.WithTimeout(ctx, time.Second)
			_, err := v.rig.js.Stream(once, name)
			cancel()
			if err == nil {
				return
			}
			pause(ctx, 200*time.Millisecond)
		}
	})
	return true
}

func (v *violence) short() time.Duration { return between(v.r, 50*time.Millisecond, 2*time.Second) }

func (v *violence) daemon() *process { return v.victim().process }
func (v *violence) telegram() *relay { return v.victim().telegram }
func (v *violence) server() *process { return v.rig.servers[v.r.IntN(len(v.rig.servers))].process }

// victim is more often a daemon that runs an account than one that waits for one: only those have anything to lose.
func (v *violence) victim() *daemon {
	first, any := v.r.IntN(len(v.rig.daemons)), v.r.IntN(10) < 3
	for i := range v.rig.daemons {
		if d := v.rig.daemons[(first+i)%len(v.rig.daemons)]; any || d.telegram.busy() {
			return d
		}
	}
	return v.rig.daemons[first]
}

func (v *violence) nats() *relay {
	d := v.victim()
	first := v.r.IntN(len(d.nats))
	for i := range d.nats {
		if r := d.nats[(first+i)%len(d.nats)]; r.busy() {
			return r
		}
	}
	return d.nats[first]
}

// run does harm until ctx ends, in waves: after each all is mended, and calm is called.
func (v *violence) run(ctx context.Context, lo, hi time.Duration, calm func()) {
	for ctx.Err() == nil {
		over := time.Now().Add(wave)
		for ctx.Err() == nil && time.Now().Before(over) {
			v.act(ctx)
			pause(ctx, between(v.r, lo, hi))
		}
		v.work.Wait()
		calm()
	}
}

// wave is how long harm is done at a stretch.
const wave = 50 * time.Second

// act does one harm.
func (v *violence) act(ctx context.Context) {
	acts, total := v.acts(), 0
	for _, a := range acts {
		total += a.weight
	}
	n := v.r.IntN(total)
	for _, a := range acts {
		if n -= a.weight; n < 0 {
			if a.do(ctx) {
				v.count(a.name)
			}
			return
		}
	}
}

func (v *violence) count(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done[name]++
}

// hold takes a process for harm that lasts, and writes down what is done to it. Of the nats-servers only one is harmed at a time: a cluster of three bears no more.
func (v *violence) hold(p *process, what string) (release func(), ok bool) {
	key := p.name
	if strings.HasPrefix(key, "nats") {
		key = "nats"
	}
	if _, taken := v.busy.LoadOrStore(key, true); taken {
		return nil, false
	}
	if !p.up() {
		v.busy.Delete(key)
		return nil, false
	}
	end := v.journal.begin(p.name + " " + what)
	return func() { end(); v.busy.Delete(key) }, true
}

func (v *violence) kill(ctx context.Context, p *process, d time.Duration) bool {
	release, ok := v.hold(p, "killed")
	if !ok {
		return false
	}
	v.work.Go(func() {
		defer release()
		p.kill()
		pause(ctx, d)
		_ = p.start()
		v.rig.settle(ctx, p)
	})
	return true
}

func (v *violence) term(ctx context.Context, p *process, d time.Duration) bool {
	release, ok := v.hold(p, "ended")
	if !ok {
		return false
	}
	v.work.Go(func() {
		defer release()
		p.term(30 * time.Second)
		pause(ctx, d)
		_ = p.start()
	})
	return true
}

func (v *violence) freeze(ctx context.Context, p *process, d time.Duration) bool {
	release, ok := v.hold(p, "frozen")
	if !ok {
		return false
	}
	v.work.Go(func() {
		defer release()
		p.signal(syscall.SIGSTOP)
		pause(ctx, d)
		p.signal(syscall.SIGCONT)
		v.rig.settle(ctx, p)
	})
	return true
}

// Ways of harming a cable.
const (
	cableRefuses = "refused"
	cableDelays  = "delayed"
)

func (v *violence) hurt(ctx context.Context, r *relay, d time.Duration, how string) bool {
	end := v.journal.begin(r.name + " " + how)
	v.work.Go(func() {
		defer end()
		if how == cableRefuses {
			r.refuse()
		} else {
			r.freeze()
		}
		pause(ctx, d)
		r.mend()
	})
	return true
}

func (v *violence) cut(r *relay) bool {
	defer v.journal.begin(r.name + " cut")()
	r.cut()
	return true
}

func (v *violence) lose(r *relay, text string, answer bool) bool {
	what := " loses "
	if answer {
		what = " loses the answer to "
	}
	defer v.journal.begin(r.name + what + text)()
	r.lose(text, answer)
	return true
}

// late holds back what a daemon says until another has taken its accounts: only one daemon at a time, or there would be none.
func (v *violence) late(ctx context.Context, r *relay, d time.Duration) bool {
	if _, taken := v.busy.LoadOrStore(natsLate, true); taken {
		return false
	}
	v.hurt(ctx, r, d, cableDelays)
	v.work.Go(func() {
		defer v.busy.Delete(natsLate)
		pause(ctx, d)
	})
	return true
}

// pause waits, but not past ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (v *violence) String() string {
	var all []string
	for _, a := range v.acts() {
		all = append(all, fmt.Sprintf("%s %d", a.name, v.done[a.name]))
	}
	return strings.Join(all, ", ")
}
