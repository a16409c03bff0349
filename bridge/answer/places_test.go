package answer

import (
	"sync"
	"testing"
)

// One whose name is known leaves places to others; of those without a name there may be many.
func TestPlaces(t *testing.T) {
	p := NewPlaces(8, 6)
	var alice []func()
	for range 6 {
		alice = append(alice, p.Take("alice"))
	}
	if p.Take("alice") != nil {
		t.Error("one has all places")
	}
	one, two := p.Take(""), p.Take("")
	if one == nil || two == nil || p.Take("") != nil || p.Take("bob") != nil {
		t.Error("there are eight places")
	}
	one()
	alice[0]()
	if p.Take("bob") == nil || p.Take("alice") == nil || len(p.of) != 3 {
		t.Error(p.of)
	}
}

// Those without a name are not counted as one, and nothing is kept of whoever has left.
func TestPlacesOfManyAreLeft(t *testing.T) {
	p := NewPlaces(8, 2)
	var all []func()
	for range 8 {
		leave := p.Take("")
		if leave == nil {
			t.Fatalf("there were %d places", len(all))
		}
		all = append(all, leave)
	}
	for _, leave := range all {
		leave()
	}
	var asks sync.WaitGroup
	for i := range 8 {
		name := string(rune('a' + i%4))
		asks.Go(func() {
			for range 1000 {
				leave := p.Take(name)
				if leave == nil {
					t.Error("there are places for all")
					return
				}
				leave()
			}
		})
	}
	asks.Wait()
	if p.taken != 0 || len(p.of) != 0 {
		t.Errorf("%d are taken, %v", p.taken, p.of)
	}
}
