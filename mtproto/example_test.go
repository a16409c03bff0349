package mtproto_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/tg"
)

// A bot signs in and makes a call. The server is one for tests; with Env: dc.Production() it would be Telegram's. The state is
// kept in a file, so that the next run finds itself signed in. It holds the account's key: whoever has it is the account.
func Example() {
	s, err := mttest.Start(mttest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	token := s.AddBot("Helper", "helper_bot").Token()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "session.json")

	o := mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "of https://my.telegram.org/apps"},
		Env: s.Env(),
		Save: func(st mtproto.State) error {
			b, err := json.Marshal(st)
			if err != nil {
				return err
			}
			return os.WriteFile(file, b, 0o600)
		},
	}
	if b, err := os.ReadFile(file); err == nil {
		if o.State, err = mtproto.ParseState(b); err != nil {
			log.Fatal(err)
		}
	}
	c, err := mtproto.New(o)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()

	if c.Login().State().Step != mtproto.SignedIn {
		if _, err := c.Login().BotToken(ctx, token); err != nil {
			log.Fatal(err)
		}
	}
	users, err := tg.UsersGetUsers(ctx, c, &tg.UsersGetUsersRequest{ID: []tg.InputUserClass{&tg.InputUserSelf{}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("I am", users[0].(*tg.User).FirstName.V)

	cancel()
	fmt.Println("ended by us:", errors.Is(<-ended, context.Canceled))
	// Output:
	// I am Helper
	// ended by us: true
}

// What an error of a call tells: whose it is, whether Telegram may have executed the call, and how long to wait.
func ExampleError() {
	s, err := mttest.Start(mttest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	s.FailNext("help.getNearestDc", 1, 420, "FLOOD_WAIT_90")
	c, err := mtproto.New(mtproto.Options{API: mtproto.API{ID: 1}, Env: s.Env()})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()

	_, err = tg.HelpGetNearestDc(ctx, c, nil)
	fmt.Println("executed:", mtproto.SentOf(err))
	fmt.Println("again in:", mtproto.RetryAfter(err))

	cancel()
	<-ended
	// Output:
	// executed: refused
	// again in: 1m30s
}
