package mtproto

import (
	"time"
)

// LoginStep is what a login waits for.
type LoginStep int

// The steps. None of them is ever skipped to by the client itself: it does not sign in on its own.
const (
	WaitPhone    LoginStep = iota // SendCode or BotToken
	WaitCode                      // SignIn, or ResendCode after the timeout
	WaitPassword                  // Password
	WaitSignUp                    // SignUp
	Ready                         // somebody is signed in
	LoggedOut                     // it is over: LogOut, or [AuthLost]
)

func (s LoginStep) String() string {
	names := [...]string{"wait_phone", "wait_code", "wait_password", "wait_sign_up", "ready", "logged_out"}
	if s < 0 || int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// MarshalText is [LoginStep.String].
func (s LoginStep) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LoginState is where a login stands. It holds nothing secret, but the phone number.
type LoginState struct {
	Step  LoginStep
	Phone string    `json:",omitempty"`
	Code  *CodeInfo `json:",omitempty"` // in WaitCode

	// Hint is the owner's own hint for the password, and HasRecovery says that an e-mail can reset it (WaitPassword).
	Hint        string `json:",omitempty"`
	HasRecovery bool   `json:",omitempty"`

	// Terms are the terms of service that signing up accepts (WaitSignUp).
	Terms string `json:",omitempty"`

	UserID int64 `json:",omitempty"` // Ready
	Bot    bool  `json:",omitempty"`
}

// CodeInfo is where a code was sent (F2).
type CodeInfo struct {
	// Type is app, sms, call, flash_call, missed_call, email, fragment, firebase, word or phrase; for a type that is newer
	// than this program, the constructor's name.
	Type string

	// Length is how many characters the code has, if known.
	Length int `json:",omitempty"`

	// Pattern tells where to look: the number that calls, the first letters of the phrase, the e-mail's address, masked.
	Pattern string `json:",omitempty"`

	// URL of a fragment code.
	URL string `json:",omitempty"`

	// Next is how ResendCode would send it, "" if there is no other way, possible Timeout after SentAt.
	Next    string        `json:",omitempty"`
	Timeout time.Duration `json:",omitempty"`
	SentAt  time.Time
}
