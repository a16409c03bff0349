package updates

import (
	"fmt"
	"strconv"
	"strings"
)

// BoxKind is the kind of a sequence (E1).
type BoxKind uint8

// The kinds of boxes.
const (
	None    BoxKind = iota // no sequence
	Common                 // the account's pts: private chats, basic groups
	Secret                 // the account's qts: secret chats, and most of what only bots receive
	Channel                // a channel's or supergroup's own pts
)

// Box is one sequence of updates. It is comparable.
type Box struct {
	Kind BoxKind
	ID   int64 // of the channel; 0 for the others
}

// String is the box as the header Tg-Box has it: common, secret, channel.<id>, none.
func (b Box) String() string {
	switch b.Kind {
	case Common:
		return "common"
	case Secret:
		return "secret"
	case Channel:
		return "channel." + strconv.FormatInt(b.ID, 10)
	default:
		return "none"
	}
}

// MarshalText is [Box.String].
func (b Box) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText is [ParseBox].
func (b *Box) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBox(string(text))
	return err
}

// ParseBox reads what [Box.String] writes.
func ParseBox(s string) (Box, error) {
	switch s {
	case "none":
		return Box{}, nil
	case "common":
		return Box{Kind: Common}, nil
	case "secret":
		return Box{Kind: Secret}, nil
	}
	digits, ok := strings.CutPrefix(s, "channel.")
	id, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return Box{}, fmt.Errorf("updates: %q is no box", s)
	}
	return Box{Kind: Channel, ID: id}, nil
}

// PeerKind says what a [Peer] is, in the words of the subjects.
type PeerKind string

// The kinds of peers.
const (
	PeerNone    PeerKind = "none"
	PeerUser    PeerKind = "user"
	PeerChat    PeerKind = "chat" // a basic group
	PeerChannel PeerKind = "channel"
	PeerSecret  PeerKind = "secret" // a secret chat
)

// Peer is the chat in which an update happened. The ID is the bare one of Telegram, 0 with [PeerNone].
type Peer struct {
	Kind PeerKind
	ID   int64
}

// String is kind.id.
func (p Peer) String() string { return string(p.Kind) + "." + strconv.FormatInt(p.ID, 10) }
