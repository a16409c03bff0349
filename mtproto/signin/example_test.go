package signin_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/signin"
)

// A person signs in. Here the server is one for tests, which sends the same code each time, and the person a text.
func ExampleTerminal_SignIn() {
	s, err := mttest.Start(mttest.Config{Code: "12345"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"})

	c, err := mtproto.New(mtproto.Options{
		API:  mtproto.API{ID: 1, Hash: "of https://my.telegram.org/apps"},
		Env:  s.Env(), // dc.Production() is Telegram's
		Save: func(mtproto.State) error { return nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()

	terminal := signin.Terminal{In: strings.NewReader("+15550001\n12345\n"), Out: io.Discard} // the zero Terminal asks you
	if _, err := terminal.SignIn(ctx, c.Login()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("signed in:", c.Login().State().Step)
	cancel()
	<-ended
	// Output: signed in: ready
}
