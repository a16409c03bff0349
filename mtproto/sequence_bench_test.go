package mtproto_test

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkSequence is how fast calls of a [mtproto.Sequence] are made, beside the same ones in no order, all at once in both. The rounds
// of both take turns; the ratio is that of their medians.
//
//	go test ./mtproto -run '^$' -bench Sequence -benchtime 20x
func BenchmarkSequence(b *testing.B) {
	const calls = 1000
	r, query := benchRig(b)
	start := map[string]func() func() ([]byte, error){"free": func() func() ([]byte, error) {
		over := make(chan struct{})
		var body []byte
		var err error
		go func() {
			defer close(over)
			body, err = r.Invoke(r.ctx, query)
		}()
		return func() ([]byte, error) { <-over; return body, err }
	}}
	sequence := r.Sequence()
	start["sequenced"] = func() func() ([]byte, error) { return sequence.Start(r.ctx, query) }
	took := map[string][]time.Duration{}
	for b.Loop() {
		for kind, begin := range start {
			begun := time.Now()
			var waits []func() ([]byte, error)
			for range calls {
				waits = append(waits, begin())
			}
			for _, wait := range waits {
				if _, err := wait(); err != nil {
					b.Fatal(err)
				}
			}
			took[kind] = append(took[kind], time.Since(begun))
		}
	}
	median := func(kind string) float64 { slices.Sort(took[kind]); return took[kind][len(took[kind])/2].Seconds() }
	sequenced, free := median("sequenced"), median("free")
	b.ReportMetric(calls/sequenced, "sequenced/s")
	b.ReportMetric(calls/free, "free/s")
	b.ReportMetric(free/sequenced, "ratio")
}
