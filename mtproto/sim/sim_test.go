package sim

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	oneSeed   = flag.Uint64("seed", 0, "replay this seed alone, with -v as a trace")
	seeds     = flag.Int("sim.seeds", 300, "how many seeds to run")
	firstSeed = flag.Uint64("sim.from", 1, "the first of them")
	steps     = flag.Int("sim.steps", 0, "steps of trouble in each; 0: the usual number")
)

// A seed that failed, again: go test ./mtproto/sim -run TestSeed -seed N -v
func TestSeed(t *testing.T) {
	if *oneSeed == 0 {
		t.Skip("no -seed")
	}
	report, err := Run(Options{Seed: *oneSeed, Steps: *steps, Trace: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report)
}

// outcome is what many seeds came to.
type outcome struct {
	mu     sync.Mutex
	ran    int
	sum    Report
	failed map[uint64]error
}

// runAll runs seeds on all cores and stops soon after the first that fails.
func runAll(from uint64, n, steps int, mutant Mutant) *outcome {
	all := &outcome{failed: map[uint64]error{}}
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < uint64(n); i = next.Add(1) - 1 {
				r, err := Run(Options{Seed: from + i, Steps: steps, Mutant: mutant})
				all.mu.Lock()
				all.ran++
				if all.sum.Add(r); err != nil {
					all.failed[from+i] = err
				}
				stop := len(all.failed) > 0
				all.mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	return all
}

// Client and server with everything going wrong that can.
// A8 to A11, A34, B17, B21, B22, B28, C3 to C42, D18
func TestSeeds(t *testing.T) {
	n := *seeds
	if testing.Short() {
		n /= 10
	}
	began := time.Now()
	all := runAll(*firstSeed, n, *steps, None)
	for seed, err := range all.failed {
		t.Errorf("seed %d: %v\nagain: go test ./mtproto/sim -run 'TestSeed$' -seed %d -v", seed, err, seed)
	}
	took := time.Since(began)
	for f, n := range all.sum.Faults {
		if n == 0 && all.ran >= 2000 {
			t.Errorf("%v never happened", fault(f))
		}
	}
	t.Logf("%d seeds in %v, %.0f a second: %v", all.ran, took.Round(time.Millisecond), float64(all.ran)/took.Seconds(), all.sum)
}

// The same seed is the same run, line by line.
func TestReplay(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		var lines []string
		first, _ := Run(Options{Seed: seed, Trace: func(line string) { lines = append(lines, line) }})
		at := 0
		second, _ := Run(Options{Seed: seed, Trace: func(line string) {
			if at < len(lines) && lines[at] != line {
				t.Fatalf("seed %d, line %d:\n%s\n%s", seed, at, lines[at], line)
			}
			at++
		}})
		if at != len(lines) || first != second {
			t.Fatalf("seed %d: %d lines and then %d", seed, len(lines), at)
		}
	}
}

// The test of the test: each planted defect is found, soon.
func TestMutants(t *testing.T) {
	for m := None + 1; m < Mutants; m++ {
		t.Run(m.String(), func(t *testing.T) {
			n := 0
			for seed := uint64(1); seed <= 400; seed++ {
				if _, err := Run(Options{Seed: seed, Mutant: m}); err != nil {
					t.Logf("found by seed %d: %v", seed, err)
					return
				}
				n++
			}
			t.Errorf("not found by %d seeds", n)
		})
	}
}

func BenchmarkSeed(b *testing.B) {
	b.ReportAllocs()
	for i := range b.N {
		if _, err := Run(Options{Seed: uint64(i + 1)}); err != nil {
			b.Fatal(err)
		}
	}
}
