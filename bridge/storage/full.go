package storage

import (
	"errors"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Refusals of a message by a server that say that there is no room, of the server or of the NATS account.
const (
	codeAccountFull = jetstream.ErrorCode(10002)
	codeServerFull  = jetstream.ErrorCode(10023)
	codeMemoryFull  = jetstream.ErrorCode(10028)
	codeNotStored   = jetstream.ErrorCode(10077) // why, its words alone say
)

// Full reports whether a message was refused because the stream takes no more. Nothing of it, or of its batch, is stored.
func Full(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case codeAccountFull, codeServerFull, codeMemoryFull, codeNoRoom:
		return true
	case codeNotStored:
		return strings.Contains(api.Description, "maximum bytes exceeded") || strings.Contains(api.Description, "maximum messages exceeded") ||
			strings.Contains(api.Description, "no space left")
	}
	return false
}
