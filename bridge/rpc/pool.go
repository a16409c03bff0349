package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/micro"
)

// job is a request taken from NATS.
type job struct {
	answer.Request
	endpoint *micro.Endpoint
	method   string
	at       time.Time
	out      Encoding // of the answer
	redacted string   // why the answer lacks something; empty: it does not
}

// pool works on jobs with a bounded number of goroutines, which exist only while there is work: an idle account costs none.
type pool struct {
	work       func(*job)
	max, queue int

	mu      sync.Mutex
	workers int
	waiting []job // from head on
	head    int
	idle    sync.WaitGroup
	holding bool
	kept    []job // while holding: for whoever serves the account next
}

func newPool(workers, queue int, work func(*job)) *pool {
	return &pool{work: work, max: workers, queue: queue}
}

// submit takes a job; false: the queue is full.
func (p *pool) submit(j job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holding {
		return p.keepLocked(j)
	}
	if p.workers < p.max {
		p.workers++
		p.idle.Add(1)
		go p.worker(j)
		return true
	}
	if len(p.waiting)-p.head >= p.queue {
		return false
	}
	p.waiting = append(p.waiting, j)
	return true
}

// worker does its job, and then others until none waits.
func (p *pool) worker(j job) {
	defer p.idle.Done()
	for ok := true; ok; j, ok = p.next() {
		p.work(&j)
	}
}

func (p *pool) next() (job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.head == len(p.waiting) {
		p.waiting, p.head = nil, 0
		p.workers--
		return job{}, false
	}
	j := p.waiting[p.head]
	p.waiting[p.head] = job{}
	if p.head++; p.head >= 1024 && p.head > len(p.waiting)/2 {
		p.waiting = append(p.waiting[:0:0], p.waiting[p.head:]...) // give back what is done
		p.head = 0
	}
	return j, true
}

// hold begins no more jobs: those that wait, and those that come, are kept.
func (p *pool) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding = true
	p.kept = append(p.kept, p.waiting[p.head:]...)
	p.waiting, p.head = nil, 0
}

// keep puts a job to those that are kept. False: nothing is kept, or too much.
func (p *pool) keep(j job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holding && p.keepLocked(j)
}

func (p *pool) keepLocked(j job) bool {
	if len(p.kept) >= p.queue+p.max {
		return false
	}
	p.kept = append(p.kept, j)
	return true
}

// takeKept gives what was kept. Nothing is any more.
func (p *pool) takeKept() []job {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.kept
	p.kept, p.queue, p.max = nil, 0, 0
	return all
}

// busy is how many jobs wait or are at work.
func (p *pool) busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.workers + len(p.waiting) - p.head
}

// close waits for the jobs that were taken, until ctx ends; then cancel is called, and it waits on.
func (p *pool) close(ctx context.Context, cancel func()) {
	done := make(chan struct{})
	go func() { p.idle.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		cancel()
		<-done
	}
}
