package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/tl/tg"
)

// A call, and what its error tells.
func ExampleClient_Invoke() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	c := client.New(nc, "main", client.FloodWait(5*time.Minute))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()

	found, err := tg.ContactsResolveUsername(ctx, c, &tg.ContactsResolveUsernameRequest{Username: "durov"})
	switch {
	case tg.IsKind(err, "USERNAME_NOT_OCCUPIED", "USERNAME_INVALID"):
		fmt.Println("nobody has that name")
	case errors.Is(err, client.ErrNoDaemon):
		fmt.Println("natsgram does not run")
	case err != nil:
		fmt.Println(err, "- to be tried again in", tg.RetryAfter(err))
	default:
		fmt.Println(found.Users)
	}
}

// Several programs share the posts of two channels. Each post is worked on until it was acknowledged, those of one channel
// in order.
func ExampleClient_Updates() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	c := client.New(nc, "main")
	for u, err := range c.Updates(context.Background(), client.UpdatesConfig{
		Durable:    "archive",
		Start:      client.StartAll(),
		Partitions: 4,
		Filters: []client.Filter{
			{Update: "updateNewChannelMessage", Kind: client.Channel, ChatID: 1006503122},
			{Update: "updateNewChannelMessage", Kind: client.Channel, ChatID: 1146915409},
		},
	}) {
		if err != nil {
			log.Fatal(err)
		}
		switch v := u.Value.(type) {
		case *tg.UpdateNewChannelMessage:
			err = keep(v.Message)
		case nil:
			if u.Gap != nil {
				log.Printf("%s: posts between pts %d and %d may be missing: %s", u.Box, u.Gap.From, u.Gap.To, u.Gap.Reason)
			} else {
				log.Printf("%v: %s", u.Err, u.Data())
			}
		}
		if err != nil {
			err = u.NakWithDelay(time.Minute)
		} else {
			err = u.Ack()
		}
		if err != nil {
			log.Print(err) // it comes again after AckWait
		}
	}
}

func keep(tg.MessageClass) error { return nil }

// A program that takes orders from elsewhere, and may be ended at any time: the message for an order is sent once.
func ExampleWithMsgID() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	c := client.New(nc, "main")
	ctx := client.WithMsgID(context.Background(), "order-17-confirmed")
	_, err = tg.MessagesSendMessage(ctx, c, &tg.MessagesSendMessageRequest{Peer: &tg.InputPeerSelf{}, Message: "order 17 is confirmed"})
	if err != nil && !tg.IsKind(err, "RANDOM_ID_DUPLICATE") { // sent the last time
		log.Fatal(err)
	}
}
