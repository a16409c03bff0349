//go:build unix

package account

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// BenchmarkLearn is what learning costs of making messages of updates, before they go to JetStream: with a directory and without one, in
// turns; a batch of a hundred updates of fifty people, who are online every now and then. The ratio is that of the medians, and of the sums of
// the processor's time, which a busy machine disturbs less.
//
//	go test ./bridge/account -run '^$' -bench Learn -benchtime 300x
func BenchmarkLearn(b *testing.B) {
	w := testWriter(b, nil)
	batches := make([]*updates.Batch, 4)
	for i := range batches {
		batch := &updates.Batch{}
		for n := range 100 {
			item := newMessage(b, 42, "a message of usual length, as people write them in groups")
			user, err := w.schema.Encode(nil, codec.M{"_": "user", "id": n%50 + 1, "access_hash": n%50 + 100, "first_name": "Name", "last_name": "Surname",
				"username": fmt.Sprintf("user_%d", n%50), "status": codec.M{"_": "userStatusOnline", "expires": i * (n % 50 / 40)}})
			if err != nil {
				b.Fatal(err)
			}
			item.Users = [][]byte{user}
			batch.Items = append(batch.Items, *item)
		}
		batches[i] = batch
	}
	d := newDirectory(peers.Config{Schema: w.schema}, subjects.Scheme{})
	round := func(learn bool) time.Duration {
		begun := time.Now()
		for _, batch := range batches {
			if learn {
				d.learn(batch)
			}
			for i := range batch.Items {
				w.message(&batch.Items[i])
			}
		}
		return time.Since(begun)
	}
	round(true)
	var with, without []time.Duration
	var cpu [2]time.Duration
	for b.Loop() {
		begun := processorTime(b)
		with = append(with, round(true))
		between := processorTime(b)
		without = append(without, round(false))
		cpu[0], cpu[1] = cpu[0]+between-begun, cpu[1]+processorTime(b)-between
	}
	slices.Sort(with)
	slices.Sort(without)
	x, y := with[len(with)/2], without[len(without)/2]
	b.ReportMetric(400/x.Seconds(), "with/s")
	b.ReportMetric(400/y.Seconds(), "without/s")
	b.ReportMetric(y.Seconds()/x.Seconds(), "ratio")
	b.ReportMetric(cpu[1].Seconds()/cpu[0].Seconds(), "cpu-ratio")
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
