package turns

import "testing"

// What a daemon has in all is shared out among accounts as an account's is among callers.
func TestBudgetOfTheDaemon(t *testing.T) {
	b := NewBudget(1000)
	has := int64(0)
	for b.reserve(has, 10) {
		has += 10
	}
	if has != 750 {
		t.Errorf("one account has %d of 1000", has)
	}
	other := int64(0)
	for b.reserve(other, 10) {
		other += 10
	}
	if other < 150 || b.Used() != has+other {
		t.Errorf("the next has %d, taken are %d", other, b.Used())
	}
	b.release(has + other)
	if b.Used() != 0 || !(*Budget)(nil).reserve(1<<40, 1<<40) {
		t.Error(b.Used())
	}
}
