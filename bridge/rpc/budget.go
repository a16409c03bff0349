package rpc

import "sync/atomic"

// Budget bounds the bytes of requests of all accounts of a daemon together. No account takes all of it.
type Budget struct {
	most int64
	used atomic.Int64
}

// NewBudget bounds them to so many bytes.
func NewBudget(most int64) *Budget { return &Budget{most: most} }

// take takes n bytes for an account that has some already. A nil budget has no end.
func (b *Budget) take(has, n int64) bool {
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
