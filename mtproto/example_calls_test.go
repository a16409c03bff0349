package mtproto_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/tg"
)

// running is a client of a Telegram for tests, with Alice, whose number is +15550001, and a bot. Stop ends both.
func running(configure func(*mtproto.Options)) (c *mtproto.Client, s *mttest.Server, alice, bot *mttest.Account, stop func()) {
	s, err := mttest.Start(mttest.Config{Code: "12345"})
	if err != nil {
		log.Fatal(err)
	}
	alice, bot = s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"}), s.AddBot("Helper", "helper_bot")
	o := mtproto.Options{API: mtproto.API{ID: 1, Hash: "of https://my.telegram.org/apps"}, Env: s.Env()}
	if configure != nil {
		configure(&o)
	}
	if c, err = mtproto.New(o); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	return c, s, alice, bot, func() {
		cancel()
		<-ended
		s.Close()
	}
}

// Step by step: a code, and the password of an account that has one. Package signin asks a person for what is waited for.
func ExampleLogin() {
	c, s, alice, _, stop := running(nil)
	defer stop()
	s.SetPassword(alice, "correct horse")

	ctx, login := context.Background(), c.Login()
	state, err := login.SendCode(ctx, "+15550001")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(state.Step, state.Code.Type)
	_, err = login.SignIn(ctx, "54321") // the login stays where it is
	fmt.Println(mtproto.IsKind(err, "PHONE_CODE_INVALID"), login.State().Step)
	if state, err = login.SignIn(ctx, "12345"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(state.Step)
	if state, err = login.Password(ctx, "correct horse"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(state.Step)
	// Output:
	// wait_code sms
	// true wait_code
	// wait_password
	// ready
}

// A code to be scanned by an app that is signed in. It is good for half a minute, after which the state holds another one.
func ExampleLogin_AwaitQR() {
	c, _, alice, _, stop := running(nil)
	defer stop()

	ctx, login := context.Background(), c.Login()
	state, err := login.ShowQR(ctx)
	for err == nil && state.Step == mtproto.WaitQR {
		if err = alice.Scan(state.QR.URL); err != nil { // a program draws it here
			break
		}
		state, err = login.AwaitQR(ctx)
	}
	fmt.Println(state.Step, err)
	// Output: ready <nil>
}

// Calls in any layer: written and read by the names of fields. The layer is that of Options.Schema.
func ExampleClient_Invoke() {
	schema, err := api.Schema() // or codec.Compile of a file that tl.Parse has read
	if err != nil {
		log.Fatal(err)
	}
	c, _, _, bot, stop := running(func(o *mtproto.Options) { o.Schema = schema })
	defer stop()
	ctx := context.Background()
	if _, err := c.Login().BotToken(ctx, bot.Token()); err != nil {
		log.Fatal(err)
	}

	query, err := schema.Encode(nil, codec.M{"_": "users.getUsers", "id": []codec.M{{"_": "inputUserSelf"}}})
	if err != nil {
		log.Fatal(err)
	}
	body, err := c.Invoke(ctx, query)
	if err != nil {
		log.Fatal(err)
	}
	result, err := schema.ResultOf(query)
	if err != nil {
		log.Fatal(err)
	}
	for user := range schema.Objects(body, result) {
		fmt.Println(user.Name(), user.Str("first_name"))
	}
	// Output: user Helper
}

// Calls that Telegram is to execute in this order, without a round trip between them.
func ExampleClient_Sequence() {
	c, _, _, bot, stop := running(nil)
	defer stop()
	ctx := context.Background()
	if _, err := c.Login().BotToken(ctx, bot.Token()); err != nil {
		log.Fatal(err)
	}

	var waits []func() ([]byte, error)
	order := c.Sequence()
	for i := range 3 {
		query, err := tg.Append(nil, &tg.MessagesSendMessageRequest{Peer: &tg.InputPeerSelf{}, Message: fmt.Sprint("line ", i), RandomID: int64(i + 1)})
		if err != nil {
			log.Fatal(err)
		}
		waits = append(waits, order.Start(ctx, query))
	}
	last := 0
	for _, wait := range waits {
		body, err := wait()
		if err != nil {
			log.Fatal(err)
		}
		var sent tg.UpdateShortSentMessage
		if tg.Decode(body, &sent) == nil {
			fmt.Println(sent.ID > last)
			last = sent.ID
			continue
		}
		u, err := tg.DecodeUpdates(body)
		if err != nil {
			log.Fatal(err)
		}
		for _, u := range u.(*tg.Updates).Updates {
			if id, ok := u.(*tg.UpdateMessageID); ok {
				fmt.Println(id.ID > last)
				last = id.ID
			}
		}
	}
	// Output:
	// true
	// true
	// true
}

// Flood waits of 10 s or less are sat out by default. A call that cannot wait says so, and is told how long it would have been.
func ExampleWithFloodWait() {
	c, s, _, _, stop := running(nil)
	defer stop()
	s.FailNext("help.getNearestDc", 1, 420, "FLOOD_WAIT_5")

	at := mtproto.WithFloodWait(context.Background(), 0)
	_, err := tg.HelpGetNearestDc(at, c, nil)
	fmt.Println(mtproto.IsKind(err, "FLOOD_WAIT"), mtproto.RetryAfter(err) <= 5*time.Second, mtproto.SentOf(err) == mtproto.SentRefused)
	// Output: true true true
}

// What happens to the client: connections, data centres, keys, waits. The function must not block.
func ExampleOptions() {
	connected := make(chan mtproto.Connected, 1)
	c, _, _, _, stop := running(func(o *mtproto.Options) {
		o.Events = func(e mtproto.Event) {
			switch e := e.(type) {
			case mtproto.Connected:
				select {
				case connected <- e:
				default:
				}
			case mtproto.FloodWait:
				log.Printf("%s has to wait for %v", e.Method, e.Wait)
			}
		}
	})
	defer stop()
	fmt.Println("connected to data centre", (<-connected).DC)
	fmt.Println(c.Login().State().Step)
	// Output:
	// connected to data centre 2
	// wait_phone
}

// Errors of a client tell whether Telegram may have executed the call. ErrClosed: this client has ended.
func ExampleSentOf() {
	c, _, _, _, stop := running(nil)
	stop()
	_, err := tg.HelpGetNearestDc(context.Background(), c, nil)
	fmt.Println(errors.Is(err, mtproto.ErrClosed), mtproto.SentOf(err) == mtproto.SentNo)
	// Output: true true
}
