// Command gotd-call makes one call over an Invoker, with gotd/td's generated API.
package main

import (
	"context"
	"fmt"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/tg"
)

type invoker struct{}

func (invoker) Invoke(_ context.Context, query bin.Encoder, result bin.Decoder) error {
	var b bin.Buffer
	if err := query.Encode(&b); err != nil {
		return err
	}
	return result.Decode(&b)
}

func main() {
	updates, err := tg.NewClient(invoker{}).MessagesSendMessage(context.Background(), &tg.MessagesSendMessageRequest{
		Peer: &tg.InputPeerSelf{}, Message: "hello", RandomID: 1,
	})
	fmt.Println(updates, err)
}
