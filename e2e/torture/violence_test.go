package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"
)

// violence does harm by a seed.
type violence struct {
	r    *rand.Rand
	rig  *rig
	mu   sync.Mutex
	done map[string]int
	work sync.WaitGroup // harm that has to be mended later
	busy sync.Map       // what is being harmed: *process
}

// act is one way of doing harm. It returns at once; what has to be mended later is, in the background, also when ctx ends.
type act struct {
	name   string
	weight int
	do     func(ctx context.Context) bool // false: there was nothing to do it to
}

func (v *violence) acts() []act {
	short := func(ctx context.Context) time.Duration { return between(v.r, 50*time.Millisecond, 2*time.Second) }
	return []act{
		{"daemon killed", 14, func(ctx context.Context) bool { return v.kill(ctx, v.daemon(), short(ctx)) }},
		{"daemon frozen", 8, func(ctx context.Context) bool { return v.freeze(ctx, v.daemon(), short(ctx)) }},
		{"daemon frozen past its lease", 3, func(ctx context.Context) bool {
			return v.freeze(ctx, v.daemon(), between(v.r, 11*time.Second, 15*time.Second))
		}},
		{"daemon ended (SIGTERM)", 8, func(ctx context.Context) bool { return v.term(ctx, v.daemon(), short(ctx)) }},
		{"nats-server killed", 10, func(ctx context.Context) bool { return v.kill(ctx, v.server(), short(ctx)) }},
		{"nats-server frozen", 5, func(ctx context.Context) bool { return v.freeze(ctx, v.server(), short(ctx)) }},
		{"Telegram cut", 14, func(context.Context) bool { v.telegram().cut(); return true }},
		{"Telegram refused", 5, func(ctx context.Context) bool { return v.hurt(ctx, v.telegram(), (*relay).refuse) }},
		{"Telegram delayed", 8, func(ctx context.Context) bool { return v.hurt(ctx, v.telegram(), (*relay).freeze) }},
		{"NATS cut", 14, func(context.Context) bool { v.nats().cut(); return true }},
		{"NATS refused", 5, func(ctx context.Context) bool { return v.hurt(ctx, v.nats(), (*relay).refuse) }},
		{"NATS delayed", 8, func(ctx context.Context) bool { return v.hurt(ctx, v.nats(), (*relay).freeze) }},
		{"salts renewed", 3, func(context.Context) bool { v.rig.telegram.NewSalts(); return true }},
		{"sessions forgotten", 2, func(context.Context) bool {
			v.rig.telegram.ForgetSessions()
			v.rig.traffic.forgotten()
			return true
		}},
	}
}

func (v *violence) daemon() *process { return v.rig.daemons[v.r.IntN(len(v.rig.daemons))].process }
func (v *violence) server() *process { return v.rig.servers[v.r.IntN(len(v.rig.servers))].process }
func (v *violence) telegram() *relay { return v.rig.daemons[v.r.IntN(len(v.rig.daemons))].telegram }
func (v *violence) nats() *relay {
	d := v.rig.daemons[v.r.IntN(len(v.rig.daemons))]
	return d.nats[v.r.IntN(len(d.nats))]
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

func (v *violence) hurt(ctx context.Context, r *relay, how func(*relay)) bool {
	d := between(v.r, 50*time.Millisecond, 3*time.Second)
	v.work.Go(func() {
		how(r)
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
