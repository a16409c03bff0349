package mtproto_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// scripted answers the first packet of each connection with a transport error, one after the other; when there are none
// left, or for a 0, it connects through.
type scripted struct {
	through func(context.Context, string, string) (net.Conn, error)

	mu    sync.Mutex
	codes []int32
	dials []time.Time
	wg    sync.WaitGroup
}

func (s *scripted) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, time.Now())
	if len(s.codes) == 0 {
		return s.through(ctx, network, addr)
	}
	code := s.codes[0]
	s.codes = s.codes[1:]
	if code == 0 {
		return s.through(ctx, network, addr)
	}
	client, server := net.Pipe()
	s.wg.Go(func() { refuse(server, code) })
	return client, nil
}

func refuse(c net.Conn, code int32) {
	defer c.Close()
	f := transport.NewServer(transport.ServerOptions{Rand: rand.Reader})
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		f.Feed(buf[:n])
		if _, ok, err := f.Next(); err != nil || !ok {
			continue
		}
		b, _ := f.AppendError(nil, code)
		_, _ = c.Write(b)
		return
	}
}

// A10, A12, A13, B17: transport errors during the key exchange.
func TestTransportErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		codes []int32
		fatal error
		least time.Duration
	}{
		{"-404 in the exchange means a new one", []int32{-404, -404}, nil, 0},
		{"-429 means to wait 2, then 4 s", []int32{-429, -429}, nil, 6 * time.Second},
		{"-444 is a wrong configuration", []int32{-444}, mtproto.ErrEnvironment, 0},
		{"an unknown code means to try again", []int32{-999}, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mttest.NewServer(t, inMemory)
				n := &scripted{through: s.Dial, codes: tc.codes}
				defer n.wg.Wait()
				r := start(t, s, func(o *mtproto.Options) { o.Dial = n.Dial })
				if tc.fatal != nil {
					if err := <-r.ran; !errors.Is(err, tc.fatal) {
						t.Errorf("Run: %v", err)
					}
					r.ran <- nil
					return
				}
				r.ready()
				equal(t, "disconnected", len(seen[mtproto.Disconnected](r)), len(tc.codes))
				if d := n.dials[len(tc.codes)].Sub(n.dials[0]); d < tc.least || d > tc.least+5*time.Second {
					t.Errorf("took %v", d)
				}
			})
		})
	}
}

// A12: a -429 for one account slows down all accounts of the process, which share a Throttle unless they are told not to.
func TestFloodIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		shared := new(mtproto.Throttle)
		n := &scripted{through: s.Dial}
		defer n.wg.Wait()
		one := start(t, s, func(o *mtproto.Options) { o.Dial, o.Throttle = n.Dial, shared })
		other := start(t, s, func(o *mtproto.Options) { o.Throttle = shared })
		apart := start(t, s)
		for _, r := range []*rig{one, other, apart} {
			r.ready()
		}
		n.mu.Lock()
		n.codes = []int32{-429}
		n.mu.Unlock()
		s.Cut()
		time.Sleep(time.Second)
		equal(t, "floods", len(seen[mtproto.Throttled](one)), 1)
		s.Cut() // the others again, who may have connected before that one was told
		began := time.Now()
		apart.call(getConfig)
		if d := time.Since(began); d > time.Second {
			t.Errorf("the one that shares nothing connected after %v", d)
		}
		other.call(getConfig)
		if d := time.Since(began); d < time.Second || d > 3*time.Second {
			t.Errorf("the one that shares the flood connected after %v", d)
		}
	})
}

// A10: a single -404 for a key that works otherwise has no consequence.
func TestDenialInPassing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		n := &scripted{through: s.Dial, codes: []int32{-404, 0, -404, 0}}
		defer n.wg.Wait()
		state := stateOf(s, s.AddUser(mttest.User{First: "Alice"}))
		d := state.DCs[2]
		d.Created = time.Now().Add(-time.Hour)
		state.DCs[2] = d
		r := start(t, s, func(o *mtproto.Options) { o.Dial, o.State = n.Dial, state })
		r.ready()
		for range 2 {
			s.Cut()
			r.call(getConfig)
		}
		for _, e := range seen[mtproto.KeyDoubted](r) {
			equal(t, "denials in a row", e.Times, 1)
		}
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
		equal(t, "key", r.state().DCs[2].Key, d.Key)
	})
}

// A13: four bytes that nobody has proved end nothing, once the data centre has made a key with us: anybody on the way can say
// -444, and an MTProxy that does not like the number.
func TestWrongDCInPassing(t *testing.T) {
	for _, nopfs := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.NoPFS = nopfs })
			r.ready()
			time.Sleep(time.Hour)
			before := len(seen[mtproto.Disconnected](r))
			s.Faults.Refuse(-444, -444, -444)
			s.Cut()
			r.call(getConfig)
			equal(t, "connections lost", len(seen[mtproto.Disconnected](r))-before, 4)
		})
	}
}

// A12: however many sessions of one sort there are, whatever ends their connections, no more are made than TDLib's clients make,
// five in five seconds for the files of a data centre.
func TestDialsOfManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.Media = true })
		g := &gauge{through: s.Dial}
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.Dial = g.dial })
		r.ready()
		s.InterceptMethod("upload.saveFilePart", func(*mttest.Request) mttest.Action { return mttest.Drop() })
		time.Sleep(time.Second)
		before := g.read()
		part := r.encode(M{"_": "upload.saveFilePart", "file_id": 1, "file_part": 0, "bytes": []byte("x")})
		for range 20 {
			go func() { _, _ = r.InvokeFile(r.ctx, 2, mtproto.Upload, part) }()
		}
		for range 300 {
			time.Sleep(200 * time.Millisecond)
			s.Cut()
		}
		if made := g.read().since(before).dials; made < 60 || made > 2*65 { // the connection for calls is cut too
			t.Errorf("%d connections in a minute", made)
		}
	})
}

// A10, A12, A13: connections that are refused or cut, again and again, are not made more often than by TDLib: three in 8 s, five in
// 5 s where somebody is online. With -v this prints rows of docs/mtproto.md.
func TestRefusedConnections(t *testing.T) {
	for _, tc := range []struct {
		name         string
		code         int32
		minute, hour int64
	}{
		{"-404", -404, 14, 200},
		{"-429", -429, 7, 40},
		{"-444", -444, 14, 200},
		{"-999", -999, 14, 200},
		{"cut after the first answer", 0, 65, 1300},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mttest.NewServer(t, inMemory)
				state := stateOf(s, s.AddUser(mttest.User{First: "Alice"}))
				d := state.DCs[2]
				d.Created = time.Now().Add(-time.Hour)
				state.DCs[2] = d
				g := &gauge{through: s.Dial}
				r := start(t, s, func(o *mtproto.Options) { o.Dial, o.State = g.dial, state })
				r.ready()
				time.Sleep(time.Minute)
				if tc.code != 0 {
					codes := make([]int32, 10_000)
					for i := range codes {
						codes[i] = tc.code
					}
					s.Faults.Refuse(codes...)
				}
				before := g.read()
				s.Cut()
				pass := func(d time.Duration) {
					if tc.code != 0 {
						time.Sleep(d)
						return
					}
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
						s.Cut()
					}
				}
				pass(time.Minute)
				minute := g.read().since(before)
				pass(59 * time.Minute)
				hour := g.read().since(before)
				t.Logf("| %s | %d, %d | %d, %d bytes |", tc.name, minute.dials, hour.dials, minute.bytes, hour.bytes)
				if minute.dials > tc.minute || hour.dials > tc.hour || minute.dials < 2 {
					t.Errorf("%d connections in a minute, %d in an hour", minute.dials, hour.dials)
				}
				if len(seen[mtproto.AuthLost](r)) > 0 {
					t.Error("the account counts as lost")
				}
			})
		})
	}
}
