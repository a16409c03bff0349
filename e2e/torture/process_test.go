package torture

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a program that is started again whenever it ends, as a service manager would.
type process struct {
	name string
	path string
	args []string
	env  []string
	log  string // file

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the present cmd has ended; nil: none
	wanted  bool
	frozen  bool
	planned bool // its end was ours

	starts, kills, stops, terms, exits atomic.Int64
}

// start runs it. It does nothing when it runs already.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	return p.startLocked()
}

func (p *process) startLocked() error {
	if p.ended != nil {
		return nil
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	fmt.Fprintf(out, "=== %s started at %s\n", p.name, time.Now().Format("15:04:05.000"))
	c := exec.Command(p.path, p.args...)
	c.Env, c.Stdout, c.Stderr = p.env, out, out
	if err := c.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.starts.Add(1)
	ended := make(chan struct{})
	p.cmd, p.ended, p.frozen, p.planned = c, ended, false, false
	go func() {
		_ = c.Wait() // how it ended is in its log
		p.over(ended)
	}()
	return nil
}

// restartAfter is how long an end that nobody asked for is followed by nothing.
const restartAfter = 500 * time.Millisecond

func (p *process) over(ended chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = nil
	close(ended)
	if p.planned || !p.wanted {
		return
	}
	p.exits.Add(1)
	time.AfterFunc(restartAfter, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.wanted {
			_ = p.startLocked()
		}
	})
}

// signal sends one, if the process runs.
func (p *process) signal(s syscall.Signal) (ended chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		return nil
	}
	switch s {
	case syscall.SIGKILL:
		p.kills.Add(1)
		p.planned = true
	case syscall.SIGTERM:
		p.terms.Add(1)
		p.planned = true
	case syscall.SIGSTOP:
		p.stops.Add(1)
		p.frozen = true
	case syscall.SIGCONT:
		p.frozen = false
	}
	_ = p.cmd.Process.Signal(s) // it may have ended just now
	return p.ended
}

// kill ends it at once and waits until it is gone.
func (p *process) kill() {
	if ended := p.signal(syscall.SIGKILL); ended != nil {
		<-ended
	}
}

// term asks it to end, and does not wait longer than a service manager would.
func (p *process) term(limit time.Duration) {
	ended := p.signal(syscall.SIGTERM)
	if ended == nil {
		return
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-ended:
	case <-t.C:
		p.kill()
	}
}

// end is for good.
func (p *process) end() {
	p.mu.Lock()
	p.wanted = false
	p.mu.Unlock()
	p.signal(syscall.SIGCONT)
	p.kill()
}

// up reports whether it runs and is not frozen.
func (p *process) up() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended != nil && !p.frozen
}

// between draws a time.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.Int64N(int64(hi-lo)+1))
}
