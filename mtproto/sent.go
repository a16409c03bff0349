package mtproto

import (
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/tl/executed"
)

// Sent tells whether a call may have reached Telegram, and been executed there.
type Sent uint8

// The values of Sent. The zero value is the careful one.
const (
	SentUnknown Sent = iota // Telegram may have received the call and executed it
	SentNo                  // Telegram did not receive the call, or rejected the message: it is safe to call again
	SentYes                 // Telegram received the call, and executed it or was about to

	// SentRefused says that Telegram has executed nothing. It is safe to call again, but Telegram answers the same until what it
	// refused the call for has changed: after a FLOOD_WAIT, when that is over.
	SentRefused
)

// String returns unknown, no, yes or refused.
func (s Sent) String() string { return string(s.executed()) }

// MarshalText returns the text of [Sent.String].
func (s Sent) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Sent) executed() executed.Answer {
	switch s {
	case SentNo:
		return executed.No
	case SentYes:
		return executed.Yes
	case SentRefused:
		return executed.Refused
	}
	return executed.Unknown
}

// sentBy translates what a session says of a call.
func sentBy(s session.Sent) Sent {
	switch s {
	case session.No:
		return SentNo
	case session.Yes:
		return SentYes
	}
	return SentUnknown
}
