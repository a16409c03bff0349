package turns

import "sync/atomic"

// Budget bounds the bytes of requests of all accounts of a daemon together. No account takes all of it.
type Budget struct {
	most int64
	used atomic.Int64
}

// NewBudget bounds them to so many bytes.
func NewBudget(most int64) *Budget { return &Budget{most: most} }

// reserve takes n bytes for an account that has some already. A nil budget has no end.
func (b *Budget) reserve(has, n int64) bool {
	if b == nil {
		return true
	}
	free := b.most - b.used.Add(n)
	if free < 0 || has > 0 && !fits(has+n, free) {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *Budget) release(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}

// Used is how many bytes are taken now.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// fits reports whether somebody may have this much while that much is left free: up to three quarters of all when alone, three
// quarters of the rest for the next, and so on. This is the dynamic threshold of switches with shared buffers (Choudhury and
// Hahne, 1998).
func fits[N int | int64](has, free N) bool { return free >= 0 && has <= 3*free }

// most reports whether one more of something fits: within all there is, for a caller, and for one of its groups within what the
// caller may have.
func most(limit, all, ofCaller, ofGroup int) bool {
	free := limit - all
	switch {
	case free <= 0:
		return false
	case ofCaller == 0:
		return true
	}
	more := (3*free - ofCaller) / 4 // that the caller may have, so that it still fits
	return more > 0 && (ofGroup == 0 || fits(ofGroup+1, more-1))
}
