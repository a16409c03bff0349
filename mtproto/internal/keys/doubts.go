package keys

import "time"

const (
	doubtsMost = 3           // denials of a permanent key that are believed (A11)
	young      = time.Minute // a younger key is never given up: the data centre may not know it everywhere yet (A11)
)

// Doubts counts the signs that a data centre does not know our permanent key (A11, B24).
type Doubts struct {
	times  int // in a row
	verify bool
}

// Deny notes a sign, and returns how many there were in a row.
//
// A single denial without a temporary key may come from anybody. TDLib too goes on with a temporary key then, whose binding tells
// whether the permanent one is known.
func (d *Doubts) Deny() int {
	d.times++
	d.verify = d.verify || d.times > 1
	return d.times
}

// Believed reports whether a key of a certain age is to be given up.
func (d *Doubts) Believed(age time.Duration) bool { return d.times >= doubtsMost && age >= young }

// Verify reports whether to use temporary keys, so that the permanent one is verified.
func (d *Doubts) Verify() bool { return d.verify }

// Known notes that the data centre has proved to know the key, or that the key was given up.
func (d *Doubts) Known() { d.times = 0 }
