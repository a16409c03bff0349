package rpc

import (
	"context"
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
			"freeze": {Subject: "tg.ctl.main.freeze", Slow: true, Operator: true, Answer: atOnce},
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

// More than can wait of what others may ask loses nothing of what operators ask: they do not wait in one row.
func TestOperatorsHaveARowOfTheirOwn(t *testing.T) {
	gate := make(chan struct{})
	g := newRig(t, nearestDC, func(c *Config) {
		c.Extra = map[string]Extra{
			"chats":  {Subject: "tg.ctl.main.chats", Answer: waiting(gate)}, // not slow: the row stands still
			"freeze": {Subject: "tg.ctl.main.freeze", Slow: true, Operator: true, Answer: atOnce},
		}
	})
	defer close(gate)
	g.flood(1000, "tg.ctl.main.chats", "{}")
	for _, subject := range []string{"tg.ctl.main.freeze", "$SRV.PING.natsgram-main"} {
		if reply := g.ask(subject, "{}"); reply.Header.Get("Nats-Service-Error-Code") != "" {
			t.Errorf("%s: %v", subject, reply.Header)
		}
	}
}
