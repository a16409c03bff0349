// Command natsgram-updates prints an account's updates from the bus.
package main

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/client"
)

func main() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	for u, err := range client.New(nc, "main").Updates(context.Background(), client.UpdatesConfig{}) {
		fmt.Println(u, err)
	}
}
