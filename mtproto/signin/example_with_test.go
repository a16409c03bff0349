package signin_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/signin"
)

// A program that asks for what a login needs in its own way, here by a table. Telegram refuses the first code.
func ExampleWith() {
	s, err := mttest.Start(mttest.Config{Code: "12345"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	s.SetPassword(s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"}), "correct horse")
	c, err := mtproto.New(mtproto.Options{API: mtproto.API{ID: 1, Hash: "of https://my.telegram.org/apps"}, Env: s.Env()})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()

	answers := map[mtproto.LoginStep][]string{
		mtproto.WaitPhone:    {"+15550001"},
		mtproto.WaitCode:     {"54321", "12345"},
		mtproto.WaitPassword: {"correct horse"},
	}
	state, err := signin.With(ctx, c.Login(), func(_ context.Context, at mtproto.LoginState, wrong error) (string, error) {
		fmt.Println(at.Step, wrong != nil)
		if len(answers[at.Step]) == 0 {
			return "", errors.New("no answer to this")
		}
		answer := answers[at.Step][0]
		answers[at.Step] = answers[at.Step][1:]
		return answer, nil
	})
	fmt.Println(state.Step, err)
	cancel()
	<-ended
	// Output:
	// wait_phone false
	// wait_code false
	// wait_code true
	// wait_password false
	// ready <nil>
}
