package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// job is a request taken from NATS.
type job struct {
	msg      *nats.Msg
	endpoint *endpoint
	method   string
	at       time.Time
	out      Encoding // of the answer
}

// pool works on jobs with a bounded number of goroutines, which exist only while there is work.
type pool struct {
	work func(*job)
	jobs chan job
	max  int

	mu      sync.Mutex
	workers int
	pending int // waiting or at work
	idle    sync.WaitGroup
}

func newPool(workers, queue int, work func(*job)) *pool {
	return &pool{work: work, jobs: make(chan job, queue+workers), max: workers}
}

// submit takes a job; false: the queue is full.
func (p *pool) submit(j job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending >= cap(p.jobs) {
		return false
	}
	p.pending++
	p.jobs <- j // no more than pending lie there, so there is room
	if p.workers < p.max {
		p.workers++
		p.idle.Add(1)
		go p.worker()
	}
	return true
}

// worker takes jobs until there are none.
func (p *pool) worker() {
	defer p.idle.Done()
	for {
		select {
		case j := <-p.jobs:
			p.work(&j)
			p.mu.Lock()
			p.pending--
			p.mu.Unlock()
		default:
			if p.leave() {
				return
			}
		}
	}
}

// leave counts a worker out, unless a job came in the meantime: submit counts on the workers it sees.
func (p *pool) leave() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.jobs) > 0 {
		return false
	}
	p.workers--
	return true
}

func (p *pool) busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending
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
