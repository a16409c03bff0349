// Command natsgram-call makes one call over an Invoker, with the generated API of this module.
package main

import (
	"context"
	"fmt"

	"github.com/natsgram/natsgram/tl/tg"
)

type invoker struct{}

func (invoker) Invoke(_ context.Context, query []byte) ([]byte, error) { return query, nil }

func main() {
	updates, err := tg.MessagesSendMessage(context.Background(), invoker{}, &tg.MessagesSendMessageRequest{
		Peer: &tg.InputPeerSelf{}, Message: "hello", RandomID: 1,
	})
	fmt.Println(updates, err)
}
