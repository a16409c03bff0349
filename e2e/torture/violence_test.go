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

	without string        // the account that had no owner for longest
	longest time.Duration // and how long
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
		{"Telegram cut", 14, func(context.Context) bool { v.telegram().cut(); return true }},
		{"Telegram refused", 5, func(ctx context.Context) bool { return v.hurt(ctx, v.telegram(), 2*v.short(), (*relay).refuse) }},
		{telegramLate, 8, func(ctx context.Context) bool { return v.hurt(ctx, v.telegram(), 2*v.short(), (*relay).freeze) }},
		{"NATS cut", 14, func(context.Context) bool { v.nats().cut(); return true }},
		{"NATS refused", 5, func(ctx context.Context) bool { return v.hurt(ctx, v.nats(), 2*v.short(), (*relay).refuse) }},
		{"NATS delayed", 8, func(ctx context.Context) bool { return v.hurt(ctx, v.nats(), 2*v.short(), (*relay).freeze) }},
		{natsLate, 3, func(ctx context.Context) bool {
			return v.late(ctx, v.nats(), between(v.r, 14*time.Second, 18*time.Second))
		}},
		{"one write lost", 12, func(context.Context) bool {
			v.nats().lose(writes[v.r.IntN(len(writes))], v.r.IntN(2) == 0)
			return true
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
	v.work.Go(func() {
		defer v.busy.Delete("bucket")
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

// run does harm until ctx ends, and returns when all is mended.
func (v *violence) run(ctx context.Context, lo, hi time.Duration) {
	acts, total := v.acts(), 0
	for _, a := range acts {
		total += a.weight
	}
	for ctx.Err() == nil {
		n := v.r.IntN(total)
		for _, a := range acts {
			if n -= a.weight; n < 0 {
				if a.do(ctx) {
					v.count(a.name)
				}
				break
			}
		}
		pause(ctx, between(v.r, lo, hi))
	}
	v.work.Wait()
}

func (v *violence) count(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done[name]++
}

// hold takes a process for harm that lasts. Of the nats-servers only one is harmed at a time: a cluster of three bears no more.
func (v *violence) hold(p *process) (release func(), ok bool) {
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
	return func() { v.busy.Delete(key) }, true
}

func (v *violence) kill(ctx context.Context, p *process, d time.Duration) bool {
	release, ok := v.hold(p)
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
	release, ok := v.hold(p)
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
	release, ok := v.hold(p)
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

func (v *violence) hurt(ctx context.Context, r *relay, d time.Duration, how func(*relay)) bool {
	v.work.Go(func() {
		how(r)
		pause(ctx, d)
		r.mend()
	})
	return true
}

// late holds back what a daemon says until another has taken its accounts: only one daemon at a time, or there would be none.
func (v *violence) late(ctx context.Context, r *relay, d time.Duration) bool {
	if _, taken := v.busy.LoadOrStore(natsLate, true); taken {
		return false
	}
	v.work.Go(func() {
		defer v.busy.Delete(natsLate)
		r.freeze()
		pause(ctx, d)
		r.mend()
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
