package mttest_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/bin"
)

// bare is a server as demos and benchmarks have it: nothing is tracked.
func bare(c *mttest.Config) { c.TrackQueries = false }

// rounds sends b.N queries, many to a container, and takes their answers; the client's share is in the figures.
func rounds(b *testing.B, c *client, query func(i int) []byte) {
	const each = 64
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		var all []message
		for range min(each, b.N-done) {
			all = append(all, c.message(query(done), true))
			done++
		}
		c.send(c.message(container(all...), false))
		acks := make([]int64, 0, each)
		for len(acks) < len(all) {
			m, err := c.poll(10 * time.Second)
			if err != nil {
				b.Fatal(err)
			}
			if m.ctor() == idRPCResult {
				acks = append(acks, m.id)
			}
		}
		c.send(c.message(words(idAck, acks), false))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

func BenchmarkSmallCalls(b *testing.B) {
	s := mttest.NewServer(b, bare)
	c := as(b, s, s.AddUser(mttest.User{First: "A"}))
	q := c.encode(M{"_": "help.getNearestDc"})
	rounds(b, c, func(int) []byte { return q })
}

func BenchmarkSendMessage(b *testing.B) {
	s := mttest.NewServer(b, bare)
	alice, bob := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"})
	c := as(b, s, alice)
	peer := userPeer(alice, bob)
	rounds(b, c, func(i int) []byte { return c.encode(sendTo(peer, "hello", int64(i+1))) })
}

// BenchmarkPushes is how fast updates reach a client.
func BenchmarkPushes(b *testing.B) {
	s := mttest.NewServer(b, bare, func(c *mttest.Config) { c.Wire.QueueLimit = 1 << 30 })
	alice, bob := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"})
	c := as(b, s, bob)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			alice.Send(bob, "hello")
		}
	}()
	for range b.N {
		c.update()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}

// BenchmarkKeyExchange is both sides together.
func BenchmarkKeyExchange(b *testing.B) {
	s := mttest.NewServer(b, bare)
	for b.Loop() {
		c := newClient(b, s).dial(home(s), false)
		c.exchange(2)
		c.hangUp()
	}
}

// FuzzPackets throws bytes at a server: as they are, as unencrypted messages, and encrypted by a key it knows. Whatever
// they are, it goes on serving others.
func FuzzPackets(f *testing.F) {
	s := mttest.NewServer(f, inMemory)
	alice := s.AddUser(mttest.User{First: "A"})
	seed := as(f, s, alice)
	for _, m := range []M{
		{"_": "help.getConfig"}, sendTo(M{"_": "inputPeerSelf"}, "hi", 1), wrapped(s, M{"_": "updates.getState"}), history(M{"_": "inputPeerSelf"}, 9),
		difference(0), askCode("15550001"), showCode("15550001", "x", "1"), {"_": "account.getPassword"},
		{"_": "upload.saveFilePart", "file_id": 1, "file_part": 0, "bytes": []byte("x")},
		{"_": "invokeAfterMsg", "msg_id": 4, "query": M{"_": "help.getConfig"}},
		{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": M{"_": "inputPeerEmpty"}, "limit": 10, "hash": 0},
		{"_": "messages.sendMedia", "peer": M{"_": "inputPeerSelf"}, "message": "", "random_id": 1, "media": M{
			"_": "inputMediaUploadedPhoto", "file": M{"_": "inputFile", "id": 1, "parts": 1, "name": "", "md5_checksum": ""},
		}},
	} {
		f.Add(byte(2), seed.encode(m))
	}
	f.Add(byte(2), container(message{id: 4, body: ping(1)}))
	f.Add(byte(2), words(idAck, []int64{1, 2}))
	f.Add(byte(1), words(0xbe7e8ef1, int64(1), int64(2)))
	f.Add(byte(0), []byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, how byte, body []byte) {
		c := newClient(t, s).dial(home(s), false)
		c.key, c.salt = seed.key, seed.salt
		body = append(body, make([]byte, -len(body)&3)...)
		switch how % 3 {
		case 0:
			_ = c.nc.SetDeadline(time.Now().Add(50 * time.Millisecond))
			_, _ = c.nc.Write(body)
		case 1:
			w := bin.Writer{Buf: words(int64(0), c.now(), len(body), body)}
			go c.write(w.Buf)
			_, _ = c.nextFrame(50 * time.Millisecond)
		default:
			if len(body) == 0 {
				return
			}
			m := c.message(body, true)
			c.send(m)
			c.send(c.message(ping(1), false))
			for {
				m, err := c.poll(time.Second)
				if err != nil || m.ctor() == idPong {
					break
				}
			}
		}
		c.hangUp()
		again := newClient(t, s).dial(home(s), false)
		again.key, again.salt = seed.key, seed.salt
		again.ping(7)
		again.hangUp()
	})
}

// BenchmarkIdleConnection is the memory of a connection that has been introduced and says nothing, both ends.
func BenchmarkIdleConnection(b *testing.B) {
	s := mttest.NewServer(b, bare, inMemory)
	a := s.AddUser(mttest.User{First: "A"})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := make([]*client, 0, b.N)
	for range b.N {
		kept = append(kept, as(b, s, a))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/float64(b.N), "B/connection")
	runtime.KeepAlive(kept)
}
