package room

import (
	"math/rand/v2"
	"testing"
)

// What one account does not need another may have, and nobody is kept from his part of the half.
func TestShares(t *testing.T) {
	b := NewBudget(1000)
	woken := 0
	one, two := b.Open(1000, func() { woken++ }), b.Open(300, func() {})
	if one.Sure() != 250 || two.Sure() != 250 {
		t.Errorf("sure of %d and %d", one.Sure(), two.Sure())
	}
	one.Send(700)
	if one.Full() || !one.Try(50) || one.Try(1) {
		t.Errorf("%d used", b.Used()) // 250 of its own, and the common 500
	}
	two.Take(250)
	if two.Full() {
		t.Error("it is sure of that much")
	}
	two.Take(1)
	if !two.Full() || !one.Full() {
		t.Error("nothing is left")
	}
	one.Sent(200)
	if !one.Full() || woken != 0 {
		t.Error("not half of it is given back")
	}
	one.Sent(200)
	if one.Full() || woken != 1 {
		t.Errorf("woken %d times", woken)
	}
	two.Take(100)
	if !two.Full() {
		t.Error("more than it may have at most")
	}
	two.Close()
	two.Give(351)
	if b.Used() != 350 || one.Sure() != 500 {
		t.Errorf("%d used, sure of %d", b.Used(), one.Sure())
	}
}

// However they take and give, who asks first stays within the budget, and at the end nothing is left.
func TestBudgetHolds(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := NewBudget(100_000)
		var all []*Share
		var taken []int64
		for range 40 {
			all, taken = append(all, b.Open(20_000, func() {})), append(taken, 0)
		}
		for range 5000 {
			i := r.IntN(len(all))
			if n := 1 + r.Int64N(2000); r.IntN(3) > 0 {
				if all[i].Try(n) {
					taken[i] += n
				}
			} else if n = min(n, taken[i]); n > 0 {
				all[i].Sent(n)
				taken[i] -= n
			}
			if b.Used() > b.Total() {
				t.Fatalf("seed %d: %d used of %d", seed, b.Used(), b.Total())
			}
		}
		for i, s := range all {
			if s.Used() != taken[i] {
				t.Fatalf("seed %d: %d, want %d", seed, s.Used(), taken[i])
			}
			s.Close()
		}
		if b.Used() != 0 || b.beyond != 0 || b.waits != 0 || b.moving != 0 {
			t.Fatalf("seed %d: %d left", seed, b.Used())
		}
	}
}

// Where all that is taken stays until something else happens, the next is let in.
func TestNothingMoves(t *testing.T) {
	b := NewBudget(1000)
	woken := 0
	one, two := b.Open(1000, func() {}), b.Open(1000, func() { woken++ })
	one.Take(700)
	two.Send(300)
	if one.Try(100) {
		t.Error("there is no room")
	}
	two.Sent(300)
	if !one.Try(100) || one.Try(100) {
		t.Error("one, as long as nothing else moves")
	}
}

func TestNoBudget(t *testing.T) {
	var b *Budget
	s := b.Open(1, nil)
	s.Take(5)
	if s.Full() || !s.Try(1<<40) || s.Used() != 0 {
		t.Error("there is no limit")
	}
	s.Give(5)
	s.Close()
}
