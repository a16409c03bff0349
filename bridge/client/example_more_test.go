package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/tg"
)

// onBus is a connection to the NATS server of a daemon that has Alice's account, which is called main. Stop ends all of it.
func onBus() (nc *nats.Conn, stop func()) {
	s, err := mttest.Start(mttest.Config{Code: "12345"})
	if err != nil {
		log.Fatal(err)
	}
	url, end, err := daemon(s, s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"}).Phone())
	if err != nil {
		log.Fatal(err)
	}
	if nc, err = nats.Connect(url); err != nil {
		log.Fatal(err)
	}
	if _, err := tg.HelpGetNearestDc(context.Background(), client.New(nc, "main"), nil); err != nil { // waits until the daemon has it
		log.Fatal(err)
	}
	return nc, func() { nc.Close(); end(); s.Close() }
}

// A job is a call that is made as soon as it may be, also if no daemon runs now. The result is waited for here; a program that does
// not wait reads JobResults, or asks again under the same id.
func ExampleClient_Queue() {
	nc, stop := onBus()
	defer stop()
	c := client.New(nc, "main")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	job := client.Job{
		ID: "reminder-17", Kind: client.None, Method: "messages.sendMessage", Params: map[string]any{"peer": "me", "message": "water the plants"},
	}
	queued, err := c.Queue(ctx, job)
	if err != nil {
		log.Fatal(err)
	}
	again, err := c.Queue(ctx, job)
	if err != nil {
		log.Fatal(err)
	}
	result, err := queued.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.Duplicate, result.State, result.Method)
	// Output: true done messages.sendMessage
}

// A call in JSON, as programs in other languages make it. Its answer may come in several messages, which are joined.
func ExampleRequest() {
	nc, stop := onBus()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	answer, err := client.Request(ctx, nc, &nats.Msg{Subject: "tg.rpc.main.users.getUsers", Data: []byte(`{"id": ["me"]}`)})
	if err != nil {
		log.Fatal(err)
	}
	var users []struct {
		FirstName string `json:"first_name"`
	}
	if err := json.Unmarshal(answer.Data, &users); err != nil {
		log.Fatal(err)
	}
	fmt.Println(users[0].FirstName)
	// Output: Alice
}

// What becomes of all of an account's jobs, whoever has stored them.
func ExampleClient_JobResults() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	for r, err := range client.New(nc, "main").JobResults(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		switch r.State {
		case client.JobDone:
			log.Printf("%s: done after %d tries", r.ID, r.Tries)
		case client.JobUnknown: // it stays in the queue until somebody decides (tg.ctl.main.queue.retry, .cancel)
			log.Printf("%s: it may have been executed", r.ID)
		default:
			log.Printf("%s: %s: %v", r.ID, r.State, r.Err)
		}
	}
}

// Who types, who is online: what no stream keeps.
func ExampleClient_Live() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	for u, err := range client.New(nc, "main").Live(context.Background(), client.Filter{Update: "updateUserTyping"}) {
		switch {
		case errors.Is(err, nats.ErrSlowConsumer):
			log.Print("some were missed")
			continue
		case err != nil:
			log.Fatal(err)
		}
		if typing, ok := u.Value.(*tg.UpdateUserTyping); ok {
			fmt.Println(typing.UserID, "types")
		}
	}
}

// The account's own life, for whoever watches over it.
func ExampleClient_Events() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	watch := func(e *client.Event) {
		if e.Name == "auth.lost" {
			log.Printf("%s has to sign in anew: %s", e.Account, e.Data)
		}
	}
	for e, err := range client.New(nc, "main").Events(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		watch(e)
	}
}

// The dialogs as they are now, and then each as it changes. The operator has named the account in NATSGRAM_STATE.
func ExampleClient_Chats() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	unread := func(c *client.ChatState) int {
		if c.Gone || c.Dialog == nil {
			return 0
		}
		return c.Dialog.UnreadCount
	}
	counts := map[string]int{}
	for chat, err := range client.New(nc, "main").Chats(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		if counts[chat.Name] = unread(chat); chat.Left == 0 { // all that were there are known
			fmt.Println(counts)
		}
	}
}

// Updates one at a time, for a program that does other things between them. Those that nobody has acknowledged come again.
func ExampleSubscription_Next() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	sub, err := client.New(nc, "main").Subscribe(ctx, client.UpdatesConfig{Durable: "billing", Start: client.StartTime(time.Now().Add(-time.Hour))})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Stop()
	for {
		u, err := sub.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(u.Box, u.Value)
		if err := u.DoubleAck(ctx); err != nil { // the server has it
			log.Print(err)
		}
	}
}

// A client of another deployment that may only read, is patient with daemons that restart, and never waits for floods.
func ExampleNew() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	c := client.New(nc, "main", client.Prefix("staging"), client.ReadOnly(), client.WaitForDaemon(time.Minute), client.FloodWait(0))
	if _, err := tg.HelpGetConfig(context.Background(), c, nil); err != nil {
		log.Fatal(err)
	}
}

// An error says whose it is, whether Telegram may have executed the call, and how long to wait.
func ExampleError() {
	err := error(&client.Error{
		Account: "main", Method: "messages.sendMessage", Code: 420, Type: "FLOOD_WAIT_35", Arg: 35, Sent: client.SentYes, Wait: 35 * time.Second, Attempts: 1,
	})
	var e *client.Error
	if errors.As(err, &e) {
		fmt.Println(e.Kind(), e.Executed(), e.RetryAfter())
	}
	// Output: FLOOD_WAIT refused 35s
}
