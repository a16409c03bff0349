package bridge

import (
	"context"

	"github.com/natsgram/natsgram/mtproto"
)

// SignIn is how to sign an account in. What is not given is asked by Prompt.
type SignIn struct {
	Account  string
	Phone    string // in international form
	BotToken string // instead of a phone
	// Prompt is asked for what is missing, again after a wrong answer, which err then tells. It is called with the state in
	// which the login is: a phone number or bot token (WaitPhone), a code, a password, or a name "First Last" to sign
	// up. An error ends the login.
	Prompt func(ctx context.Context, state mtproto.LoginState, err error) (string, error)
	// Progress is told of every step; may be nil.
	Progress func(mtproto.LoginState)
}

// SignedIn is who an account turned out to be.
type SignedIn struct {
	UserID int64
	Bot    bool
}

// Login signs an account in and stores its session sealed in the vault, where a running daemon finds it at once. It works
// with and without a daemon running.
func Login(ctx context.Context, s Settings, o Options, in SignIn) (SignedIn, error) {
	return SignedIn{}, nil
}
