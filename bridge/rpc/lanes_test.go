package rpc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
)

// model drives a pool with jobs that end, wait and find out about names at random, and holds against each other what came
// and what took its turn.
type model struct {
	t     *testing.T
	seed  uint64
	r     *rand.Rand
	p     *pool
	mu    sync.Mutex
	known map[string]chat // whose names are
	came  map[chat][]*job // by what they name their chat, in the order in which they came
	count atomic.Int64
	told  map[*job]bool // was answered without having begun
	done  map[*job]bool
}

// Next counts the turns of all lanes.
func (m *model) Next() Turn { return modelTurn(m.count.Add(1)) }

type modelTurn int64

func (modelTurn) Invoke(context.Context, []byte) ([]byte, error) { return nil, nil }
func (modelTurn) Leave()                                         {}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 1)), known: map[string]chat{}, came: map[chat][]*job{}, told: map[*job]bool{}, done: map[*job]bool{}}
	work := 1 + m.r.IntN(12)
	l := limits{work: work, begun: work * (1 + m.r.IntN(4)), queue: 1 + m.r.IntN(60), bytes: int64(200 + m.r.IntN(9000))}
	m.p = newPool(l, NewBudget(l.bytes+int64(m.r.IntN(100))), nil)
	m.p.sequence = func() Sequence { return m }
	m.p.whose = func(name string) chat {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.known[name]
	}
	m.p.deadline = func(j *job) time.Time { return j.at.Add(time.Duration(j.Size()) * 50 * time.Millisecond) }
	m.p.refuse = func(j *job, _ *Fault) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told[j] = true
	}
	return m
}

// work is what becomes of a job that has begun.
func (m *model) work(j *job, lookup, wait, call time.Duration, fails bool) {
	name := j.chat.name
	if j.lane.chat.kind == aName {
		resume := m.p.park(j, forLookup, nil)
		time.Sleep(lookup)
		resume()
		if fails {
			m.end(j)
			return
		}
		m.mu.Lock()
		m.known[name] = chatOfName(name)
		m.mu.Unlock()
		time.Sleep(call) // others hear of it before the job goes on
		m.p.settle(j, chatOfName(name))
	}
	giveBack := m.p.lend(j)
	time.Sleep(call)
	giveBack()
	if wait > 0 {
		resume := m.p.park(j, forFlood, &flood{until: time.Now().Add(wait)})
		time.Sleep(wait)
		resume()
	}
	time.Sleep(call)
	m.end(j)
}

func (m *model) end(j *job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done[j] = true
}

// chatOfName: two names lead to each chat.
func chatOfName(name string) chat { return chat{kind: aUser, id: int64(len(name) / 2)} }

// However callers come and go, and whatever becomes of single jobs: no bound is passed, jobs that name one chat alike take their turns
// in the order in which they came, what was taken is answered, nothing that may begin waits, and nothing stays counted.
func TestLanesModel(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { newModel(t, seed).run(300) })
	}
}

func (m *model) run(jobs int) {
	type script struct {
		lookup, flood, call time.Duration
		fails               bool
	}
	scripts := map[*job]script{}
	var all, taken []*job
	m.p.do = func(j *job) {
		m.mu.Lock()
		s := scripts[j]
		m.mu.Unlock()
		m.work(j, s.lookup, s.flood, s.call, s.fails)
	}
	ms := func(n int) time.Duration { return time.Duration(m.r.IntN(n)) * time.Millisecond }
	for range jobs {
		q, _ := (&answer.Answers{}).Take(&nats.Msg{Subject: "tg.rpc.main.a.b", Data: make([]byte, 1+m.r.IntN(120))})
		j := &job{Request: q, at: time.Now(), m: &method{name: fmt.Sprint("method", m.r.IntN(4))}}
		switch m.r.IntN(4) {
		case 0:
		case 1:
			j.chat = chat{kind: aName, name: "abcdefghij"[:2+m.r.IntN(8)]}
		default:
			j.chat = chat{kind: aUser, id: int64(1 + m.r.IntN(5))}
		}
		s := script{lookup: ms(300), call: ms(20), fails: m.r.IntN(4) == 0}
		if m.r.IntN(8) == 0 {
			s.flood = 1 + ms(2000)
		}
		m.mu.Lock()
		scripts[j] = s
		m.mu.Unlock()
		all = append(all, j)
		named := j.chat
		if m.p.submit(fmt.Sprint("caller", m.r.IntN(5)), j) == nil {
			taken = append(taken, j)
			m.came[named] = append(m.came[named], j)
		}
		if m.r.IntN(10) == 0 { // names are known for a while
			m.mu.Lock()
			clear(m.known)
			m.mu.Unlock()
		}
		m.check()
		if m.r.IntN(3) == 0 {
			time.Sleep(ms(30))
			m.check()
		}
	}
	m.p.close(context.Background(), func() {})
	m.check()
	m.checkEnd(taken)
}

func (m *model) checkEnd(taken []*job) {
	m.t.Helper()
	for _, j := range taken {
		if m.done[j] == m.told[j] {
			m.t.Fatalf("seed %d: job %d done %v, told %v", m.seed, j.ticket, m.done[j], m.told[j])
		}
	}
	p := m.p
	time.Sleep(2 * sweepEvery)
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.load.none() || p.working != 0 || p.bytes != 0 || p.budget.Used() != 0 || len(p.lanes)+len(p.callers)+len(p.turns) != 0 || p.sweeper != nil {
		m.t.Fatalf("seed %d: left are %+v, %d bytes, %d of the budget, lanes %d, callers %d, turns %d", m.seed, p.load, p.bytes, p.budget.Used(), len(p.lanes), len(p.callers), len(p.turns))
	}
	for named, jobs := range m.came {
		last := modelTurn(0)
		for _, j := range jobs {
			turn, ok := j.turn.(modelTurn)
			if ok && turn < last {
				m.t.Fatalf("seed %d: %+v: job %d took turn %d after %d", m.seed, named, j.ticket, turn, last)
			}
			last = max(last, turn)
		}
	}
}

// check holds the counts against what is there.
func (m *model) check() {
	m.t.Helper()
	p := m.p
	p.mu.Lock()
	defer p.mu.Unlock()
	var n load
	bytes := int64(0)
	for _, c := range p.callers {
		var of load
		for _, g := range c.groups {
			of.working, of.begun, of.waiting = of.working+g.working, of.begun+g.begun, of.waiting+g.waiting
		}
		if of != c.load {
			m.t.Fatalf("seed %d: %s has %+v, its methods %+v", m.seed, c.name, c.load, of)
		}
		n.working, n.begun, n.waiting, bytes = n.working+of.working, n.begun+of.begun, n.waiting+of.waiting, bytes+c.bytes
	}
	if n != p.load || bytes != p.bytes || n.working > p.limits.work || n.begun > p.limits.begun || n.waiting+n.begun > p.limits.queue+p.limits.begun || p.bytes > p.limits.bytes {
		m.t.Fatalf("seed %d: %+v and %d bytes, counted as %+v and %d; bounds %+v", m.seed, n, bytes, p.load, p.bytes, p.limits)
	}
	waiting := 0
	p.lanesLocked(func(l *lane) {
		for i, j := range l.waiting {
			waiting++
			if i > 0 && j.ticket < l.waiting[i-1].ticket {
				m.t.Fatalf("seed %d: %+v: %d waits behind %d", m.seed, l.chat, j.ticket, l.waiting[i-1].ticket)
			}
		}
		if len(l.waiting) > 0 && l.open() && p.mayBegin(l.waiting[0].group) {
			m.t.Fatalf("seed %d: %+v: %d of %d wait, and the first may begin: %+v", m.seed, l.chat, len(l.waiting), p.waiting, p.load)
		}
	})
	if waiting != p.waiting {
		m.t.Fatalf("seed %d: %d wait, counted as %d", m.seed, waiting, p.waiting)
	}
}
