package mtproto_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// What a program has to ask for at each step of a login, and the call that takes the answer. Package signin does this on a terminal.
func ExampleLoginState() {
	c, s, _, _, stop := running(nil)
	defer stop()
	const phone = "+15550099" // nobody has it
	s.RequireEmail(phone)
	ctx, login := context.Background(), c.Login()
	next := func(state mtproto.LoginState) (mtproto.LoginState, error) {
		switch state.Step {
		case mtproto.WaitPhone:
			return login.SendCode(ctx, phone)
		case mtproto.WaitEmail: // Telegram wants an address before it sends a code
			return login.SetEmail(ctx, "carol@example.com")
		case mtproto.WaitEmailCode:
			var email *mtproto.EmailInfo = state.Email
			fmt.Println("a code of", email.Length, "digits is in the mail to", email.Pattern)
			return login.EmailCode(ctx, s.EmailCode("carol@example.com"))
		case mtproto.WaitCode:
			var code *mtproto.CodeInfo = state.Code
			fmt.Println("a code by", code.Type)
			return login.SignIn(ctx, s.EmailCode("carol@example.com"))
		case mtproto.WaitPassword:
			return login.Password(ctx, "correct horse")
		case mtproto.WaitSignUp: // state.Terms is what that accepts
			return login.SignUp(ctx, "Carol", "")
		case mtproto.WaitQR:
			var qr *mtproto.QRCode = state.QR
			fmt.Println("scan this within", time.Until(qr.Expires)) // it shows qr.URL, and prints no secret
			return login.AwaitQR(ctx)
		default: // SignedIn, LoggedOut
			return state, mtproto.ErrStep
		}
	}
	state := login.State()
	for state.Step != mtproto.SignedIn {
		var err error
		if state, err = next(state); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(state.UserID != 0)
	// Output:
	// a code of 5 digits is in the mail to c***
	// a code by email
	// true
}

// A code that does not come can be sent in another way; who cannot read the mail has codes sent otherwise; and a login can be given up.
func ExampleLogin_ResendCode() {
	c, s, _, _, stop := running(nil)
	defer stop()
	ctx, login := context.Background(), c.Login()
	s.RequireEmail("+15550001")
	if _, err := login.SendCode(ctx, "+15550001"); err != nil {
		log.Fatal(err)
	}
	if _, err := login.SetEmail(ctx, "a@example.com"); err != nil {
		log.Fatal(err)
	}
	if _, err := login.EmailCode(ctx, s.EmailCode("a@example.com")); err != nil {
		log.Fatal(err)
	}
	state, err := login.ResetEmail(ctx)
	fmt.Println(state.Step, state.Code.Type, err)

	state, err = login.ResendCode(ctx) // when state.Code.Timeout is over, in the way that state.Code.Next names
	fmt.Println(state.Step, err)

	state, err = login.CancelCode(ctx)
	fmt.Println(state.Step, err)
	_, err = login.SignIn(ctx, "12345")
	fmt.Println(errors.Is(err, mtproto.ErrStep))
	// Output:
	// wait_code sms <nil>
	// wait_code <nil>
	// wait_phone <nil>
	// true
}

// Signing out ends the client.
func ExampleLogin_LogOut() {
	ended := make(chan mtproto.LoginStep, 10)
	c, _, _, bot, stop := running(func(o *mtproto.Options) {
		o.Events = func(e mtproto.Event) {
			switch e := e.(type) {
			case mtproto.Authorized:
				fmt.Println("a bot:", e.Bot)
			case mtproto.LoginChanged:
				select {
				case ended <- e.State.Step:
				default:
				}
			}
		}
	})
	defer stop()
	ctx := context.Background()
	if _, err := c.Login().BotToken(ctx, bot.Token()); err != nil {
		log.Fatal(err)
	}
	if err := c.Login().LogOut(ctx); err != nil {
		log.Fatal(err)
	}
	for step := range ended {
		if step == mtproto.LoggedOut {
			break
		}
	}
	fmt.Println(c.State().UserID)
	// Output:
	// a bot: true
	// 0
}
