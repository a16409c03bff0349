package mtproto_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

var getNearest = M{"_": "help.getNearestDc"}

// D17: short flood waits are sat out, long ones reported with how long they are.
func TestFloodWait(t *testing.T) {
	for _, tc := range []struct {
		text  string
		limit time.Duration // 0: the default, 10 s
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		waits bool
	}{
		{text: "FLOOD_WAIT_3", waits: true},
		{text: "FLOOD_PREMIUM_WAIT_10", waits: true},
		{text: "SLOWMODE_WAIT_5", waits: true},
		{text: "FLOOD_WAIT_11"},
		{text: "TAKEOUT_INIT_DELAY_86400"},
		{text: "FLOOD_WAIT_60", limit: time.Minute, waits: true},
		{text: "FLOOD_WAIT_1", limit: -1},
		{text: "FLOOD_WAIT_3", ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return mtproto.WithFloodWait(ctx, 2*time.Second), func() {}
		}},
		{text: "FLOOD_WAIT_300", waits: true, ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return mtproto.WithFloodWait(ctx, time.Hour), func() {}
		}},
		{text: "FLOOD_WAIT_3", ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 2*time.Second)
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			r := start(t, s, func(o *mtproto.Options) { o.Limits.FloodWait = tc.limit })
			r.ready()
			s.FailNext("help.getNearestDc", 1, 420, tc.text)
			ctx, cancel := t.Context(), func() {}
			if tc.ctx != nil {
				ctx, cancel = tc.ctx(ctx)
			}
			defer cancel()
			began := time.Now()
			_, err := r.tryCall(ctx, getNearest)
			took := time.Since(began)
			e := seen[mtproto.FloodWait](r)
			if len(e) != 1 || e[0].Method != "help.getNearestDc" || e[0].Waits != tc.waits {
				t.Fatalf("%s: events %+v", tc.text, e)
			}
			if tc.waits && (err != nil || took < e[0].Wait || took > e[0].Wait+time.Second) {
				t.Errorf("%s: %v after %v", tc.text, err, took)
			}
			if !tc.waits && (mtproto.RetryAfter(err) != e[0].Wait || took > time.Second) {
				t.Errorf("%s: %v after %v", tc.text, err, took)
			}
		})
	}
}

// D17: all calls of a method wait, without asking Telegram; other methods do not.
func TestFloodWaitOfMethod(t *testing.T) {
	for _, kind := range []string{"FLOOD_WAIT", "FLOOD_PREMIUM_WAIT"} {
		floodWaitOfMethod(t, kind)
	}
}

func floodWaitOfMethod(t *testing.T, kind string) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s)
		r.ready()
		s.FailNext("help.getNearestDc", 1, 420, kind+"_100")
		r.refused(getNearest, 420, kind+"_100")
		time.Sleep(30 * time.Second)
		if e := r.refused(getNearest, 420, kind+"_70"); e.Sent != mtproto.SentNo {
			t.Errorf("sent %v", e.Sent)
		}
		equal(t, "executed", s.Executed("help.getNearestDc"), 0)
		r.call(getConfig)
		time.Sleep(65 * time.Second)
		began := time.Now()
		r.call(getNearest)
		if d := time.Since(began); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("waited %v", d)
		}
	})
}

// D17: what is said of a call to one peer holds for that peer, and for all of the method when a second peer is told the same.
// A slow mode is always of one chat. The peer is found behind wrappers too.
func TestFloodWaitOfPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		var said string
		s.InterceptMethod("messages.sendMessage", func(*mttest.Request) mttest.Action {
			if said == "" {
				return mttest.Answer(M{"_": "updatesTooLong"})
			}
			return mttest.Error(420, said)
		})
		send := func(chat int) M {
			return M{"_": "messages.sendMessage", "peer": M{"_": "inputPeerChat", "chat_id": chat}, "message": "x", "random_id": rand.Int64()}
		}
		takeout := func(call M) M { return M{"_": "invokeWithTakeout", "takeout_id": 1, "query": call} }

		said = "SLOWMODE_WAIT_60"
		r.refused(send(1), 420, said)
		r.refused(send(2), 420, said)
		said = ""
		for _, call := range []M{send(1), takeout(send(1)), send(2)} {
			if e := r.refused(call, 420, "SLOWMODE_WAIT_60"); e.Sent != mtproto.SentNo || e.Method != "messages.sendMessage" {
				t.Errorf("%+v", e)
			}
		}
		r.call(send(3))
		r.call(getConfig)
		time.Sleep(time.Minute)
		r.call(send(1))

		said = "FLOOD_WAIT_60"
		r.refused(send(1), 420, said)
		said = ""
		time.Sleep(10 * time.Second)
		if e := r.refused(send(1), 420, "FLOOD_WAIT_50"); e.Sent != mtproto.SentNo {
			t.Errorf("sent %v", e.Sent)
		}
		r.call(send(2))
		said = "FLOOD_WAIT_100"
		r.refused(takeout(send(2)), 420, said)
		said = ""
		if e := r.refused(send(3), 420, "FLOOD_WAIT_100"); e.Sent != mtproto.SentNo {
			t.Errorf("sent %v", e.Sent)
		}
		time.Sleep(100 * time.Second)
		for chat := range 4 {
			r.call(send(chat))
		}
	})
}

// D17: errors of Telegram's side pass; what may have been done is not done again.
func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		call  M
		code  int
		text  string
		again bool
	}{
		{getNearest, 500, "RPC_CALL_FAIL", true},
		{getNearest, -503, "Timeout", true},
		{getNearest, 500, "SOMETHING_INTERNAL", true},
		{getNearest, 400, "MSG_WAIT_TIMEOUT", true},
		{getNearest, 400, "PEER_ID_INVALID", false},
		{getNearest, 501, "NOT_IMPLEMENTED", false},
		{M{"_": "account.updateStatus", "offline": true}, 500, "RPC_CALL_FAIL", true},
		{M{"_": "account.updateStatus", "offline": true}, -503, "Timeout", false},
		{M{"_": "account.updateStatus", "offline": true}, 500, "SOMETHING_INTERNAL", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
			r.ready()
			method := tc.call["_"].(string)
			s.FailNext(method, 1, tc.code, tc.text)
			_, err := r.Invoke(t.Context(), r.encode(tc.call))
			if (err == nil) != tc.again {
				t.Errorf("%s: %d %s: %v", method, tc.code, tc.text, err)
			}
			s.FailNext(method, 100, tc.code, tc.text)
			_, err = r.Invoke(t.Context(), r.encode(tc.call))
			var e *mtproto.Error
			if !errors.As(err, &e) || e.Code != tc.code {
				t.Errorf("%s: for ever %d %s: %v", method, tc.code, tc.text, err)
			}
		})
	}
}
