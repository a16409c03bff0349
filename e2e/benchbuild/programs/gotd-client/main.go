// Command gotd-client signs a bot in and sends a message, with gotd/td's client.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client := telegram.NewClient(1, os.Getenv("API_HASH"), telegram.Options{})
	return client.Run(ctx, func(ctx context.Context) error {
		if _, err := client.Auth().Bot(ctx, os.Getenv("BOT_TOKEN")); err != nil {
			return err
		}
		updates, err := client.API().MessagesSendMessage(ctx, &tg.MessagesSendMessageRequest{
			Peer: &tg.InputPeerSelf{}, Message: "hello", RandomID: 1,
		})
		fmt.Println(updates, err)
		return err
	})
}
