package conn

import "testing"

// The room for a read follows what comes: large while files do, small when there are pongs.
func TestReadingFits(t *testing.T) {
	var r reading
	n := 0
	size := func(fill func(int) int, reads int) int {
		for range reads {
			n = fill(r.fit(n))
		}
		return r.size
	}
	full := func(size int) int { return size }
	pong := func(int) int { return 100 }
	for _, tc := range []struct {
		name  string
		fill  func(int) int
		reads int
		want  int
	}{
		{"at first", pong, 10, readLeast},
		{"one large one", full, 2, 4 * readLeast},
		{"many", full, 10, readMost},
		{"a few small ones", pong, 5, readMost},
		{"some larger", func(s int) int { return s/4 + 1 }, 20, readMost},
		{"small ones", pong, 10, readLeast},
	} {
		if got := size(tc.fill, tc.reads); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}
