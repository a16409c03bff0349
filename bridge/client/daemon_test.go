package client_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec/codectest"
	"github.com/natsgram/natsgram/tl/tg"
	"github.com/natsgram/natsgram/tl/tg/tgtest"
)

// relay is what the Telegram in a box shall answer to the one query that a test makes at a time.
type relay struct {
	mu            sync.Mutex
	query, answer []byte
	asked         int
}

func (r *relay) intercept(q *mttest.Request) mttest.Action {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.query == nil || !bytes.Equal(q.Query, r.query) {
		return mttest.Pass()
	}
	r.asked++
	return mttest.AnswerRaw(r.answer)
}

func (r *relay) expect(query, answer []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.query, r.answer, r.asked = query, answer, 0
}

// kept reports whether a daemon serves a method only if its operator names it. The list itself is held against the schema
// where it stands (bridge/rpc); here it has to be what callers meet.
func kept(f *tl.Combinator) bool { return methods.Refusal(f, nil) != "" }

// Every function, called once over the bus: the query arrives at Telegram as it was, and the result is what that answered.
// Those that a daemon does not serve are refused, and nothing is sent.
func TestCallEverythingOverTheBus(t *testing.T) {
	api, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		t.Fatal(err)
	}
	// Drawn queries name messages without saying in which chat, which is refused where login codes are withheld.
	w := newFixture(t, func(s *bridge.Settings) { s.ServiceMessages = true })
	bus, r, g := client.New(w.nc, "main"), &relay{}, codectest.New(api, 23)
	w.Intercept(r.intercept)
	if _, err := w.nc.Request("tg.ctl.main.budget.set", []byte(`{"name":"all","methods":["*"],"any_price":true}`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"auth.logOut", "account.deleteAccount", "updates.getDifference", "auth.exportAuthorization"} {
		if !kept(api.Function(name)) {
			t.Errorf("%s is served to everybody", name)
		}
	}
	for _, f := range tgtest.Functions {
		decl := api.Function(f.Name)
		if len(decl.Generic) > 0 {
			continue // TestWrappersOverTheBus
		}
		req := f.NewRequest()
		query, answer := g.Boxed(nil, decl, 2), g.Value(nil, decl.Result, 3)
		if err := tg.Decode(query, req); err != nil {
			t.Fatal(err)
		}
		r.expect(query, answer)
		result, err := f.Call(soon(t), bus, req)
		if kept(decl) {
			var e *client.Error
			if !errors.Is(err, client.ErrNotAllowed) || !errors.As(err, &e) || e.Sent != client.SentNo || r.asked != 0 {
				t.Errorf("%s: %v, want it refused (asked %d times)", f.Name, err, r.asked)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v (asked %d times)", f.Name, err, r.asked)
			continue
		}
		if got, err := tgtest.AppendResult(nil, result); err != nil || !bytes.Equal(got, answer) {
			t.Errorf("%s: answered %x, returned %x", f.Name, answer, got)
		}
	}
}

// H4: what wraps a call goes around it, and is sent where the wrapper's permissions are.
func TestWrappersOverTheBus(t *testing.T) {
	w := newFixture(t)
	w.InterceptMethod("account.getBotBusinessConnection", func(r *mttest.Request) mttest.Action {
		about := mttest.M{"_": "botBusinessConnection", "connection_id": r.Args.Str("connection_id"), "user_id": 7, "dc_id": 2, "date": 1}
		return mttest.Answer(mttest.M{"_": "updates", "date": 1, "seq": 0, "users": []mttest.M{}, "chats": []mttest.M{},
			"updates": []mttest.M{{"_": "updateBotBusinessConnect", "connection": about, "qts": 1}}})
	})
	bus := client.New(w.nc, "main")
	for _, wrapper := range []tg.Wrapper{
		&tg.InvokeWithoutUpdatesRequest{},
		&tg.InvokeWithMessagesRangeRequest{Range: &tg.MessageRange{MinID: 1, MaxID: 2}},
		&tg.InvokeWithTakeoutRequest{TakeoutID: 1},
		&tg.InvokeWithBusinessConnectionRequest{ConnectionID: "c"},
		&tg.InvokeAfterMsgsRequest{},
	} {
		got, err := tg.HelpGetNearestDc(soon(t), tg.With(bus, wrapper), nil)
		if err != nil || got.ThisDc == 0 {
			t.Errorf("%T: %v, %+v", wrapper, err, got)
		}
	}
	for _, wrapper := range []tg.Wrapper{&tg.InvokeWithLayerRequest{Layer: tg.Layer}, &tg.InitConnectionRequest{ApiID: 1}} {
		if _, err := tg.HelpGetNearestDc(soon(t), tg.With(bus, wrapper), nil); !errors.Is(err, client.ErrNotAllowed) {
			t.Errorf("%T: %v", wrapper, err)
		}
	}
	if _, err := tg.AuthLogOut(soon(t), tg.With(bus, &tg.InvokeWithoutUpdatesRequest{}), nil); !errors.Is(err, client.ErrNotAllowed) {
		t.Errorf("auth.logOut within another call: %v", err)
	}
	readOnly := client.New(w.nc, "main", client.ReadOnly())
	if _, err := tg.HelpGetNearestDc(soon(t), readOnly, nil); err != nil {
		t.Error(err)
	}
	send := &tg.MessagesSendMessageRequest{Peer: &tg.InputPeerSelf{}, Message: "x"}
	if _, err := tg.MessagesSendMessage(soon(t), readOnly, send); !errors.Is(err, client.ErrNotAllowed) {
		t.Errorf("a reader sends: %v", err)
	}
}

// Telegram's refusals look the same as straight from Telegram.
func TestErrorsOfTelegram(t *testing.T) {
	w := newFixture(t)
	bus := client.New(w.nc, "main")
	_, err := tg.HelpGetSupport(soon(t), bus, nil)
	var e *client.Error
	if !errors.As(err, &e) || e.Code != 400 || e.Type == "" || e.Sent != client.SentYes {
		t.Errorf("%v", err)
	}
	w.FailNext("help.getConfig", 1, 420, "FLOOD_WAIT_77")
	_, err = tg.HelpGetConfig(soon(t), bus, nil)
	if !tg.IsKind(err, "FLOOD_WAIT") || tg.RetryAfter(err) != 77*time.Second {
		t.Errorf("%v", err)
	}
}

// lossy stands between a client and the daemon, under a prefix of its own, and loses as many answers as it is told to.
func lossy(t *testing.T, nc *nats.Conn, lose *atomic.Int32) {
	t.Helper()
	_, err := nc.Subscribe("lossy.rpc.main.>", func(msg *nats.Msg) {
		on := &nats.Msg{Subject: "tg" + strings.TrimPrefix(msg.Subject, "lossy"), Header: msg.Header, Data: msg.Data}
		reply, err := nc.RequestMsg(on, 10*time.Second)
		if err != nil {
			t.Error(err)
		} else if lose.Add(-1) < 0 {
			_ = msg.RespondMsg(reply)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

// D18: the answer is lost on its way, and the client asks again with the same id: what reads is read again, what writes is made once,
// and its answer told again.
func TestLostAnswers(t *testing.T) {
	w := newFixture(t)
	bus := client.New(w.nc, "main", client.Prefix("lossy"), client.Timeout(300*time.Millisecond))
	var lose atomic.Int32
	lossy(t, connect(t, w.url), &lose)
	for _, c := range []struct {
		method string
		call   func() error
		made   int
	}{
		{"help.getNearestDc", func() error { _, err := tg.HelpGetNearestDc(soon(t), bus, nil); return err }, 2},
		{"messages.sendMessage", func() error {
			_, err := tg.MessagesSendMessage(soon(t), bus, &tg.MessagesSendMessageRequest{Peer: w.peer(w.alice), Message: "once"})
			return err
		}, 1},
		{"account.updateStatus", func() error {
			_, err := tg.AccountUpdateStatus(soon(t), bus, &tg.AccountUpdateStatusRequest{Offline: true})
			return err
		}, 1},
	} {
		before := w.Executed(c.method)
		lose.Store(1)
		if err := c.call(); err != nil {
			t.Errorf("%s: %v", c.method, err)
		}
		if made := w.Executed(c.method) - before; made != c.made {
			t.Errorf("%s reached Telegram %d times, want %d", c.method, made, c.made)
		}
	}
	if sent := w.Distinct("messages.sendMessage"); sent != 1 {
		t.Errorf("%d messages were sent", sent)
	}
}

// The daemon goes, and comes back: a call waits for it, and says what it waits for when its time is over.
func TestDaemonGoneAndBack(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	w := newFixture(t, func(s *bridge.Settings) { s.URL, s.Secret = srv.ClientURL(), "sixteen characters" })
	bus := client.New(w.nc, "main")
	w.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // for one attempt at least, however busy the machine
	defer cancel()
	send := &tg.MessagesSendMessageRequest{Peer: w.peer(w.alice), Message: "hello"}
	if _, err := tg.MessagesSendMessage(ctx, bus, send); !errors.Is(err, client.ErrNoDaemon) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := tg.MessagesSendMessage(soon(t), bus, send)
		sent <- err
	}()
	w.start()
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if n := w.Executed("messages.sendMessage"); n != 1 {
		t.Errorf("sent %d times", n)
	}
}
