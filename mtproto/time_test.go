package mtproto_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// world is a clock that can be set, for a server or as a client's wall clock.
type world struct{ ahead atomic.Int64 }

func (w *world) now() time.Time       { return time.Now().Add(time.Duration(w.ahead.Load())).Round(0) }
func (w *world) leap(d time.Duration) { w.ahead.Add(int64(d)) }

func clockOf(w *world) mttest.Option { return func(c *mttest.Config) { c.Now = w.now } }

// C8, C10, C11: a clock that is hours wrong, in either direction, costs a refused message or two, with a new key and with an
// old one.
func TestClockSkew(t *testing.T) {
	for _, skew := range []time.Duration{-26 * time.Hour, -3 * time.Hour, -4 * time.Minute, 4 * time.Minute, 3 * time.Hour, 26 * time.Hour} {
		for _, pfs := range []bool{true, false} {
			t.Run(fmt.Sprint(skew, pfs), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &world{}
					w.leap(skew)
					s := mttest.NewServer(t, inMemory, clockOf(w))
					alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
					r := start(t, s, as(s, alice), func(o *mtproto.Options) { o.NoPFS = !pfs })
					began := time.Now()
					r.call(M{"_": "messages.createChat", "title": "x", "users": []M{{"_": "inputUserSelf"}}})
					bob.Send(alice, "hi")
					time.Sleep(time.Minute)
					r.call(M{"_": "updates.getState"})
					if d := time.Since(began); d > 2*time.Minute || s.Executed("messages.createChat") != 1 || len(r.pushed()) == 0 {
						t.Errorf("after %v: executed %d, %d updates", d, s.Executed("messages.createChat"), len(r.pushed()))
					}
					r.end()
					if off := r.state().DCs[2].Offset; (off - skew).Abs() > 2*time.Second {
						t.Errorf("offset %v", off)
					}
				})
			})
		}
	}
}

// C10, C11: clocks that part by hours while we are connected, as when either is set; calls go on, each executed once.
func TestClockSteps(t *testing.T) {
	for _, step := range []time.Duration{-2 * time.Hour, -time.Minute, time.Minute, 2 * time.Hour} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{}
				s := mttest.NewServer(t, inMemory, clockOf(w))
				r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
				r.ready()
				for i := range 6 {
					w.leap(step)
					for range 3 {
						r.call(M{"_": "messages.createChat", "title": fmt.Sprint(i), "users": []M{{"_": "inputUserSelf"}}})
						time.Sleep(20 * time.Second)
					}
				}
				equal(t, "executed", s.Executed("messages.createChat"), 18)
				equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
			})
		})
	}
}

// E18: a machine that slept does not wait for its connection to time out: it makes another one, and the difference is to be
// fetched.
func TestSleep(t *testing.T) {
	for _, sleep := range []time.Duration{time.Minute, time.Hour, 30 * time.Hour} {
		t.Run(fmt.Sprint(sleep), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{}
				s := mttest.NewServer(t, inMemory, clockOf(w))
				n := &faultyNet{dial: s.Dial}
				r := prepare(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.Dial = n.Dial })
				r.SetWall(w.now)
				go func() { r.ran <- r.Run(r.ctx) }()
				defer r.end()
				r.ready()
				time.Sleep(time.Minute)
				for i := range 3 {
					n.freeze() // what was connected is so no more, and nobody says so
					w.leap(sleep)
					time.Sleep(6 * time.Second)
					if up := seen[mtproto.Connected](r); len(up) != i+2 {
						t.Fatalf("not connected again in 6 s: %v", seen[mtproto.Disconnected](r))
					}
					began := time.Now()
					r.call(M{"_": "updates.getState"})
					if d := time.Since(began); d > time.Second {
						t.Errorf("a call took %v", d)
					}
				}
				for _, d := range seen[mtproto.Disconnected](r) {
					if d.Next > time.Second || errors.Is(d.Err, mtproto.ErrKeyUnknown) {
						t.Errorf("%v, then %v", d.Err, d.Next)
					}
				}
				equal(t, "doubts", len(seen[mtproto.KeyDoubted](r)), 0)
				equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
			})
		})
	}
}

// A wall clock that is set back breaks nothing, and what is kept of the server's is right afterwards.
func TestWallSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		w.leap(5 * time.Hour)
		s := mttest.NewServer(t, inMemory)
		r := prepare(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.SetWall(w.now)
		go func() { r.ran <- r.Run(r.ctx) }()
		r.ready()
		time.Sleep(time.Minute)
		if off := r.State().DCs[2].Offset; (off + 5*time.Hour).Abs() > 2*time.Second {
			t.Errorf("offset %v", off)
		}
		w.leap(-5 * time.Hour)
		time.Sleep(time.Minute)
		r.call(M{"_": "updates.getState"})
		r.end()
		equal(t, "disconnected", len(seen[mtproto.Disconnected](r)), 0)
		if off := r.state().DCs[2].Offset; off.Abs() > 2*time.Second {
			t.Errorf("offset %v", off)
		}
	})
}
