package client

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/executed"
	"github.com/natsgram/natsgram/tl/tg"
)

var _ tg.CallError = (*Error)(nil)

// What may be behind an [*Error], found with errors.Is. The context's errors and those of nats.go are found so too.
var (
	// ErrNoDaemon says that no daemon serves the account: none runs, none has it, or this program may not publish there
	// and the server's own answer is "no responders".
	ErrNoDaemon = errors.New("no daemon serves the account")

	// ErrNoAnswer says that the request was sent and nobody answered in time. A NATS server that refuses to let this user
	// publish on the subject looks the same.
	ErrNoAnswer = errors.New("no answer")

	// ErrSignedOut says that the account is not signed in to Telegram any more. Only a new login helps.
	ErrSignedOut = errors.New("the account is signed out")

	// ErrNotAllowed says that the daemon does not serve the method, or not to those who may only read.
	ErrNotAllowed = errors.New("not allowed")

	// ErrExecuted says that an earlier attempt of this call was executed, and its result is lost: Telegram knows the
	// random_id of the repetition. The update that it caused is in the stream, with the call's id as its RequestID.
	ErrExecuted = errors.New("executed already, the result is lost")

	// ErrUnknownPeer says that what was asked of [Peers] leads to nobody whom the account knows.
	ErrUnknownPeer = errors.New("no such peer is known")

	// ErrJobForgotten says that a job is told of no more: it ended, and how is not known.
	ErrJobForgotten = errors.New("the job is told of no more")
)

// Sent tells whether a call may have reached Telegram.
type Sent string

// The answers. After SentNo it is safe to call again.
const (
	SentNo      Sent = "no"
	SentYes     Sent = "yes"
	SentUnknown Sent = "unknown"
)

// Error is why a call failed.
type Error struct {
	Account string
	Method  string // messages.sendMessage
	MsgID   string // the Nats-Msg-Id of all attempts

	// Code is Telegram's own where Type is set. Otherwise it is as in HTTP: 4xx is the caller's, 5xx the daemon's or the
	// bus's; 503 nobody serves the account, 504 nobody answered in time.
	Code int

	// Type is Telegram's text as it came, such as FLOOD_WAIT_35; empty where the error is not Telegram's. Arg is the number in
	// it, 0 without one.
	Type string
	Arg  int

	Text     string        // for people, in one line
	Sent     Sent          // of all attempts together
	Wait     time.Duration // before calling again; 0: nobody said
	Attempts int           // that were made
	Err      error         // the cause: one of this package's, the context's or of nats.go; may be nil
}

// Error returns one line, without anything that the call carried.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("natsgram: " + e.Account + ": ")
	if e.Method != "" {
		b.WriteString(e.Method + ": ")
	}
	if e.Type != "" {
		fmt.Fprintf(&b, "%d %s", e.Code, e.Type)
	} else {
		b.WriteString(e.Text)
	}
	if errors.Is(e.Err, ErrExecuted) {
		b.WriteString(", " + ErrExecuted.Error())
	}
	fmt.Fprintf(&b, " (sent: %s", e.Sent)
	if e.Attempts > 1 {
		fmt.Fprintf(&b, ", %d attempts", e.Attempts)
	}
	return b.String() + ")"
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Kind returns Type without its number: FLOOD_WAIT of FLOOD_WAIT_35.
func (e *Error) Kind() string {
	kind, _ := tg.ErrorKind(e.Type)
	return kind
}

// Telegram returns Code and Type where the error is Telegram's, else zero.
func (e *Error) Telegram() (code int, text string) {
	if e.Type == "" {
		return 0, ""
	}
	return e.Code, e.Type
}

// Executed returns Sent as all errors of calls say it, or executed.Refused where Telegram answered that it did not execute the call.
func (e *Error) Executed() executed.Answer {
	if code, text := e.Telegram(); e.Sent == SentYes && text != "" && code < codeInternal {
		return executed.Refused
	}
	return executed.Answer(e.Sent)
}

// RetryAfter returns Wait.
func (e *Error) RetryAfter() time.Duration { return e.Wait }

// refused reads an answer that is an error; nil: it is a result.
func refused(h nats.Header) *Error {
	text := h.Get(subjects.HeaderErrorCode)
	if text == "" {
		return nil
	}
	e := &Error{Type: h.Get(subjects.HeaderError), Text: h.Get(subjects.HeaderErrorText), Sent: sentOf(h.Get(subjects.HeaderSent))}
	if e.Code, _ = strconv.Atoi(text); e.Code == 0 {
		e.Code = codeInternal
	}
	if seconds, err := strconv.Atoi(h.Get(subjects.HeaderRetryAfter)); err == nil && seconds > 0 {
		e.Wait = time.Duration(min(seconds, maxWait)) * time.Second
	}
	_, e.Arg = tg.ErrorKind(e.Type)
	if e.Type == "" {
		e.Err = causes[e.Code]
	}
	return e
}

// maxWait bounds what is believed of Tg-Retry-After, in seconds.
const maxWait = 366 * 24 * 3600

const (
	codeBadRequest  = 400
	codeSignedOut   = 401
	codeNotAllowed  = 403
	codeUnknown     = 404
	codeConflict    = 409
	codeInternal    = 500
	codeUnavailable = 503
	codeNoAnswer    = 504
)

// causes are what this package calls the daemon's own refusals.
var causes = map[int]error{codeSignedOut: ErrSignedOut, codeNotAllowed: ErrNotAllowed}

func sentOf(text string) Sent {
	switch s := Sent(text); s {
	case SentNo, SentYes:
		return s
	}
	return SentUnknown
}
