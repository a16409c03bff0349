package mtproto_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
)

// slowly is a Save that takes its time, and how many there were.
type slowly struct {
	mu    sync.Mutex
	takes time.Duration
	done  int
	last  mtproto.State
}

func (s *slowly) save(st mtproto.State) error {
	s.mu.Lock()
	takes := s.takes
	s.mu.Unlock()
	time.Sleep(takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	s.last = st
	return nil
}

// However long the state takes to be saved, calls and updates go on, and no connection is given up: new addresses, salts and
// clocks wait for nobody. Of many changes the newest state is saved.
func TestSlowSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice"})
		slow := &slowly{}
		r := start(t, s, as(s, alice), func(o *mtproto.Options) { o.Save = slow.save })
		r.ready()
		time.Sleep(20 * time.Minute) // so that salts are a reason too
		slow.mu.Lock()
		slow.takes, slow.done = time.Minute, 0
		slow.mu.Unlock()
		for range 20 {
			alice.Push(M{"_": "updateConfig"})
			s.Faults.Next(wire.NewSalt, 1)
			began := time.Now()
			r.call(getConfig)
			if took := time.Since(began); took > time.Second {
				t.Errorf("a call took %v", took)
			}
			time.Sleep(time.Second)
		}
		equal(t, "connections lost", len(seen[mtproto.Disconnected](r)), 0)
		time.Sleep(5 * time.Minute)
		slow.mu.Lock()
		defer slow.mu.Unlock()
		if slow.done < 1 || slow.done > 3 {
			t.Errorf("saved %d times", slow.done)
		}
		equal(t, "addresses saved", len(slow.last.Config.Options) > 0, true)
	})
}

// A key is worth nothing before it is kept: it is not used before.
func TestKeyWaitsForSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		slow := &slowly{takes: time.Minute}
		r := start(t, s, func(o *mtproto.Options) { o.Save = slow.save })
		time.Sleep(30 * time.Second)
		if s.Executed("help.getConfig") != 0 {
			t.Error("a key was used that nobody has kept")
		}
		time.Sleep(time.Minute)
		r.ready()
	})
}

// Somebody who takes his time over an event, which he should not, holds up those who emit nothing, and the events after it keep
// their order.
func TestSlowEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"})
		var mu sync.Mutex
		var names []string
		r := start(t, s, func(o *mtproto.Options) {
			o.Events = func(e mtproto.Event) {
				mu.Lock()
				names = append(names, e.Name())
				mu.Unlock()
				if e.Name() == "auth.state" {
					time.Sleep(time.Minute)
				}
			}
		})
		r.ready()
		go func() { _, _ = r.Login().SendCode(r.ctx, "+15550001") }()
		time.Sleep(time.Second)
		s.Cut()
		r.call(getConfig)
		time.Sleep(2 * time.Minute)
		r.end()
		mu.Lock()
		defer mu.Unlock()
		if n := len(names); n < 4 || names[n-3] != "auth.state" || names[n-2] != "disconnected" || names[n-1] != "connected" {
			t.Errorf("%v", names)
		}
	})
}
