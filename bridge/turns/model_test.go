package turns

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// model drives a pool with jobs that end, wait and find out about names at random, and holds against each other what came
// and what took its turn.
type model struct {
	t     *testing.T
	seed  uint64
	r     *rand.Rand
	p     *Pool
	mu    sync.Mutex
	known map[string]Chat  // whose names are
	came  map[Chat][]*task // by what they name their chat, in the order in which they came
	count atomic.Int64
	told  map[*task]bool // was answered without having begun
	done  map[*task]bool
}

// task is work of the model's.
type task struct {
	Job
	m            *model
	room, method string
	size         int
	script
}

// script is how long what takes (0: it is not done), and whether the name turns out to be nobody's.
type script struct {
	lookup, upload, flood, call time.Duration
	fails                       bool
}

func (x *task) Do() { x.m.work(x) }

func (x *task) Refuse(*answer.Fault) {
	x.m.mu.Lock()
	defer x.m.mu.Unlock()
	x.m.told[x] = true
}

func (x *task) Deadline() time.Time { return x.At.Add(time.Duration(x.size) * 50 * time.Millisecond) }
func (x *task) Room() string        { return x.room }
func (x *task) Method() string      { return x.method }
func (x *task) Size() int           { return x.size }
func (x *task) IsInside() bool      { return false }

// Next counts the turns of all lanes.
func (m *model) Next() Turn { return modelTurn(m.count.Add(1)) }

type modelTurn int64

func (modelTurn) Invoke(context.Context, []byte) ([]byte, error) { return nil, nil }
func (modelTurn) Leave()                                         {}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 1)), known: map[string]Chat{}, came: map[Chat][]*task{}, told: map[*task]bool{}, done: map[*task]bool{}}
	work := 1 + m.r.IntN(12)
	l := Limits{Work: work, Begun: work * (1 + m.r.IntN(4)), Queue: 1 + m.r.IntN(60), Bytes: int64(200 + m.r.IntN(9000))}
	m.p = New(Config{Limits: l, Budget: NewBudget(l.Bytes + int64(m.r.IntN(100))), Sequence: func() Sequence { return m }, Whose: func(name string) Chat {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.known[name]
	}})
	return m
}

// work is what becomes of a job that has begun.
func (m *model) work(j *task) {
	name := j.Chat.Name
	if j.Unsettled() {
		resume := j.Park(ForLookup, nil)
		time.Sleep(j.lookup)
		resume()
		if j.fails {
			m.end(j)
			return
		}
		m.mu.Lock()
		m.known[name] = chatOfName(name)
		m.mu.Unlock()
		time.Sleep(j.call) // others hear of it before the job goes on
		j.Settle(chatOfName(name))
	}
	if j.upload > 0 {
		resume := j.Park(ForUpload, nil)
		time.Sleep(j.upload)
		resume()
	}
	giveBack := j.Lend()
	time.Sleep(j.call)
	giveBack()
	if j.flood > 0 {
		resume := j.Park(ForFlood, &Flood{Until: time.Now().Add(j.flood)})
		time.Sleep(j.flood)
		resume()
	}
	time.Sleep(j.call)
	m.end(j)
}

func (m *model) end(j *task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done[j] = true
}

// chatOfName: two names lead to each chat.
func chatOfName(name string) Chat { return Chat{Kind: 'u', ID: int64(len(name) / 2)} }

// However callers come and go, and whatever becomes of single jobs: no bound is passed, jobs that name one chat alike take their turns
// in the order in which they came, what was taken is answered, nothing that may begin waits, and nothing stays counted.
func TestLanesModel(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { newModel(t, seed).run(300) })
	}
}

func (m *model) run(jobs int) {
	var taken []*task
	ms := func(n int) time.Duration { return time.Duration(m.r.IntN(n)) * time.Millisecond }
	for range jobs {
		j := &task{m: m, room: fmt.Sprint("caller", m.r.IntN(5)), method: fmt.Sprint("method", m.r.IntN(4)), size: 16 + m.r.IntN(120)}
		j.Work, j.At = j, time.Now()
		switch m.r.IntN(4) {
		case 0:
		case 1:
			j.Chat = Chat{Kind: Name, Name: "abcdefghij"[:2+m.r.IntN(8)]}
		default:
			j.Chat = Chat{Kind: 'u', ID: int64(1 + m.r.IntN(5))}
		}
		j.script = script{lookup: ms(300), call: ms(20), fails: m.r.IntN(4) == 0}
		if m.r.IntN(8) == 0 {
			j.flood = 1 + ms(2000)
		}
		if m.r.IntN(6) == 0 {
			j.upload = 1 + ms(500)
		}
		named := j.Chat
		if m.p.Submit(&j.Job) == nil {
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
	m.p.Close(context.Background(), func() {})
	m.check()
	m.checkEnd(taken)
}

func (m *model) checkEnd(taken []*task) {
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
	if n != p.load || bytes != p.bytes || n.working > p.limits.Work || n.begun > p.limits.Begun || n.waiting+n.begun > p.limits.Queue+p.limits.Begun || p.bytes > p.limits.Bytes {
		m.t.Fatalf("seed %d: %+v and %d bytes, counted as %+v and %d; bounds %+v", m.seed, n, bytes, p.load, p.bytes, p.limits)
	}
	waiting := 0
	p.each(func(l *lane) {
		for i, j := range l.waiting {
			waiting++
			if i > 0 && j.ticket < l.waiting[i-1].ticket {
				m.t.Fatalf("seed %d: %+v: %d waits behind %d", m.seed, l.chat, j.ticket, l.waiting[i-1].ticket)
			}
		}
		if len(l.waiting) > 0 && l.isOpen() && p.mayBegin(l.waiting[0].group) {
			m.t.Fatalf("seed %d: %+v: %d of %d wait, and the first may begin: %+v", m.seed, l.chat, len(l.waiting), p.waiting, p.load)
		}
	})
	if waiting != p.waiting {
		m.t.Fatalf("seed %d: %d wait, counted as %d", m.seed, waiting, p.waiting)
	}
}
