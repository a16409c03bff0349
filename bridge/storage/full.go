package storage

import (
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// Refusals of a message by a server that say that there is no room.
const (
	codeServerFull  = jetstream.ErrorCode(10023)
	codeAccountFull = jetstream.ErrorCode(10002)
	codeNotStored   = jetstream.ErrorCode(10077) // the stream has what it may have, or the store fails
)

// Full reports whether a message was refused because the stream takes no more. Nothing of it, or of its batch, is stored.
func Full(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case codeServerFull, codeAccountFull, codeNotStored, codeNoRoom:
		return true
	}
	return false
}
