package runner_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/runner"
	"github.com/natsgram/natsgram/tl/tg"
)

// A bot that reads what it is sent, answers, and ends at "bye". The server is one for tests.
func Example() {
	s, err := mttest.Start(mttest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	alice, bot := s.AddUser(mttest.User{First: "Alice"}), s.AddBot("Echo", "echo_bot")

	var r *runner.Runner
	ctx, stop := context.WithCancel(context.Background())
	handle := func(it updates.Item) error {
		if it.Gap != nil { // Telegram does not give back what was there
			fmt.Printf("gap in %s: %s\n", it.Gap.Box, it.Gap.Reason)
			if it.Gap.Reason == updates.GapBeginning { // from here on nothing is missed
				alice.Send(bot, "hello")
				alice.Send(bot, "bye")
			}
			return nil
		}
		u, err := tg.DecodeUpdate(it.Update)
		if err != nil {
			return nil // of a newer layer: it.Name is updates.Unknown
		}
		m, ok := u.(*tg.UpdateNewMessage)
		if !ok {
			return nil
		}
		message, ok := m.Message.(*tg.Message)
		if !ok || message.Out {
			return nil
		}
		fmt.Println(message.Message)
		if message.Message == "bye" {
			stop()
			return nil
		}
		return echo(ctx, r, it, message)
	}
	r, err = runner.New(mtproto.Options{API: mtproto.API{ID: 1, Hash: "of my.telegram.org"}, Env: s.Env()}, runner.Config{
		Store:  new(runner.MemoryStore), // runner.File("updates.json") remembers across runs
		Handle: handle,
	})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	if _, err := r.Client().Login().BotToken(ctx, bot.Token()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ended by us:", errors.Is(<-ended, context.Canceled))
	// Output:
	// gap in common: beginning
	// hello
	// bye
	// ended by us: true
}

// echo sends a message back to its sender, who came with the update.
func echo(ctx context.Context, inv tg.Invoker, it updates.Item, m *tg.Message) error {
	for _, b := range it.Users {
		u, err := tg.DecodeUser(b)
		if err != nil {
			return err
		}
		user, _ := u.(*tg.User)
		peer, ok := user.AsInputPeer()
		if !ok || it.Peer != (updates.Peer{Kind: updates.PeerUser, ID: user.ID}) {
			continue
		}
		_, err = tg.MessagesSendMessage(ctx, inv, &tg.MessagesSendMessageRequest{
			Peer: peer, Message: m.Message, RandomID: int64(m.ID), // the same if this item comes again: sent once
		})
		if tg.IsKind(err, "RANDOM_ID_DUPLICATE") {
			return nil
		}
		return err
	}
	return fmt.Errorf("nobody to answer in %s", it.Peer)
}
