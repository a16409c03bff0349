package answer

import "sync"

// Places are for requests that are at work at the same time: who fills those of one kind keeps nobody from another, so each kind has its own.
type Places struct {
	all  int // how many there are
	each int // of them for one of those among whom they are shared

	mu    sync.Mutex
	taken int
	of    map[string]int
}

// NewPlaces are so many places, of which each that has a name takes some at most.
func NewPlaces(all, each int) *Places {
	return &Places{all: all, each: each, of: map[string]int{}}
}

// Take takes a place for somebody, empty: for any of those who have no name; nil: there is none. Leave is to be called when the request is
// answered.
func (p *Places) Take(name string) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.all || name != "" && p.of[name] >= p.each {
		return nil
	}
	p.taken++
	p.of[name]++
	return func() { p.leave(name) }
}

func (p *Places) leave(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.of[name]--; p.of[name] == 0 {
		delete(p.of, name)
	}
}
