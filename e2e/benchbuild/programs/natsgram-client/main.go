// Command natsgram-client signs a bot in and sends a message, with this module's client.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/tg"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	parsed, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		return err
	}
	schema, err := codec.Compile(parsed)
	if err != nil {
		return err
	}
	client, err := mtproto.New(mtproto.Options{API: mtproto.API{ID: 1, Hash: os.Getenv("API_HASH")}, Schema: schema, Env: dc.Production()})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- client.Run(ctx) }()
	if _, err := client.Login().BotToken(ctx, os.Getenv("BOT_TOKEN")); err != nil {
		return err
	}
	updates, err := tg.MessagesSendMessage(ctx, client, &tg.MessagesSendMessageRequest{
		Peer: &tg.InputPeerSelf{}, Message: "hello", RandomID: 1,
	})
	if err != nil {
		return err
	}
	fmt.Println(updates)
	stop()
	return ignoreCancel(<-ran)
}

// ignoreCancel: that Run ended because it was told to is no failure.
func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
