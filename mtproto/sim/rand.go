package sim

import "time"

// source is all chance of a run (splitmix64). It is also the randomness of the machines.
type source struct{ state uint64 }

func (r *source) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Read fills p; it does not fail.
func (r *source) Read(p []byte) (int, error) {
	for i := 0; i < len(p); {
		for v, n := r.next(), 0; n < 8 && i < len(p); n++ {
			p[i] = byte(v)
			v >>= 8
			i++
		}
	}
	return len(p), nil
}

// n is one of 0 to n-1.
func (r *source) n(n int) int { return int(r.next() % uint64(n)) }

// one is true once in n times.
func (r *source) one(n int) bool { return r.n(n) == 0 }

// upTo is a time from 0 to d.
func (r *source) upTo(d time.Duration) time.Duration { return time.Duration(r.next() % uint64(d)) }

// around is a time from -d to d.
func (r *source) around(d time.Duration) time.Duration { return r.upTo(2*d) - d }

func shuffle[T any](r *source, all []T) {
	for i := len(all) - 1; i > 0; i-- {
		j := r.n(i + 1)
		all[i], all[j] = all[j], all[i]
	}
}
