package rpc

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/tl/codec"
)

// invoked answers without looking.
type invoked func() []byte

func (f invoked) Invoke(context.Context, []byte) ([]byte, error) { return f(), nil }

// BenchmarkMet is what learning costs: calls by NATS, sixteen callers at a time, whose answer is 20 messages of five people, with a directory that learns them
// and without one, in turns. Each answer tells of one of them that he was online at another time. The ratio is that of the medians.
//
//	go test ./bridge/rpc -run '^$' -bench Met -benchtime 200x
func BenchmarkMet(b *testing.B) {
	answers := make([][]byte, 4)
	for i := range answers {
		m := codec.M{"_": "messages.messages", "topics": []codec.M{}, "chats": []codec.M{{
			"_": "channel", "id": 7, "access_hash": 70, "title": "C", "photo": codec.M{"_": "chatPhotoEmpty"}, "date": 1, "megagroup": true,
		}}}
		var messages, users []codec.M
		for n := range 20 {
			messages = append(messages, codec.M{"_": "message", "id": n + 1, "peer_id": codec.M{"_": "peerChannel", "channel_id": 7}, "date": 1750000000 + n,
				"from_id": codec.M{"_": "peerUser", "user_id": n%5 + 1}, "message": "a message of usual length, as people write them in groups"})
		}
		for n := range 5 {
			users = append(users, codec.M{"_": "user", "id": n + 1, "access_hash": n + 100, "first_name": "Name", "last_name": "Surname", "username": fmt.Sprintf("user_%d", n),
				"status": codec.M{"_": "userStatusOnline", "expires": i * (n / 4)}})
		}
		m["messages"], m["users"] = messages, users
		tl, err := tlOf(m)
		if err != nil {
			b.Fatal(err)
		}
		answers[i] = tl
	}
	var calls atomic.Int64
	var met atomic.Pointer[peers.Directory]
	g := newRig(b, nil, func(c *Config) {
		c.Invoke = invoked(func() []byte { return answers[calls.Add(1)%4] })
		c.Met = func(objects []codec.View, result []byte) {
			if d := met.Load(); d != nil {
				d.Met(objects, result)
			}
		}
	})
	d := peers.New(peers.Config{Schema: g.s.c.Methods.Schema(), People: g.s.c.Methods.People()})
	const callers, each = 16, 25
	round := func(with *peers.Directory) time.Duration {
		met.Store(with)
		begun := time.Now()
		var work sync.WaitGroup
		for range callers {
			work.Go(func() {
				for range each {
					g.ask("tg.rpc.main.messages.getHistory",
						`{"peer":{"_":"inputPeerSelf"},"offset_id":0,"offset_date":0,"add_offset":0,"limit":20,"max_id":0,"min_id":0,"hash":0}`)
				}
			})
		}
		work.Wait()
		return time.Since(begun)
	}
	round(d)
	var with, without []time.Duration
	for b.Loop() {
		with = append(with, round(d))
		without = append(without, round(nil))
	}
	slices.Sort(with)
	slices.Sort(without)
	x, y := with[len(with)/2], without[len(without)/2]
	b.ReportMetric(callers*each/x.Seconds(), "with/s")
	b.ReportMetric(callers*each/y.Seconds(), "without/s")
	b.ReportMetric(y.Seconds()/x.Seconds(), "ratio")
}
