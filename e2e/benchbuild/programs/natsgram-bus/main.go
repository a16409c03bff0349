// Command natsgram-bus makes the same call over NATS, through a daemon.
package main

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/tl/tg"
)

func main() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	updates, err := tg.MessagesSendMessage(context.Background(), client.New(nc, "main"), &tg.MessagesSendMessageRequest{
		Peer: &tg.InputPeerSelf{}, Message: "hello",
	})
	fmt.Println(updates, err)
}
