package mtproto

// Sent tells whether a call may have reached Telegram.
type Sent int

// The answers.
const (
	SentUnknown Sent = iota
	SentNo
	SentYes
)

func (s Sent) String() string { return [...]string{"unknown", "no", "yes"}[s] }
