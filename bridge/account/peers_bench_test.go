//go:build unix

package account

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/mtproto"
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

// BenchmarkLearnAllTheWay is what learning costs of an update's whole way: from what the client gives, through the account, until the embedded
// JetStream has stored it and it is acknowledged; with the bucket of peers, and without learning anything, in turns on one account. A round is
// 4,000 messages of fifty people in ten groups, each with its author and its group, of whom some came online or went meanwhile.
//
//	go test ./bridge/account -run '^$' -bench LearnAllTheWay -benchtime 40x
func BenchmarkLearnAllTheWay(b *testing.B) {
	x := newRig(b)
	store, err := peers.NewStore(context.Background(), x.storage)
	if err != nil {
		b.Fatal(err)
	}
	x.peers = store
	x.run(newTelegram(b))
	d := x.r.ownership().driver
	learns := d.publisher.learn
	var took [2][]time.Duration
	var cpu [2]time.Duration
	round := func(learn int) {
		swapped := make(chan struct{})
		d.loop.Post(func(time.Time, *updates.Machine) {
			d.publisher.learn = func(batch *updates.Batch) {
				if learn == 1 {
					learns(batch)
				}
			}
			close(swapped)
		})
		<-swapped
		x.emptied(b)
		bodies := x.g.crowd(4000)
		before, begun, stored := processorTime(b), time.Now(), x.r.Status().Stored
		var acknowledged atomic.Int64
		for _, body := range bodies {
			x.g.o.Updates(mtproto.Update{Body: body, Received: begun, Ack: func() { acknowledged.Add(1) }})
		}
		for x.r.Status().Stored < stored+uint64(len(bodies)) || acknowledged.Load() < int64(len(bodies)) {
			time.Sleep(time.Millisecond)
		}
		took[learn] = append(took[learn], time.Since(begun))
		cpu[learn] += processorTime(b) - before
	}
	round(1)
	round(0)
	took, cpu = [2][]time.Duration{}, [2]time.Duration{}
	for i := range b.N {
		round(i % 2)
		round(1 - i%2)
	}
	for i := range took {
		slices.Sort(took[i])
	}
	with, without := took[1], took[0]
	b.ReportMetric(4000/with[len(with)/2].Seconds(), "with/s")
	b.ReportMetric(4000/without[len(without)/2].Seconds(), "without/s")
	b.ReportMetric(without[len(without)/2].Seconds()/with[len(with)/2].Seconds(), "ratio")
	b.ReportMetric(without[0].Seconds()/with[0].Seconds(), "best-ratio")
	b.ReportMetric(cpu[0].Seconds()/cpu[1].Seconds(), "cpu-ratio")
	if known := d.publisher.directory.Figures().InMemory; known < 60 {
		b.Fatalf("%d peers were learned", known)
	}
}

// crowd is what people write in groups, as Telegram pushes it: each message with its author and its group.
func (g *telegram) crowd(n int) (bodies [][]byte) {
	for range n {
		at := int(g.pts.Add(1))
		who, group, online := at*7%50+1, at%10+1, at/400
		message := codec.M{"_": "message", "id": at, "peer_id": codec.M{"_": "peerChat", "chat_id": group}, "from_id": codec.M{"_": "peerUser", "user_id": who},
			"date": 1700000000, "message": "a message of usual length, as people write them in groups"}
		bodies = append(bodies, encode(g.t, codec.M{"_": "updates", "date": 1700000000, "seq": 0,
			"updates": []codec.M{{"_": "updateNewMessage", "message": message, "pts": at, "pts_count": 1}},
			"users": []codec.M{{"_": "user", "id": who, "access_hash": who + 100, "first_name": "Name", "last_name": "Surname", "username": fmt.Sprintf("user_%d", who),
				"status": codec.M{"_": "userStatusOnline", "expires": online * (who / 40)}}},
			"chats": []codec.M{{"_": "chat", "id": group, "title": "A group", "photo": codec.M{"_": "chatPhotoEmpty"}, "participants_count": 50, "date": 1, "version": 1}},
		}))
	}
	return bodies
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
