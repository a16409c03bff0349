package tg_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/tg"
	"github.com/natsgram/natsgram/tl/tg/tgtest"
)

var _ tg.CallError = (*mtproto.Error)(nil)

// D16, D17: what a program asks of an error, whichever Invoker it came from.
func TestCallErrors(t *testing.T) {
	flood := fmt.Errorf("posting: %w", &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_35", Arg: 35, Sent: mtproto.SentRefused})
	if !tg.IsKind(flood, "SLOWMODE_WAIT", "FLOOD_WAIT") || tg.IsKind(flood, "FLOOD_WAIT_35") || tg.RetryAfter(flood) != 35*time.Second {
		t.Errorf("%v: %v", flood, tg.RetryAfter(flood))
	}
	var e tg.CallError
	if !errors.As(flood, &e) || e.Executed() != "refused" {
		t.Errorf("%v: executed: %v", flood, e.Executed())
	}
	own := &mtproto.Error{Err: mtproto.ErrClosed, Sent: mtproto.SentNo}
	if tg.IsKind(own, "") || tg.RetryAfter(own) != 0 || own.Executed() != "no" {
		t.Error(own)
	}
	if tg.IsKind(errors.New("FLOOD_WAIT"), "FLOOD_WAIT") || tg.IsKind(nil, "") || tg.RetryAfter(nil) != 0 {
		t.Error("an error of nobody's")
	}
}

// Every method is found by what its calls begin with.
func TestMethodName(t *testing.T) {
	for _, f := range tgtest.Functions {
		w := bin.Writer{}
		w.Uint32(api().Function(f.Name).ID)
		if name, ok := tg.MethodName(append(w.Buf, 1)); !ok || name != f.Name {
			t.Errorf("%s: %q", f.Name, name)
		}
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, {0, 0, 0, 0}, bytes.Repeat([]byte{255}, 4), encode(t, &tg.InputPeerSelf{})} {
		if name, ok := tg.MethodName(bad); ok {
			t.Errorf("%x: %q", bad, name)
		}
	}
}
