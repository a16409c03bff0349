package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress is a line on a terminal that says how far something is: a file, or a job. Where nobody looks it says nothing.
type progress struct {
	out   io.Writer // nil: nobody looks
	what  string
	size  int64 // less than 0: not known
	begun time.Time
	told  func() string // what stands behind the bar in place of bytes; nil: these

	mu    sync.Mutex
	from  int64 // that were there when it began
	done  int64
	shown time.Time
	marks []mark // the last of them; the first is what the speed is counted from, once it is speedOver old
}

// mark is how far something was at a time.
type mark struct {
	at   time.Time
	done int64
}

const (
	progressEvery = 200 * time.Millisecond // so often the line is written
	speedOver     = 5 * time.Second        // so long ago the speed begins: what was fast at first may be slow from then on
)

// newProgress begins a line on out, if that is a terminal.
func newProgress(out io.Writer, what string, size, from int64) *progress {
	p := &progress{what: what, size: size, from: from, done: from, begun: time.Now()}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.out = out
	}
	return p
}

// Write counts what passes.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.done + int64(len(b)))
	return len(b), nil
}

// at says how far it is.
func (p *progress) at(done int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(done)
}

func (p *progress) set(done int64) {
	now := time.Now()
	p.note(now, done)
	if p.out != nil && now.Sub(p.shown) >= progressEvery {
		p.shown = now
		fmt.Fprintf(p.out, "\r\x1b[K%s", p.line(now))
	}
}

// note keeps how far it is.
func (p *progress) note(now time.Time, done int64) {
	p.done = done
	if len(p.marks) == 0 {
		p.marks = []mark{{p.begun, p.from}}
	}
	if last := p.marks[len(p.marks)-1]; done != last.done && now.Sub(last.at) >= progressEvery {
		p.marks = append(p.marks, mark{now, done})
	}
	for len(p.marks) > 1 && p.marks[1].done < done && now.Sub(p.marks[1].at) >= speedOver {
		p.marks = p.marks[1:]
	}
}

// speed is by how much it goes on in a second: of the last seconds, or for as long as nothing has come.
func (p *progress) speed(now time.Time) float64 {
	since := mark{p.begun, p.from}
	if len(p.marks) > 0 {
		since = p.marks[0]
	}
	took := now.Sub(since.at).Seconds()
	if took <= 0 || p.done < since.done {
		return 0
	}
	return float64(p.done-since.done) / took
}

// end takes the line away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil && !p.shown.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

const barWidth = 20

// line is what is shown: the bar, how far it is, how fast, and how long it may take.
func (p *progress) line(now time.Time) string {
	what := printable(p.what)
	if r := []rune(what); len(r) > 30 {
		what = string(r[:29]) + "…"
	}
	speed := p.speed(now)
	rate := size(int64(speed)) + "/s"
	if p.size <= 0 {
		return fmt.Sprintf("%s  %s  %s", what, size(p.done), rate)
	}
	full := int(min(p.done, p.size) * barWidth / p.size)
	bar := fmt.Sprintf("%s  [%s%s] %3d %%  ", what, strings.Repeat("#", full), strings.Repeat("-", barWidth-full), min(p.done, p.size)*100/p.size)
	left := ""
	if speed > 0 && p.done < p.size {
		left = "  " + time.Duration(float64(p.size-p.done)/speed*float64(time.Second)).Round(time.Second).String()
	}
	if p.told != nil {
		return bar + p.told() + left
	}
	return fmt.Sprintf("%s%s of %s  %s%s", bar, size(p.done), size(p.size), rate, left)
}
