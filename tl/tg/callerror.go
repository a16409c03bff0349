package tg

import (
	"errors"
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/errtext"
	"github.com/natsgram/natsgram/tl/executed"
)

// CallError is what the errors of both Invokers are, found with errors.As: the *mtproto.Error of a client that talks to
// Telegram itself, and the *client.Error of one on the bus. It answers whose the error is, whether the call may have been
// executed, and how long to wait.
type CallError interface {
	error

	// Telegram is the code and text that Telegram answered, as they came: 420 and FLOOD_WAIT_35. Both are zero where the
	// error is not Telegram's.
	Telegram() (code int, text string)

	// Executed says whether Telegram may have executed the call.
	Executed() executed.Answer

	// RetryAfter is how long to wait before calling again, 0 if nobody said.
	RetryAfter() time.Duration
}

// IsKind reports whether err is a refusal of Telegram's, of one of these kinds (see [ErrorKind]):
//
//	if tg.IsKind(err, "PEER_ID_INVALID", "USER_IS_BLOCKED") {
func IsKind(err error, kinds ...string) bool {
	var e CallError
	if !errors.As(err, &e) {
		return false
	}
	_, text := e.Telegram()
	kind, _ := ErrorKind(text)
	return text != "" && slices.Contains(kinds, kind)
}

// RetryAfter is how long to wait before the call that err ended is made again, 0 if nobody said.
func RetryAfter(err error) time.Duration {
	var e CallError
	if errors.As(err, &e) {
		return e.RetryAfter()
	}
	return 0
}

// ErrorKind takes the number out of an error's text: FLOOD_WAIT and 35 of FLOOD_WAIT_35, FILE_REFERENCE_EXPIRED and 2 of
// FILE_REFERENCE_2_EXPIRED. It is the last of the parts between underscores that is all digits; 0 without one.
func ErrorKind(text string) (kind string, number int) { return errtext.Split(text) }
