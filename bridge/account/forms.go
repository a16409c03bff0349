package account

import "github.com/nats-io/nats.go"

// Forms of a message, stream.Message.Form: what was left out, so that the server takes it.
const (
	formWhole uint8 = iota
	formAlone       // without the users and chats that the update mentions
	formSlim        // without the update's contents: what is needed to fetch them is there
	formBare        // without a payload
)

// Values of Tg-Redacted.
const (
	redactedMentions = "users and chats" // the update is whole
	redactedTooLarge = "too large"
	redactedRefused  = "refused" // JetStream takes the update in no other form, whatever its size
)

// stateName is the type of messages that hold nothing but what of an account's state had no room in the header before them.
const stateName = "state"

// longestRequest is how long a request's id may be to go along with the update that it caused.
const longestRequest = 256

// stateRoom is how many messages a batch leaves room for that may come of splitting a state.
const stateRoom = 40

func first(h nats.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// redaction says of an update that was left out what is needed to fetch it.
type redaction struct {
	Name  string // of the update
	Why   string
	Box   string
	Pts   int
	Kind  string  // of the chat
	ID    int64   // of the chat
	IDs   []int64 // of the messages that it is about
	Left  int     // how many more of them there are
	Bytes int     // that the payload had
}

// gapName is the type of messages that say that updates are missing.
const gapName = "gap"
