package client_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/tl/executed"
	"github.com/natsgram/natsgram/tl/tg"
)

// busOnly is a NATS server without a daemon.
func busOnly(t *testing.T) *nats.Conn {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true, MaxPayload: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return connect(t, srv.ClientURL())
}

// script answers requests in turn as a daemon would, the last of it for ever. An answer is a list of headers, "" none.
type script struct {
	mu       sync.Mutex
	answers  []string
	requests []*nats.Msg
	sub      *nats.Subscription
}

const silence = "silence"

func play(t *testing.T, nc *nats.Conn, answers ...string) *script {
	t.Helper()
	s := &script{answers: answers}
	var err error
	if s.sub, err = nc.Subscribe("tg.*.main.>", s.answer); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *script) answer(msg *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, msg)
	now := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	if now == silence {
		return
	}
	reply := nats.NewMsg(msg.Reply)
	for line := range strings.SplitSeq(now, "; ") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			reply.Header.Set(name, value)
		}
	}
	if now == "" {
		reply.Data = []byte{0xb5, 0x75, 0x72, 0x99} // boolTrue
	}
	_ = msg.RespondMsg(reply)
}

func (s *script) asked() []*nats.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// What a daemon answers with.
const (
	fine      = ""
	busy      = "Nats-Service-Error-Code: 503; Nats-Service-Error: too many requests are waiting; Tg-Sent: no"
	late      = "Nats-Service-Error-Code: 504; Nats-Service-Error: Telegram did not answer in time; Tg-Sent: unknown"
	broken    = "Nats-Service-Error-Code: 500; Nats-Service-Error: natsgram failed on this request; Tg-Sent: unknown"
	unsure    = "Nats-Service-Error-Code: 409; Nats-Service-Error: is not repeated; Tg-Sent: unknown"
	refused   = "Nats-Service-Error-Code: 403; Nats-Service-Error: not served; Tg-Sent: no"
	signedOut = "Nats-Service-Error-Code: 401; Nats-Service-Error: account main is not signed in: natsgram login main; Tg-Sent: no"
	invalid   = "Nats-Service-Error-Code: 400; Nats-Service-Error: PEER_ID_INVALID; Tg-Error: PEER_ID_INVALID; Tg-Sent: yes"
	failing   = "Nats-Service-Error-Code: 500; Nats-Service-Error: RPC_CALL_FAIL; Tg-Error: RPC_CALL_FAIL; Tg-Sent: yes"
	twice     = "Nats-Service-Error-Code: 500; Nats-Service-Error: RANDOM_ID_DUPLICATE; Tg-Error: RANDOM_ID_DUPLICATE; Tg-Sent: yes"
	flood     = "Nats-Service-Error-Code: 420; Nats-Service-Error: FLOOD_WAIT_1; Tg-Error: FLOOD_WAIT_1; Tg-Sent: yes; Tg-Retry-After: 1"
	drought   = "Nats-Service-Error-Code: 420; Nats-Service-Error: FLOOD_WAIT_35; Tg-Error: FLOOD_WAIT_35; Tg-Sent: yes; Tg-Retry-After: 35"
	tooLarge  = "Nats-Service-Error-Code: 413; Nats-Service-Error: the answer has 2 MB; Tg-Sent: yes"
)

// Each error that a daemon can give, what is made of it, and how often and how the call is repeated.
func TestRetries(t *testing.T) {
	nc := busOnly(t)
	for _, c := range []struct {
		name    string
		answers string // joined by |
		retries string // the requests' Tg-Retry, each in brackets
		is      error
		want    *client.Error // nil: no error
	}{
		{"fine", fine, "[]", nil, nil},
		{"not sent", busy + "|" + busy + "|" + fine, "[][][]", nil, nil},
		{"perhaps sent", late + "|" + fine, "[][1]", nil, nil},
		{"perhaps sent, then not", broken + "|" + busy + "|" + fine, "[][1][2]", nil, nil},
		{"no answer", silence + "|" + fine, "[][1]", nil, nil},
		{"perhaps sent, not to be repeated", late + "|" + unsure, "[][1]", nil, &client.Error{Code: 504, Sent: client.SentUnknown, Attempts: 2}},
		{"no answer, not to be repeated", silence + "|" + unsure, "[][1]", client.ErrNoAnswer, &client.Error{Code: 504, Sent: client.SentUnknown, Attempts: 2}},
		{"sent twice, executed once", late + "|" + twice, "[][1]", client.ErrExecuted, &client.Error{Code: 500, Type: "RANDOM_ID_DUPLICATE", Sent: client.SentYes, Attempts: 2}},
		{"of two programs", twice, "[]", nil, &client.Error{Code: 500, Type: "RANDOM_ID_DUPLICATE", Sent: client.SentYes, Attempts: 1}},
		{"always not sent", busy, "[][][][]", nil, &client.Error{Code: 503, Sent: client.SentNo, Attempts: 4}},
		{"perhaps sent, then refused", late + "|" + busy, "[][1][2][3]", nil, &client.Error{Code: 503, Sent: client.SentUnknown, Attempts: 4}},
		{"refused by the daemon", refused, "[]", client.ErrNotAllowed, &client.Error{Code: 403, Sent: client.SentNo, Attempts: 1}},
		{"signed out", signedOut, "[]", client.ErrSignedOut, &client.Error{Code: 401, Sent: client.SentNo, Attempts: 1}},
		{"too large", tooLarge, "[]", nil, &client.Error{Code: 413, Sent: client.SentYes, Attempts: 1}},
		{"refused by Telegram", invalid, "[]", nil, &client.Error{Code: 400, Type: "PEER_ID_INVALID", Sent: client.SentYes, Attempts: 1}},
		{"Telegram fails", failing, "[]", nil, &client.Error{Code: 500, Type: "RPC_CALL_FAIL", Sent: client.SentYes, Attempts: 1}},
		{"a short flood", flood + "|" + fine, "[][]", nil, nil},
		{"a long flood", drought, "[]", nil, &client.Error{Code: 420, Type: "FLOOD_WAIT_35", Arg: 35, Wait: 35 * time.Second, Sent: client.SentYes, Attempts: 1}},
	} {
		s := play(t, nc, strings.Split(c.answers, "|")...)
		bus := client.New(nc, "main", client.Timeout(200*time.Millisecond), client.Retries(3), client.FloodWait(3*time.Second))
		ok, err := tg.AccountUpdateStatus(soon(t), bus, &tg.AccountUpdateStatusRequest{})
		retries, ids := "", map[string]bool{}
		for _, r := range s.asked() {
			retries += "[" + r.Header.Get("Tg-Retry") + "]"
			ids[r.Header.Get("Nats-Msg-Id")] = true
		}
		if retries != c.retries || len(ids) != 1 || ids[""] {
			t.Errorf("%s: asked %s by %v, want %s", c.name, retries, ids, c.retries)
		}
		if c.want == nil && (err != nil || !ok) {
			t.Errorf("%s: %v %v", c.name, ok, err)
		}
		if c.want != nil {
			checkError(t, c.name, err, c.want)
		}
		for _, cause := range []error{client.ErrNoDaemon, client.ErrNoAnswer, client.ErrSignedOut, client.ErrNotAllowed, client.ErrExecuted} {
			if errors.Is(err, cause) != errors.Is(c.is, cause) {
				t.Errorf("%s: %v, want %v", c.name, err, c.is)
			}
		}
		_ = s.sub.Unsubscribe()
	}
}

func checkError(t *testing.T, name string, err error, want *client.Error) {
	t.Helper()
	var got *client.Error
	if !errors.As(err, &got) {
		t.Errorf("%s: %v", name, err)
		return
	}
	if got.Code != want.Code || got.Type != want.Type || got.Arg != want.Arg || got.Sent != want.Sent || got.Wait != want.Wait || got.Attempts != want.Attempts {
		t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
	}
	if got.Account != "main" || got.Method != "account.updateStatus" || got.MsgID == "" || !strings.Contains(err.Error(), "main: account.updateStatus: ") {
		t.Errorf("%s: %v", name, got)
	}
	fate := executed.Answer(want.Sent)
	if want.Type != "" && want.Code < 500 {
		fate = executed.Refused
	}
	if tg.IsKind(err, got.Kind()) != (want.Type != "") || tg.RetryAfter(err) != want.Wait || got.Executed() != fate {
		t.Errorf("%s: %v", name, got)
	}
}

// What a request looks like on the wire.
func TestRequest(t *testing.T) {
	nc := busOnly(t)
	s := play(t, nc, fine)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, bus := range []*client.Client{client.New(nc, "main"), client.New(nc, "main", client.ReadOnly())} {
		if _, err := tg.AccountCheckUsername(client.WithMsgID(ctx, "m1"), bus, &tg.AccountCheckUsernameRequest{Username: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	first, second := s.asked()[0], s.asked()[1]
	timeout, err := time.ParseDuration(first.Header.Get("Tg-Timeout"))
	if err != nil || timeout < 3*time.Second || timeout > 4600*time.Millisecond {
		t.Errorf("the daemon may take %v (%v): want a little less than we wait", timeout, err)
	}
	if h := first.Header; h.Get("Content-Type") != "application/x-tl" || h.Get("Tg-Layer") != strconv.Itoa(tg.Layer) || h.Get("Nats-Msg-Id") != "m1" || h.Get("Tg-Retry") != "" {
		t.Errorf("%v", h)
	}
	if first.Subject != "tg.rpc.main.account.checkUsername" || second.Subject != "tg.ro.main.account.checkUsername" || len(first.Data) != 8 {
		t.Errorf("%s %s %x", first.Subject, second.Subject, first.Data)
	}
}

// Nobody serves the account: said at once, or waited for, as the caller wants.
func TestNoDaemon(t *testing.T) {
	nc := busOnly(t)
	_, err := tg.HelpGetConfig(soon(t), client.New(nc, "main", client.WaitForDaemon(0)), nil)
	var e *client.Error
	if !errors.Is(err, client.ErrNoDaemon) || !errors.As(err, &e) || e.Attempts != 1 || e.Sent != client.SentNo || !strings.Contains(err.Error(), "tg.rpc.main.help.getConfig") {
		t.Errorf("%v", err)
	}
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // for three attempts, however busy the machine
		_, err = tg.HelpGetConfig(ctx, client.New(nc, "main", client.WaitForDaemon(time.Hour)), nil)
		cancel()
		if !errors.Is(err, client.ErrNoAnswer) { // the time was over between a request and NATS's word that nobody listens
			break
		}
	}
	if !errors.Is(err, client.ErrNoDaemon) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.Attempts < 3 || e.Sent != client.SentNo {
		t.Errorf("%v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := tg.AccountUpdateStatus(soon(t), client.New(nc, "main"), &tg.AccountUpdateStatusRequest{})
		done <- err
	}()
	play(t, nc, fine)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The caller's own mistakes, and ends of its patience, are told apart from everything else.
func TestOwnErrors(t *testing.T) {
	nc := busOnly(t)
	play(t, nc, silence)
	closed := connect(t, nc.ConnectedUrl())
	closed.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	good, _ := tg.Append(nil, &tg.HelpGetConfigRequest{})
	large, _ := tg.Append(nil, &tg.AccountCheckUsernameRequest{Username: strings.Repeat("x", 1<<17)})
	for _, c := range []struct {
		name  string
		ctx   context.Context //nolint:containedctx // one row, one call
		bus   *client.Client
		query []byte
		code  int
		sent  client.Sent
		is    error
		text  string
	}{
		{"account", t.Context(), client.New(nc, "a.b"), good, 400, client.SentNo, nil, `"a.b"`},
		{"no connection", t.Context(), client.New(nil, "main"), good, 400, client.SentNo, nats.ErrInvalidConnection, ""},
		{"prefix", t.Context(), client.New(nc, "main", client.Prefix("a b")), good, 400, client.SentNo, nil, "prefix"},
		{"timeout", t.Context(), client.New(nc, "main", client.Timeout(0)), good, 400, client.SentNo, nil, "Timeout"},
		{"waits", t.Context(), client.New(nc, "main", client.FloodWait(-1)), good, 400, client.SentNo, nil, "FloodWait"},
		{"retries", t.Context(), client.New(nc, "main", client.Retries(-1)), good, 400, client.SentNo, nil, "Retries"},
		{"no call", t.Context(), client.New(nc, "main"), []byte{1, 2, 3, 4}, 400, client.SentNo, nil, fmt.Sprint("layer ", tg.Layer)},
		{"too large", t.Context(), client.New(nc, "main"), large, 400, client.SentNo, nats.ErrMaxPayload, ""},
		{"connection closed", t.Context(), client.New(closed, "main"), good, 503, client.SentNo, nats.ErrConnectionClosed, ""},
		{"over before", over, client.New(nc, "main"), good, 504, client.SentNo, context.Canceled, ""},
		{"over meanwhile", nil, client.New(nc, "main"), good, 504, client.SentUnknown, context.DeadlineExceeded, "no answer"},
	} {
		if c.ctx == nil { // begins here, so that it is not over before
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			c.ctx = ctx
		}
		_, err := c.bus.Invoke(c.ctx, c.query)
		var e *client.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Sent != c.sent || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v %+v", c.name, err, e)
		}
		if code, text := e.Telegram(); code != 0 || text != "" {
			t.Errorf("%s: said to be Telegram's: %d %s", c.name, code, text)
		}
	}
}
