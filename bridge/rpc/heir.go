package rpc

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/subjects"
)

// heir is what the next owner does until it has the requests of the former one. Beside its share of the requests it hears all of
// them, and notes in which order they come: what the former owner got meanwhile, and passes on, finds its place by that.
type heir struct {
	answers *answer.Answers
	routes  *routes
	former  string             // the former owner; empty: there is none that has requests
	sub     *nats.Subscription // by which it hears all; nil: there is nobody to wait for
	pool    *turns.Pool        // which keeps requests meanwhile; nil: there is nobody to wait for
	timer   *time.Timer
	once    sync.Once

	gate  sync.Mutex // held while something that was passed on goes to what is kept
	begun bool       // under gate: what was kept is being made, and what the former owner passes on now comes too late

	mu    sync.Mutex
	seed  maphash.Seed
	heard map[uint64][]int // by what it is: its places; alike requests have several
	count int
	ends  int // how often the former owner's last message has come: by each of the two subscriptions
}

const (
	// formerMost is how long the former owner's requests are awaited. It passes them on as soon as it hears of the next owner.
	formerMost = 2 * time.Second
	// heardMost is how many requests are noted. Those after them are made in the order in which they come here.
	heardMost = 1 << 16
)

// methodPassed stands in the place of a method's name in the last message of the former owner.
const methodPassed = "passed"

func newHeir(c *Config, r *routes) *heir {
	return &heir{answers: c.Answers, routes: r, former: c.Behind, seed: maphash.MakeSeed(), heard: map[uint64][]int{}}
}

// await has requests kept, if there is a former owner that still has some. To be called before requests are taken.
func (h *heir) await(pool *turns.Pool) (err error) {
	if h.former == "" {
		return nil
	}
	if h.sub, err = h.answers.Subscribe(h.routes.rpcPrefix+">", "", h.hear); err != nil {
		return err
	}
	h.pool = pool
	pool.Await(func(j *turns.Job) int { return h.place(j.Work.(*job)) }) //nolint:errcheck // all work here is of jobs
	h.timer = time.AfterFunc(formerMost, h.catchUp)
	return nil
}

// hear notes the place of a request.
func (h *heir) hear(r answer.Request) {
	_, method := h.routes.of(r.Subject())
	if h.isEnd(&r, method) {
		h.ended()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count++; h.count <= heardMost && !h.isPassed(&r) { // what is passed on was heard before
		p := r.Print(h.seed)
		h.heard[p] = append(h.heard[p], h.count)
	}
}

// place is where a request stands among those that were heard: the former owner's from before that come first.
func (h *heir) place(j *job) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := j.Print(h.seed)
	if at := h.heard[p]; len(at) > 0 {
		h.heard[p] = at[1:]
		return at[0]
	}
	if j.passed {
		return 0
	}
	return math.MaxInt
}

// isPassed reports whether the former owner passed something on.
func (h *heir) isPassed(r *answer.Request) bool {
	return h.former != "" && r.Header().Get(subjects.HeaderPassed) == h.former
}

func (h *heir) isEnd(r *answer.Request, method string) bool {
	return method == methodPassed && h.isPassed(r)
}

// passedOn notes which requests the former owner passes on. True: it is its last message, and no request.
func (h *heir) passedOn(j *job) bool {
	if h.isEnd(&j.Request, j.method) {
		h.ended()
		return true
	}
	j.passed = h.isPassed(&j.Request)
	return false
}

// admit tells whether a request that was passed on comes too late. Until done is called, what is kept is not begun, so that one in time is
// among it.
func (h *heir) admit(j *job) (done func()) {
	if j.Header().Get(subjects.HeaderPassed) == "" {
		return func() {}
	}
	h.gate.Lock()
	j.late = h.begun || !j.passed
	return h.gate.Unlock
}

// behindOthers is what a request is told that has lost its place: the former owner has passed it on when calls that came after it were
// being made. It was not sent, and whoever sent it knows best whether it is to be made behind them.
func behindOthers() *Fault {
	return answer.Later("the account has passed to another daemon, which may have made calls to this chat that came after this one")
}

// ended counts the former owner's last message: it comes by both subscriptions, behind all that came before.
func (h *heir) ended() {
	h.mu.Lock()
	h.ends++
	both := h.ends == 2
	h.mu.Unlock()
	if both {
		h.catchUp()
	}
}

// catchUp begins what was kept behind the former owner's requests.
func (h *heir) catchUp() {
	h.gate.Lock()
	h.begun = true
	h.gate.Unlock()
	if h.stop(); h.pool != nil {
		h.pool.Release()
	}
}

// stop hears no more.
func (h *heir) stop() {
	h.once.Do(func() {
		if h.sub != nil {
			h.timer.Stop()
			_ = h.sub.Unsubscribe() // the connection may be closed
		}
	})
}
