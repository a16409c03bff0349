package mtproto

import "github.com/natsgram/natsgram/mtproto/session"

// Sent tells whether a call may have reached Telegram.
type Sent = session.Sent

// The answers: SentUnknown, the zero value, is the careful one; after SentNo it is safe to call again.
const (
	SentUnknown = session.Unknown
	SentNo      = session.No
	SentYes     = session.Yes
)
