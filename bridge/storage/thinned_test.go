package storage

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Whoever keeps something in the bucket of peers is to look when it was emptied, or when there are fewer keys than before; where that is full,
// records vanish by themselves as well.
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
		"full, and fewer keys":          {40, 130, 950, 88, true},
		"full, as many keys":            {40, 130, 950, 90, false},
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

// Of a bucket that is full they look once in a while, and then for all that has vanished since.
func TestFullPeersThinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := time.Unix(1, 0)
		k := &kept{item: Item{Name: Peers}, created: made, first: 1, last: 100, subjects: 90}
		told := func(subjects uint64) bool {
			return (&Storage{}).compare(k, &jetstream.StreamInfo{
				Created: made, Config: jetstream.StreamConfig{MaxBytes: 1000}, State: jetstream.StreamState{FirstSeq: 1, LastSeq: k.last + 1, Bytes: 950, NumSubjects: subjects},
			}) != nil
		}
		if !told(80) || told(70) || told(70) {
			t.Error("it is not told once")
		}
		time.Sleep(fullEvery)
		if !told(75) || told(75) {
			t.Error("what has vanished meanwhile is not told once, later")
		}
		time.Sleep(fullEvery)
		if told(75) {
			t.Error("nothing has vanished")
		}
	})
}
