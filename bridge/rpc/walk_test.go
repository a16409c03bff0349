package rpc

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/walktest"
	"github.com/natsgram/natsgram/tl/codec"
)

// outsideCodec is a stack without what the codec calls back while it reads.
func outsideCodec(stack []string) []string {
	at := slices.IndexFunc(stack, func(file string) bool { return strings.HasPrefix(file, "tl/codec/") })
	return stack[:max(at, 0)]
}

// A call goes through the files that docs/ARCHITECTURE.md names, and enters none of them twice: while it gets its place, on its way to
// Telegram, and as an answer.
func TestWalk(t *testing.T) {
	var placed, encoded, invoked, answered []string
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) {
		invoked = walktest.Here()
		return tlOf(codec.M{"_": "updates", "updates": []codec.M{}, "users": []codec.M{}, "chats": []codec.M{}, "date": 1, "seq": 0})
	}, func(c *Config) {
		c.Locate = func(class, text string, hole int64) ([]byte, string, bool) {
			if placed == nil { // later it is the call itself that is made
				placed = outsideCodec(walktest.Here())
			}
			return nil, "", false
		}
		c.Resolve = func(context.Context, string, string) ([]byte, bool, *Fault) {
			encoded = outsideCodec(walktest.Here())
			b, err := tlOf(codec.M{"_": "inputPeerSelf"})
			return b, err == nil, nil
		}
		c.Measure = func(string, string, time.Duration, int) { answered = walktest.Here() }
	})
	if m := g.ask("tg.rpc.main.messages.sendMessage", `{"peer":"@bob","message":"x"}`); m.Header.Get("Nats-Service-Error") != "" {
		t.Fatal(m.Header)
	}
	const root = "../.."
	walktest.Check(t, root, walktest.Call, placed, "bridge/answer/answer.go", "bridge/rpc/rpc.go", "bridge/rpc/order.go")
	walktest.Check(t, root, walktest.Call, encoded, "bridge/turns", "bridge/rpc/handler.go", "bridge/rpc/encode.go")
	walktest.Check(t, root, walktest.Call, invoked, "bridge/turns", "bridge/rpc/handler.go", "bridge/rpc/invoke.go")
	walktest.Check(t, root, walktest.Call, answered, "bridge/turns", "bridge/rpc/handler.go", "bridge/rpc/invoke.go", "bridge/rpc/result.go", "bridge/rpc/reply.go")
}
