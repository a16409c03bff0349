package torture

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// journal is what was done, to what, and for how long, so that the report can say what fell into a time.
type journal struct {
	mu  sync.Mutex
	all []*deed
}

type deed struct {
	what     string
	from, to time.Time // to is zero while it lasts
}

// begin notes a deed that lasts until end is called.
func (j *journal) begin(what string) (end func()) {
	d := &deed{what: what, from: time.Now()}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, d)
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		d.to = time.Now()
	}
}

// within lists what was done between two times, each with when it began and how long it lasted, one to a line.
func (j *journal) within(s stretch) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, d := range j.all {
		if d.from.After(s.to) || !d.to.IsZero() && d.to.Before(s.from) {
			continue
		}
		lasted := "on"
		if !d.to.IsZero() {
			lasted = d.to.Sub(d.from).Round(time.Millisecond).String()
		}
		fmt.Fprintf(&b, "\n\t%s %+.1f s %s, %s", d.from.UTC().Format("15:04:05.000"), d.from.Sub(s.from).Seconds(), d.what, lasted)
	}
	return b.String()
}

// stretch is a time that an account was without an owner.
type stretch struct {
	account  string
	from, to time.Time
}

func (s stretch) length() time.Duration { return s.to.Sub(s.from) }

// before is the stretch with some time ahead of it.
func (s stretch) before(d time.Duration) stretch { return stretch{s.account, s.from.Add(-d), s.to} }

// String says whose it is, from when and how long.
func (s stretch) String() string {
	return fmt.Sprintf("%s for %v from %s", s.account, s.length().Round(100*time.Millisecond), s.from.UTC().Format("15:04:05.000"))
}
