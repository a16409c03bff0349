package mttest_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
)

// Each fault happens when asked for, shows on the wire, and is counted.

func faulty(t *testing.T) (*mttest.Server, *mttest.Account, *client) {
	s := mttest.NewServer(t)
	a := s.AddUser(mttest.User{First: "A"})
	return s, a, as(t, s, a)
}

func happened(t *testing.T, s *mttest.Server, f wire.Fault) {
	t.Helper()
	if n := s.Faults.Count(f); n != 1 {
		t.Errorf("counted %d times", n)
	}
}

func TestFaultCut(t *testing.T) {
	s, _, c := faulty(t)
	s.Faults.CutAfter(300)
	c.dial(home(s), false)
	for range 10 {
		c.send(c.message(ping(1), false))
	}
	if err := c.broken(); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
	happened(t, s, wire.Cut)
	s.Faults.CutEvery(2000)
	for range 5 {
		c.dial(home(s), false)
		for range 50 {
			c.send(c.message(ping(1), false))
		}
		if err := c.broken(); !errors.Is(err, errGone) {
			t.Errorf("got %v", err)
		}
	}
	s.Faults.CutEvery(0)
	c.dial(home(s), false)
	c.ping(1)
	if s.Cut() == 0 {
		t.Error("nothing to cut")
	}
	if err := c.broken(); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}

// C23
func TestFaultSalts(t *testing.T) {
	s, _, c := faulty(t)
	for _, f := range []wire.Fault{wire.NewSalt, wire.WrongSalt} {
		s.Faults.Next(f, 1)
		m := c.message(ping(1), false)
		c.send(m)
		r := c.until(idBadSalt)
		if id := r.Int64(); id != m.id {
			t.Errorf("about %x, not %x", id, m.id)
		}
		r.Int64()
		salt := r.Int64()
		if f == wire.NewSalt {
			c.salt = salt
		} else if salt == c.salt {
			t.Error("the wrong salt is right")
		}
		c.ping(2)
		happened(t, s, f)
	}
	s.NewSalts()
	c.send(c.message(ping(1), false))
	c.until(idBadSalt)
}

// C37
func TestFaultDestroySession(t *testing.T) {
	s, _, c := faulty(t)
	s.Faults.Next(wire.DestroySession, 1)
	c.send(c.message(ping(1), false))
	c.until(idNewSession)
	happened(t, s, wire.DestroySession)
}

func TestFaultLoseAnswer(t *testing.T) {
	s, _, c := faulty(t)
	s.Faults.Next(wire.LoseAnswer, 1)
	id := c.post(sendTo(M{"_": "inputPeerSelf"}, "once", 1))
	if err := c.broken(); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
	c.dial(home(s), false)
	c.send(c.message(ping(1), false))
	if _, err := c.answer(id); err != nil {
		t.Error(err)
	}
	if n := s.Executed("messages.sendMessage"); n != 1 {
		t.Errorf("executed %d times", n)
	}
	happened(t, s, wire.LoseAnswer)
}

func TestFaultAcks(t *testing.T) {
	s, _, c := faulty(t)
	s.InterceptMethod("help.getAppConfig", func(*mttest.Request) mttest.Action { return mttest.Drop() })
	s.Faults.Next(wire.LoseAck, 1)
	c.post(M{"_": "help.getAppConfig", "hash": 0})
	c.silent(idAck)
	happened(t, s, wire.LoseAck)

	id := c.post(M{"_": "help.getNearestDc"})
	m, err := c.poll(time.Second)
	for err == nil && m.ctor() != idRPCResult {
		m, err = c.poll(time.Second)
	}
	s.Faults.Next(wire.IgnoreAcks, 1)
	c.send(c.message(words(idAck, []int64{m.id}), false))
	c.ping(3)
	c.dial(home(s), false)
	c.send(c.message(ping(1), false))
	if _, err := c.answer(id); err != nil {
		t.Error("the acknowledgement was noted after all: ", err)
	}
	happened(t, s, wire.IgnoreAcks)
}

func TestFaultDuplicate(t *testing.T) {
	s, _, c := faulty(t)
	s.Faults.Next(wire.Duplicate, 1)
	c.send(c.message(ping(1), false))
	for range 2 {
		c.until(idPong)
	}
	happened(t, s, wire.Duplicate)
}

func TestFaultReorder(t *testing.T) {
	s, a, c := faulty(t)
	c.away()
	for range 1001 { // more than one packet holds
		a.Send(a, "x")
	}
	s.Faults.Next(wire.Reorder, 1)
	c.dial(home(s), false)
	c.send(c.message(ping(1), false))
	const first = "updates: updateNewMessage 1+1 x"
	if got := c.pushed(); got == first {
		t.Error("nothing overtook the first packet")
	}
	for c.pushed() != first {
		continue
	}
	happened(t, s, wire.Reorder)
}

// away hangs up and waits until the server has noticed.
func (c *client) away() {
	c.ping(98)
	c.hangUp()
	for c.s.Connections() > 0 {
		runtime.Gosched()
	}
}

func TestFaultLoseUpdate(t *testing.T) {
	s, a, c := faulty(t)
	s.Faults.Next(wire.LoseUpdate, 1)
	a.Send(a, "lost")
	a.Send(a, "found")
	c.expect("updates: updateNewMessage 2+1 found")
	if v := c.call(difference(0)); v.Len("new_messages") != 2 {
		t.Errorf("%d messages in the difference", v.Len("new_messages"))
	}
	happened(t, s, wire.LoseUpdate)
}

func TestFaultsByChance(t *testing.T) {
	s, _, c := faulty(t)
	s.Faults.Draw(7, wire.Rates{wire.Duplicate: 0.5})
	for i := range 200 {
		c.ping(int64(i + 1))
	}
	if n := s.Faults.Count(wire.Duplicate); n < 60 || n > 140 {
		t.Errorf("%d of 200 at 0.5", n)
	}
	s.Faults.Draw(7, nil)
	before := s.Faults.Count(wire.Duplicate)
	c.ping(999)
	if s.Faults.Count(wire.Duplicate) != before {
		t.Error("still happening")
	}
}

func TestIntercept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		c := as(t, s, s.AddUser(mttest.User{First: "A"}))
		q := M{"_": "help.getNearestDc"}
		var seen []string
		action := mttest.Pass()
		remove := s.Intercept(func(r *mttest.Request) mttest.Action {
			seen = append(seen, r.Method)
			return action
		})
		for _, tt := range []struct {
			action mttest.Action
			want   string
			after  time.Duration
		}{
			{mttest.Pass(), "ZZ", 0},
			{mttest.Answer(M{"_": "nearestDc", "country": "XX", "this_dc": 1, "nearest_dc": 1}), "XX", 0},
			{mttest.AnswerRaw(c.encode(M{"_": "nearestDc", "country": "YY", "this_dc": 1, "nearest_dc": 1})), "YY", 0},
			{mttest.Error(420, "FLOOD_WAIT_7"), "420 FLOOD_WAIT_7", 0},
			{mttest.Delay(3*time.Second, mttest.Pass()), "ZZ", 3 * time.Second},
			{mttest.Delay(time.Second, mttest.Error(500, "X")), "500 X", time.Second},
		} {
			action = tt.action
			begin := time.Now()
			b, err := c.try(q)
			got := fmt.Sprint(err)
			if err == nil {
				v, _ := s.Schema().View(b)
				got = v.Str("country")
			}
			if took := time.Since(begin); got != tt.want || took != tt.after {
				t.Errorf("got %s after %v, want %s after %v", got, took, tt.want, tt.after)
			}
		}
		for _, a := range []mttest.Action{mttest.Disconnect(), mttest.Lose()} {
			action = a
			c.post(q)
			if err := c.broken(); !errors.Is(err, errGone) {
				t.Errorf("got %v", err)
			}
			c.dial(home(s), false)
		}
		remove()
		c.call(q)
		if len(seen) != 8 || s.Executed("help.getNearestDc") != 4 {
			t.Errorf("seen %v, executed %d", seen, s.Executed("help.getNearestDc"))
		}
		s.FailNext("help.getNearestDc", 1, 420, "FLOOD_WAIT_1")
		c.refused(q, "420 FLOOD_WAIT_1")
		c.call(q)
	})
}
