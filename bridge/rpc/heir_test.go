package rpc

import (
	"context"
	"testing"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// What a former owner passes on when its time is over may stand behind calls to the same chat that came after it: it is refused, and was
// not sent. What is in no order is made all the same.
func TestPassedOnTooLate(t *testing.T) {
	for name, c := range map[string]struct {
		behind string // for whose requests this owner waits
		over   bool   // that has taken too long
		code   string
	}{
		"in time":        {"FORMER", false, ""},
		"too late":       {"FORMER", true, "503"},
		"of nobody here": {"", false, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
				if call.Name() == "messages.sendMessage" {
					return tlOf(codec.M{"_": "updatesTooLong"})
				}
				return nearestDC(t.Context(), call)
			}, func(cfg *Config) { cfg.Behind = c.behind })
			if c.over {
				g.s.heir.catchUp()
			}
			ask := func(method, body string) (code string) {
				return g.ask("tg.rpc.main."+method, body, subjects.HeaderPassed, "FORMER").Header.Get("Nats-Service-Error-Code")
			}
			if got := ask("messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"x"}`); got != c.code {
				t.Errorf("a call to a chat: %q, want %q", got, c.code)
			}
			if got := ask("help.getNearestDc", "{}"); got != "" {
				t.Errorf("a call in no order: %q", got)
			}
		})
	}
}
