package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// A call from inside the daemon is one as all others: its place, its bounds, its answer.
func TestCallsFromInside(t *testing.T) {
	gate := make(chan struct{})
	g := newRig(t, gated(gate))
	r := g.s.Do(context.Background(), Call{Method: "help.getNearestDc", Body: []byte("{}")})
	if r.Fault != nil || !strings.Contains(string(r.Body), `"nearestDc"`) || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%+v %s", r.Fault, r.Body)
	}
	for method, code := range map[string]int{"help.noSuch": 404, "auth.logOut": 403} {
		if r := g.s.Do(context.Background(), Call{Method: method}); r.Fault == nil || r.Fault.Code != code || r.Header.Get("Nats-Service-Error-Code") != fmt.Sprint(code) {
			t.Errorf("%s: %+v", method, r.Fault)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	wait := g.s.Start(ctx, Call{Method: "help.getConfig"})
	cancel(errors.New("enough"))
	if r := wait(); r.Fault == nil {
		t.Error("a call that was given up has an answer")
	}
	close(gate)
}

// What comes from inside cannot be passed on to another daemon: it is told so.
func TestHoldTellsThoseInside(t *testing.T) {
	gate := make(chan struct{})
	g := newRig(t, func(ctx context.Context, call codec.View) ([]byte, error) {
		<-gate
		return nearestDC(ctx, call)
	}, func(c *Config) { c.Concurrency = 1 })
	first, second := g.s.Start(t.Context(), Call{Method: "help.getNearestDc"}), g.s.Start(t.Context(), Call{Method: "help.getConfig"})
	g.s.Hold()
	third := g.s.Start(t.Context(), Call{Method: "help.getNearestDc"})
	for _, wait := range []func() Reply{second, third} {
		if r := wait(); r.Fault == nil || r.Fault.Code != 503 || r.Fault.Sent != "no" {
			t.Errorf("%+v", r.Fault)
		}
	}
	close(gate)
	if r := first(); r.Fault != nil {
		t.Errorf("%+v", r.Fault)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	g.s.Finish(ctx)
	g.s.PassOn(ctx, false)
}
