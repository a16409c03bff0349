package storage

import "github.com/nats-io/nats.go/jetstream"

// Refusals of a message by a server that say that something else stands where it was to go.
const (
	codeLastSequence = jetstream.ErrorCode(10071)
	codeInFlight     = jetstream.ErrorCode(10164) // of a cluster: another message to the same place has not come through yet
)

// Taken reports whether a message was refused because not that stands at its subject over which it was to go. Nothing of it, or of its batch, is
// stored.
func Taken(err error) bool {
	code := codeOf(err)
	return code == codeLastSequence || code == codeInFlight
}

// InFlight reports whether a message was Taken's only for now: what it names, another message names that a cluster has not come through with yet.
func InFlight(err error) bool { return codeOf(err) == codeInFlight }
