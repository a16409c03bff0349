package mtproto

import "github.com/natsgram/natsgram/mtproto/session"

// Sent tells whether a call may have reached Telegram.
type Sent = session.Sent

// The answers: SentUnknown, the zero value, is the careful one; after SentNo it is safe to call again. After SentRefused too, as
// Telegram has executed nothing, but it will say the same until what it refused the call for has changed: after a FLOOD_WAIT, when
// that is over.
const (
	SentUnknown = session.Unknown
	SentNo      = session.No
	SentYes     = session.Yes
	SentRefused = session.Refused
)

// Reached is [SentOf] for who wants to know no more than whether Telegram received the call: yes, no or unknown.
func Reached(err error) string {
	if sent := SentOf(err); sent != SentRefused {
		return sent.String()
	}
	return SentYes.String()
}
