package wire

import (
	"math/rand/v2"
	"testing"
)

// C25, C26: what can be said of a message follows from those around it.
func TestInbox(t *testing.T) {
	var b inbox
	for _, tt := range []struct {
		id   int64
		seq  int32
		code int
	}{
		{100, 1, 0}, {104, 2, 0}, {108, 3, 0}, {108, 3, duplicate}, {120, 7, 0},
		{112, 4, 0},             // late, but in its place
		{116, 3, badSeqTooLow},  // as an earlier one, and odd
		{116, 4, 0},             // as an earlier one, and even
		{118, 9, badSeqTooHigh}, // above a later one
		{118, 7, badSeqTooHigh}, // as a later one, and odd
		{124, 6, badSeqTooLow},
		{96, 0, 0},
	} {
		if got := b.add(tt.id, tt.seq); got != tt.code {
			t.Errorf("id %d seq %d: %d, want %d", tt.id, tt.seq, got, tt.code)
		}
	}
}

func TestInboxForgets(t *testing.T) {
	var b inbox
	for i := range int64(2*window + 1) {
		if code := b.add(4*(i+1), int32(2*i+1)); code != 0 {
			t.Fatalf("message %d: %d", i, code)
		}
	}
	if code := b.add(4, 1); code != badTooOld {
		t.Errorf("a forgotten message: %d, want %d", code, badTooOld)
	}
	if code := b.add(4*(window+1), 0); code != duplicate {
		t.Errorf("the oldest that is kept: %d", code)
	}
	for id, want := range map[int64]byte{4: stateForgotten, 4*(window+1) + 1: stateNotReceived, 1 << 40: stateTooHigh, 4 * (window + 1): stateReceived} {
		if got := b.state(id); got != want {
			t.Errorf("state of %d: %d, want %d", id, got, want)
		}
	}
	if len(b.seen) != window+1 {
		t.Errorf("%d kept", len(b.seen))
	}
}

// Whatever order messages come in, what is kept ascends in id and number.
func TestInboxStaysInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var b inbox
	for range 5000 {
		b.add(r.Int64N(2000)*4, r.Int32N(4000))
	}
	for i := 1; i < len(b.seen); i++ {
		p, n := b.seen[i-1], b.seen[i]
		if p.id >= n.id || p.seq > n.seq || p.seq == n.seq && p.seq&1 != 0 {
			t.Fatalf("%+v before %+v", p, n)
		}
	}
}
