package rpc

import (
	"context"
	"sync"
	"testing"
)

// waiting answers when the gate opens.
func waiting(gate <-chan struct{}) func(context.Context, []byte) ([]byte, *Fault) {
	return func(context.Context, []byte) ([]byte, *Fault) {
		<-gate
		return []byte("{}"), nil
	}
}

func atOnce(context.Context, []byte) ([]byte, *Fault) { return []byte("{}"), nil }

// Whoever fills the places of one verb keeps nobody from another. As reported: forty searches of a reader, and an operator's freeze was
// refused as long as they went on.
func TestPlacesAreEachVerbsOwn(t *testing.T) {
	gate := make(chan struct{})
	g := newRig(t, nearestDC, func(c *Config) {
		c.Extra = map[string]Extra{
			"search": {Subject: "tg.ctl.main.peers.search", Slow: true, Answer: waiting(gate)},
			"get":    {Subject: "tg.ctl.main.peers.get", Slow: true, Answer: atOnce},
			"freeze": {Subject: "tg.ctl.main.freeze", Slow: true, Answer: atOnce},
		}
	})
	codes := g.flood(40, "tg.ctl.main.peers.search", "{}")
	for range 40 - extraMost {
		if code := <-codes; code != "503 no 1" {
			t.Errorf("got %q", code)
		}
	}
	for _, subject := range []string{"tg.ctl.main.freeze", "tg.ctl.main.peers.get"} {
		if reply := g.ask(subject, "{}"); reply.Header.Get("Nats-Service-Error-Code") != "" {
			t.Errorf("%s: %v", subject, reply.Header)
		}
	}
	close(gate)
	for range extraMost {
		if code := <-codes; code != "  " {
			t.Errorf("got %q", code)
		}
	}
	if reply := g.ask("tg.ctl.main.peers.search", "{}"); reply.Header.Get("Nats-Service-Error-Code") != "" {
		t.Errorf("the places are not free again: %v", reply.Header)
	}
}

// One caller whom NATS tells of leaves places of a verb to others, however many requests of his are at work.
func TestACallerLeavesPlacesOfAVerb(t *testing.T) {
	_, user := imports(t)
	gate := make(chan struct{})
	const verb = "tg.ctl.main.peers.search"
	g := newRig(t, nearestDC, func(c *Config) {
		c.Answers = answersOf(t, user("daemon"))
		c.Extra = map[string]Extra{"search": {Subject: verb, Slow: true, Answer: func(_ context.Context, request []byte) ([]byte, *Fault) {
			if string(request) == "{}" {
				<-gate
			}
			return []byte("{}"), nil
		}}}
	})
	g.nc = user("alice")
	codes := g.flood(40, verb, "{}")
	for range 40 - callerMost {
		if code := <-codes; code != "503 no 1" {
			t.Errorf("got %q", code)
		}
	}
	g.nc = user("bob")
	if reply := g.ask(verb, `{"text":""}`); reply.Header.Get("Nats-Service-Error-Code") != "" {
		t.Errorf("alice keeps bob out: %v", reply.Header)
	}
	close(gate)
	for range callerMost {
		if code := <-codes; code != "  " {
			t.Errorf("got %q", code)
		}
	}
}

// Who has an answer finds the place free: as many as there are places ask again and again, and nobody is refused.
func TestPlacesAreFreeWithTheAnswer(t *testing.T) {
	g := newRig(t, nearestDC, func(c *Config) {
		c.Extra = map[string]Extra{"get": {Subject: "tg.ctl.main.peers.get", Slow: true, Answer: atOnce}}
	})
	var callers sync.WaitGroup
	for range extraMost {
		callers.Go(func() {
			for range 200 {
				reply, err := g.nc.RequestWithContext(t.Context(), "tg.ctl.main.peers.get", []byte("{}"))
				if err != nil || reply.Header.Get("Nats-Service-Error-Code") != "" {
					t.Errorf("%v: %v", err, reply)
					return
				}
			}
		})
	}
	callers.Wait()
}

// What comes in a burst is answered, each of it, and is in nobody else's way: each verb has a row of its own. As reported: of a thousand
// requests for peers half got no answer, and thirteen of twenty of another role's for history none.
func TestBurstsAreAnswered(t *testing.T) {
	gate := make(chan struct{})
	g := newRig(t, nearestDC, func(c *Config) {
		c.Extra = map[string]Extra{
			"chats":   {Subject: "tg.ctl.main.chats", Answer: waiting(gate)}, // not slow: the row stands still
			"search":  {Subject: "tg.ctl.main.peers.search", Slow: true, Answer: waiting(gate)},
			"history": {Subject: "tg.ctl.main.history.list", Slow: true, Answer: atOnce},
		}
	})
	const burst = 5000
	still, slow := g.flood(burst, "tg.ctl.main.chats", "{}"), g.flood(burst, "tg.ctl.main.peers.search", "{}")
	for _, subject := range []string{"tg.ctl.main.history.list", "$SRV.PING.natsgram-main"} {
		if reply := g.ask(subject, "{}"); reply.Header.Get("Nats-Service-Error-Code") != "" {
			t.Errorf("%s: %v", subject, reply.Header)
		}
	}
	for range burst - extraMost {
		if code := <-slow; code != "503 no 1" {
			t.Fatalf("got %q", code)
		}
	}
	close(gate)
	for range burst {
		if code := <-still; code != "  " {
			t.Fatalf("got %q", code)
		}
	}
}

// Who lets go of an account answers all that came to a verb before.
func TestLeftVerbsAreAnswered(t *testing.T) {
	gate := make(chan struct{})
	g := newRig(t, nearestDC, func(c *Config) {
		c.Extra = map[string]Extra{"status": {Subject: "tg.ctl.main.status", Answer: waiting(gate)}}
	})
	codes := g.flood(300, "tg.ctl.main.status", "{}")
	g.ask("tg.rpc.main.help.getNearestDc", "{}") // by the same connections, so that all of them have come
	g.s.Hold()
	close(gate)
	for range 300 {
		if code := <-codes; code != "  " {
			t.Fatalf("got %q", code)
		}
	}
}

// A fault of ours in one request ends no other, nor the daemon: who made it is told.
func TestVerbsSurviveAFaultOfOurs(t *testing.T) {
	g := newRig(t, nearestDC, func(c *Config) {
		c.Extra = map[string]Extra{
			"erase":  {Subject: "tg.ctl.main.erase", Slow: true, Answer: func(context.Context, []byte) ([]byte, *Fault) { panic("ours") }},
			"status": {Subject: "tg.ctl.main.status", Answer: func(context.Context, []byte) ([]byte, *Fault) { panic("ours") }},
			"freeze": {Subject: "tg.ctl.main.freeze", Slow: true, Answer: atOnce},
		}
	})
	for range extraMost + 1 {
		for subject, want := range map[string]string{"tg.ctl.main.erase": "500", "tg.ctl.main.status": "500", "tg.ctl.main.freeze": ""} {
			if got := g.ask(subject, "{}").Header.Get("Nats-Service-Error-Code"); got != want {
				t.Errorf("%s: %s, want %s", subject, got, want)
			}
		}
	}
}
