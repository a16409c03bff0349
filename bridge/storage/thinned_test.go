package storage

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// From the bucket of peers records vanish by themselves when it is full. Else whoever keeps something there is to look, when it was emptied or when there
// are fewer keys than before.
func TestPeersThinned(t *testing.T) {
	made := time.Unix(1, 0)
	for name, c := range map[string]struct {
		first, last, bytes uint64
		subjects           uint64
		want               bool
	}{
		"as it was":                     {1, 100, 500, 90, false},
		"more":                          {1, 120, 500, 95, false},
		"fewer keys":                    {1, 101, 500, 89, true},
		"emptied":                       {101, 100, 0, 0, true},
		"emptied, and more than before": {101, 400, 500, 95, true},
		"full, the oldest went":         {40, 130, 950, 88, false},
		"full, all of it is new":        {130, 230, 950, 90, false},
	} {
		k := &kept{item: Item{Name: Peers}, created: made, first: 1, last: 100, subjects: 90}
		got := (&Storage{}).compare(k, &jetstream.StreamInfo{
			Created: made, Config: jetstream.StreamConfig{MaxBytes: 1000},
			State: jetstream.StreamState{FirstSeq: c.first, LastSeq: c.last, Bytes: c.bytes, NumSubjects: c.subjects},
		})
		if (got != nil) != c.want || got != nil && (!got.Maybe || got.Anew) || k.first != c.first {
			t.Errorf("%s: %+v, first %d", name, got, k.first)
		}
	}
}
