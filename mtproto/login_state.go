package mtproto

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// LoginStep is what a login waits for.
type LoginStep int

// The steps. None of them is ever skipped to by the client itself: it does not sign in on its own.
const (
	WaitPhone     LoginStep = iota // SendCode, ShowQR or BotToken
	WaitCode                       // SignIn, or ResendCode after the timeout
	WaitPassword                   // Password
	WaitSignUp                     // SignUp
	SignedIn                       // somebody is signed in
	LoggedOut                      // it is over: LogOut, or [AuthLost]
	WaitQR                         // AwaitQR, while an app scans the code
	WaitEmail                      // SetEmail
	WaitEmailCode                  // EmailCode
)

// beforeLogin are the steps from which a login may begin anew, in another way.
var beforeLogin = []LoginStep{WaitPhone, WaitCode, WaitPassword, WaitSignUp, WaitQR, WaitEmail, WaitEmailCode}

// String is the step as JSON and events have it: wait_code.
func (s LoginStep) String() string {
	names := [...]string{
		"wait_phone", "wait_code", "wait_password", "wait_sign_up", "ready", "logged_out", "wait_qr", "wait_email", "wait_email_code",
	}
	if s < 0 || int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// MarshalText is [LoginStep.String].
func (s LoginStep) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LoginState is where a login stands. It prints nothing secret, but the phone number. Its JSON is what others are shown.
type LoginState struct {
	Step  LoginStep `json:"step"`
	Phone string    `json:"phone,omitempty"`
	Code  *CodeInfo `json:"code,omitempty"` // in WaitCode

	QR    *QRCode    `json:"qr,omitempty"`    // in WaitQR
	Email *EmailInfo `json:"email,omitempty"` // in WaitEmail and WaitEmailCode

	// Hint is the owner's own hint for the password, and HasRecovery says that an e-mail can reset it (WaitPassword).
	Hint        string `json:"hint,omitempty"`
	HasRecovery bool   `json:"has_recovery,omitempty"`

	// Terms are the terms of service that signing up accepts (WaitSignUp).
	Terms string `json:"terms,omitempty"`

	UserID int64 `json:"user_id,omitempty"` // SignedIn
	Bot    bool  `json:"bot,omitempty"`
}

// CodeInfo is where a code was sent (F2).
type CodeInfo struct {
	// Type is app, sms, call, flash_call, missed_call, email, fragment, firebase, word or phrase; for a type that is newer
	// than this program, the constructor's name.
	Type string `json:"type"`

	// Length is how many characters the code has, if known.
	Length int `json:"length,omitempty"`

	// Pattern tells where to look: the number that calls, the first letters of the phrase, the e-mail's address, masked.
	Pattern string `json:"pattern,omitempty"`

	// URL of a fragment code.
	URL string `json:"url,omitempty"`

	// Next is how ResendCode would send it, "" if there is no other way, possible Timeout after SentAt.
	Next    string        `json:"next,omitempty"`
	Timeout time.Duration `json:"-"` // timeout_seconds
	SentAt  time.Time     `json:"sent_at"`

	// ResetAfter is how long [Login.ResetEmail] will take for codes to be sent otherwise than by e-mail, and ResetAt when they
	// will be, if that was asked for already.
	ResetAfter time.Duration `json:"-"` // reset_after_seconds
	ResetAt    time.Time     `json:"reset_at,omitzero"`
}

// MarshalJSON has spans of time in seconds.
func (c CodeInfo) MarshalJSON() ([]byte, error) {
	type plain CodeInfo
	return json.Marshal(struct {
		plain
		Timeout    float64 `json:"timeout_seconds,omitempty"`
		ResetAfter float64 `json:"reset_after_seconds,omitempty"`
	}{plain(c), c.Timeout.Seconds(), c.ResetAfter.Seconds()})
}

// EmailInfo is about the e-mail address that Telegram wants (F4).
type EmailInfo struct {
	// Pattern is the address that a code was sent to, masked, and Length how many characters the code has (WaitEmailCode).
	Pattern string `json:"pattern,omitempty"`
	Length  int    `json:"length,omitempty"`
}

// QRCode is what an app that is signed in has to scan (F7). Whoever scans it signs us in to his account; it prints no more
// than when it ends.
type QRCode struct {
	URL     string    `json:"url"` // tg://login?token=...
	Expires time.Time `json:"expires"`
}

// String tells when the code ends.
func (q QRCode) String() string { return "QR code until " + q.Expires.Format(time.TimeOnly) }

// Format prints [QRCode.String] for every verb.
func (q QRCode) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, q.String()) }

// LogValue is [QRCode.String].
func (q QRCode) LogValue() slog.Value { return slog.StringValue(q.String()) }
