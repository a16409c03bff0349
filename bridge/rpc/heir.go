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
	sub   *nats.Subscription // by which it hears all; nil: there is nobody to wait for
	timer *time.Timer
	once  sync.Once

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

// awaitFormer has requests kept, if there is a former owner that still has some. To be called before requests are taken.
func (s *Service) awaitFormer() (err error) {
	if s.c.Behind == "" {
		return nil
	}
	h := &s.heir
	h.seed, h.heard = maphash.MakeSeed(), map[uint64][]int{}
	if h.sub, err = s.c.Answers.Subscribe(s.rpcPrefix+">", "", s.hear); err != nil {
		return err
	}
	s.pool.Await(func(j *turns.Job) int { return h.place(j.Work.(*job)) }) //nolint:errcheck // all work here is of jobs
	h.timer = time.AfterFunc(formerMost, s.catchUp)
	return nil
}

// hear notes the place of a request.
func (s *Service) hear(r answer.Request) {
	h := &s.heir
	_, method := s.route(r.Subject())
	if s.isEnd(&r, method) {
		s.heirEnds()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count++; h.count <= heardMost && r.Header().Get(subjects.HeaderPassed) != s.c.Behind { // what is passed on was heard before
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

func (s *Service) isEnd(r *answer.Request, method string) bool {
	return s.c.Behind != "" && method == methodPassed && r.Header().Get(subjects.HeaderPassed) == s.c.Behind
}

// passedOn notes which requests the former owner passes on. True: it is its last message, and no request.
func (s *Service) passedOn(j *job) bool {
	if s.isEnd(&j.Request, j.method) {
		s.heirEnds()
		return true
	}
	j.passed = s.c.Behind != "" && j.Header().Get(subjects.HeaderPassed) == s.c.Behind
	return false
}

// heirEnds counts the former owner's last message: it comes by both subscriptions, behind all that came before.
func (s *Service) heirEnds() {
	s.heir.mu.Lock()
	s.heir.ends++
	both := s.heir.ends == 2
	s.heir.mu.Unlock()
	if both {
		s.catchUp()
	}
}

// passEnd tells the next owner that it has everything.
func (s *Service) passEnd() {
	err := s.c.Answers.Conn().PublishMsg(&nats.Msg{
		Subject: s.c.Scheme.RPC(s.c.Account, methodPassed), Header: nats.Header{subjects.HeaderPassed: {s.ID()}}, Data: []byte("{}"),
	})
	if err != nil {
		s.c.Log.Warn("telling the next owner that it has all requests", "account", s.c.Account, "err", err)
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

// catchUp begins what was kept behind the former owner's requests.
func (s *Service) catchUp() {
	s.heir.stop()
	s.pool.Release()
}
