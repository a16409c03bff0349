package answer

import "testing"

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
