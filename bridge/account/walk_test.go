package account

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/walktest"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/codec"
)

// followed is Telegram, which notes from where it is asked for its clock: where a message is made of an update.
type followed struct {
	*telegram
	stack *atomic.Pointer[[]string]
}

func (f followed) ClockOffset() time.Duration {
	if stack := walktest.Here(); slices.Contains(stack, "bridge/account/writer.go") { // else it is asked for the status
		f.stack.Store(&stack)
	}
	return 0
}

// An update goes through the files that docs/ARCHITECTURE.md names, and enters none of them twice.
func TestWalk(t *testing.T) {
	x, g := newRig(t), newTelegram(t)
	var stack atomic.Pointer[[]string]
	x.wrap = func(o mtproto.Options) (Client, error) { g.o = o; return followed{g, &stack}, nil }
	x.run(g)
	g.pts.Store(1)
	g.push(encode(t, codec.M{"_": "updateShortMessage", "id": 1, "user_id": 5, "message": "x", "pts": 1, "pts_count": 1, "date": 1700000000}))
	x.await(func(Status) bool { return stack.Load() != nil })
	walktest.Check(t, "../..", walktest.Update, *stack.Load(),
		"mtproto/updates/loop", "bridge/account/driver.go", "bridge/account/publisher.go", "bridge/account/writer.go")
}
