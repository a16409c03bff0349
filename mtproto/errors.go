package mtproto

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/internal/conn"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/errtext"
	"github.com/natsgram/natsgram/tl/executed"
)

// What ends [Client.Run], or a call because of it. They are found with errors.Is.
var (
	// ErrClosed says that Run has ended or was never going to serve the call.
	ErrClosed = errors.New("mtproto: client closed")

	// ErrAuthLost says that the account is signed out here: by its owner, by Telegram, or banned. The state is kept;
	// nothing but a new login helps, and the client never starts one by itself (D17).
	ErrAuthLost = errors.New("mtproto: the account is signed out")

	// ErrKeyDuplicated says that one authorization was used over two connections at once, which Telegram punishes by
	// ending it (D8). It comes with ErrAuthLost.
	ErrKeyDuplicated = errors.New("mtproto: the authorization was used from two places and is lost")

	// ErrLoggedOut is how Run ends after [Login.LogOut].
	ErrLoggedOut = errors.New("mtproto: logged out")

	// ErrWrongUser says that the key belongs to another user than the state (F11).
	ErrWrongUser = errors.New("mtproto: the session belongs to another user")

	// ErrEnvironment says that the data centre refuses our data centre id: test and production are mixed up (A13).
	ErrEnvironment = conn.ErrEnvironment

	// ErrProxySecret says that an MTProxy hung up before Telegram had said anything, as it does when the secret is wrong.
	ErrProxySecret = errors.New("mtproto: the proxy hung up before Telegram answered: is its secret right?")

	// ErrNoDC says that there is no address of a data centre.
	ErrNoDC = errors.New("mtproto: no address of the data centre")

	// ErrKeyUnknown says that a data centre denied our key again and again (A11).
	ErrKeyUnknown = errors.New("mtproto: the data centre does not know our key")
)

// NoKeyError says that a data centre has none of the RSA keys that we know.
type NoKeyError = handshake.NoKeyError

// Error is why a call failed.
type Error struct {
	// Code is Telegram's: 303, 400, 401, 403, 404, 406, 420, 500, or negative. 0 says that Telegram did not answer, and
	// Err why.
	Code int

	// Type is Telegram's text as it came, such as FLOOD_WAIT_35.
	Type string

	// Arg is the number in Type, 35 there; 0 without one.
	Arg int

	// Method is the call's, such as messages.sendMessage, if the schema knows it. DC is where it was made.
	Method string
	DC     int

	// Sent tells whether Telegram may have executed the call.
	Sent Sent

	// Err is the cause if Code is 0: the context's error, ErrClosed, ...
	Err error
}

// Error returns one line, without anything that the call carried.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("mtproto: ")
	if e.Method != "" {
		b.WriteString(e.Method + ": ")
	}
	if e.Code != 0 {
		fmt.Fprintf(&b, "%d %s", e.Code, e.Type)
		return b.String()
	}
	if e.Err != nil {
		b.WriteString(strings.TrimPrefix(e.Err.Error(), "mtproto: "))
	}
	fmt.Fprintf(&b, " (sent: %v)", e.Sent)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Kind returns Type without its number: FLOOD_WAIT of FLOOD_WAIT_35, FILE_REFERENCE_EXPIRED of FILE_REFERENCE_2_EXPIRED.
func (e *Error) Kind() string {
	kind, _ := errtext.Split(e.Type)
	return kind
}

// Telegram returns Code and Type, both zero where the error is not Telegram's. With Executed and RetryAfter it makes an Error what
// package tg calls a CallError.
func (e *Error) Telegram() (code int, text string) { return e.Code, e.Type }

// Executed returns Sent as all errors of calls say it, whichever way the call went (see tg.CallError).
func (e *Error) Executed() executed.Answer { return e.Sent.executed() }

// The shortest and the longest wait that are believed, as TDLib's (NetQueryDelayer.cpp): a FLOOD_WAIT_0 must not be asked about
// again and again.
const (
	waitLeast = time.Second
	waitMost  = 14 * 24 * time.Hour
)

// RetryAfter returns how long Telegram wants us to wait before the call is made again (D17), 0 if it did not say. Of other errors
// with code 420 the number is another thing: STORY_SEND_FLOOD_WEEKLY_1795000000 names a date.
func (e *Error) RetryAfter() time.Duration {
	switch e.Code {
	case codeFlood:
	case 0: // of something that had to be done before the call
		return RetryAfter(e.Err)
	default:
		return 0
	}
	switch react(e.Code, e.Kind()) {
	case waitAlike, waitCall, waitSpeed:
		return min(max(time.Duration(e.Arg)*time.Second, waitLeast), waitMost)
	}
	return 0
}

// newError reads Telegram's answer (D16).
func newError(re *mt.RPCError, method string, dc int) *Error {
	e := &Error{Code: int(re.ErrorCode), Type: re.ErrorMessage, Method: method, DC: dc, Sent: SentYes}
	if e.Code >= codeSeeOther && e.Code < codeInternal { // those of its servers may come after the deed
		e.Sent = SentRefused
	}
	_, e.Arg = errtext.Split(e.Type)
	if e.Code == 0 { // so that Code says whose error it is
		e.Code = 500
	}
	return e
}

// SentOf tells whether the call that err ended may have been executed. It returns SentYes for nil, and SentUnknown for an error
// that is no [*Error].
func SentOf(err error) Sent {
	var e *Error
	switch {
	case err == nil:
		return SentYes
	case errors.As(err, &e):
		return e.Sent
	}
	return SentUnknown
}

// Reached tells only whether Telegram received the call that err ended: it is [SentOf] with SentYes in place of SentRefused.
func Reached(err error) Sent {
	if sent := SentOf(err); sent != SentRefused {
		return sent
	}
	return SentYes
}

// IsKind reports whether err is Telegram's, of one of these kinds (see [Error.Kind]).
func IsKind(err error, kinds ...string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code != 0 && slices.Contains(kinds, e.Kind())
}

// FileReference reports whether err is about the reference of a file, which has expired, or is wrong or missing, and is to be
// fetched anew from where the file came (D15). Index is the file's place in the query's list of media, -1 where there is no
// list. See files.Files.Refetch.
func FileReference(err error) (index int, ok bool) {
	if !IsKind(err, "FILE_REFERENCE_EXPIRED", "FILE_REFERENCE_INVALID", "FILE_REFERENCE_EMPTY") {
		return 0, false
	}
	var e *Error
	if errors.As(err, &e) && e.Type != e.Kind() {
		return e.Arg, true
	}
	return -1, true
}

// RetryAfter returns that of the [*Error] in err, 0 without one.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter()
	}
	return 0
}
