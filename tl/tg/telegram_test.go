package tg_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/codec/codectest"
	"github.com/natsgram/natsgram/tl/tg"
	"github.com/natsgram/natsgram/tl/tg/tgtest"
)

var _ tg.Invoker = (*mtproto.Client)(nil)

// telegram is a client of package mtproto that is signed in to a Telegram in a box.
func telegram(t *testing.T) (*mtproto.Client, *mttest.Server, *mttest.Account) {
	t.Helper()
	s := mttest.NewServer(t, func(c *mttest.Config) { c.InMemory = true })
	alice := s.AddUser(mttest.User{First: "Alice"})
	key, salt, id := s.Authorize(alice)
	client, err := mtproto.New(mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "0123456789abcdef0123456789abcdef"}, Schema: s.Schema(), Env: s.Env(), Dial: s.Dial,
		State: mtproto.State{Version: mtproto.StateVersion, Home: id, UserID: alice.ID(), DCs: map[int]mtproto.DCState{
			id: {Key: key.AppendBytes(nil), Created: time.Now(), Salts: []mtproto.Salt{{Salt: salt}}, Authorized: true},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- client.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ran })
	if err := client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client, s, alice
}

// A conversation straight to Telegram, in Go types alone.
func TestTelegram(t *testing.T) {
	client, s, _ := telegram(t)
	bob := s.AddUser(mttest.User{First: "Bob", Username: "bob"})
	found, err := tg.ContactsResolveUsername(t.Context(), client, &tg.ContactsResolveUsernameRequest{Username: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	user, ok := found.Users[0].(*tg.User)
	if !ok || user.ID != bob.ID() || user.FirstName.V != "Bob" {
		t.Fatalf("found %+v", found.Users)
	}
	peer := &tg.InputPeerUser{UserID: user.ID, AccessHash: user.AccessHash.V}
	if _, err := tg.MessagesSendMessage(t.Context(), client, &tg.MessagesSendMessageRequest{Peer: peer, Message: "hello", RandomID: 7}); err != nil {
		t.Fatal(err)
	}
	history, err := tg.MessagesGetHistory(t.Context(), client, &tg.MessagesGetHistoryRequest{Peer: peer, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{}
	if h, ok := history.(*tg.MessagesMessages); ok {
		for _, m := range h.Messages {
			if m, ok := m.(*tg.Message); ok {
				texts = append(texts, m.Message)
			}
		}
	}
	if len(texts) != 1 || texts[0] != "hello" {
		t.Errorf("the history is %q, %T", texts, history)
	}
}

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

// Every function, called once over the client of package mtproto and a whole MTProto connection: the query arrives as it
// was, and the result is what the other end answered.
func TestCallEverythingOverMTProto(t *testing.T) {
	client, s, _ := telegram(t)
	r := &relay{}
	s.Intercept(r.intercept)
	g := codectest.New(api(), 21)
	for _, f := range tgtest.Functions {
		decl := api().Function(f.Name)
		if len(decl.Generic) > 0 {
			continue // TestWrappersOverMTProto
		}
		req := f.NewRequest()
		query, answer := g.Boxed(nil, decl, 2), g.Value(nil, decl.Result, 3)
		if err := tg.Decode(query, req); err != nil {
			t.Fatal(err)
		}
		r.expect(query, answer)
		result, err := f.Call(t.Context(), client, req)
		if err != nil {
			t.Errorf("%s: %v (asked %d times)", f.Name, err, r.asked)
			continue
		}
		if got, err := tgtest.AppendResult(nil, result); err != nil || !bytes.Equal(got, answer) {
			t.Errorf("%s: answered %x, returned %x", f.Name, answer, got)
		}
	}
}

// Telegram's errors come through as the client's own type, and what the server does not know is one.
func TestErrorsOfTelegram(t *testing.T) {
	client, _, _ := telegram(t)
	_, err := tg.HelpGetSupport(t.Context(), client, nil)
	var refused *mtproto.Error
	if !errors.As(err, &refused) || refused.Code != 400 || refused.Method != "help.getSupport" {
		t.Errorf("got %v", err)
	}
}

// H4: what wraps a call goes around it, and the result is the call's.
func TestWrappersOverMTProto(t *testing.T) {
	client, s, _ := telegram(t)
	r := &relay{}
	s.Intercept(r.intercept)
	call, want := encode(t, &tg.HelpGetNearestDcRequest{}), &tg.NearestDc{Country: "XX", ThisDc: 1, NearestDc: 2}
	for _, w := range []tg.Wrapper{
		&tg.InvokeWithoutUpdatesRequest{},
		&tg.InvokeWithMessagesRangeRequest{Range: &tg.MessageRange{MinID: 1, MaxID: 2}},
		&tg.InvokeWithTakeoutRequest{TakeoutID: 1},
		&tg.InvokeWithBusinessConnectionRequest{ConnectionID: "c"},
		&tg.InvokeWithGooglePlayIntegrityRequest{Nonce: "n", Token: "t"},
		&tg.InvokeWithApnsSecretRequest{Nonce: "n", Secret: "s"},
		&tg.InvokeWithReCaptchaRequest{Token: "t"},
		&tg.InvokeAfterMsgsRequest{},
	} {
		r.expect(call, encode(t, want))
		got, err := tg.HelpGetNearestDc(t.Context(), tg.With(client, w), nil)
		if err != nil || *got != *want || r.asked != 1 {
			t.Errorf("%T: %v, %+v, asked %d times", w, err, got, r.asked)
		}
	}
}
