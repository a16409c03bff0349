package client

import (
	"context"
	"errors"
)

// Peer is a user or chat as the daemon knows it.
type Peer struct {
	Kind      Kind     `json:"kind"`
	ID        int64    `json:"id,string"` // bare
	Type      PeerType `json:"type"`      // empty: only its id is known
	Name      string   `json:"name"`
	Usernames []string `json:"usernames"` // without @
	Min       bool     `json:"min"`       // it was seen in passing only: not all calls take it
	Self      bool     `json:"self"`      // it is the account itself
	Unseen    bool     `json:"unseen"`    // of Resolve: calls may name it, and nothing has ever told that it is there
}

// PeerType is what a peer is to people.
type PeerType string

// The types.
const (
	PeerUser       PeerType = "user"
	PeerBot        PeerType = "bot"
	PeerChat       PeerType = "chat" // a basic group
	PeerSupergroup PeerType = "supergroup"
	PeerChannel    PeerType = "channel"
)

// PeerSearch says whom a search is for.
type PeerSearch struct {
	Text  string `json:"text"`            // with which a name, a word of it, or a username begins; empty: everybody
	Kind  Kind   `json:"kind,omitempty"`  // User, Chat or Channel; empty: all
	Limit int    `json:"limit,omitempty"` // at most 200; 0: 20
}

// Peers are the users and chats that an account knows. They are named in every way that calls take: @name, +phone, user.5, a t.me link, me.
type Peers struct{ c *Client }

// Peers returns whom the account knows. Roles reader and writer may ask.
func (c *Client) Peers() Peers { return Peers{c} }

// Get tells what the daemon knows of a peer, without a question to Telegram; [ErrUnknownPeer] where it knows nothing.
func (p Peers) Get(ctx context.Context, peer string) (Peer, error) {
	return p.one(ctx, "peers.get", peer)
}

// Resolve finds a peer as a call that names it does, which may ask Telegram: then the error is Telegram's, such as
// FLOOD_WAIT. [ErrUnknownPeer] where an id leads to nobody, and where Telegram says that nobody has a name (USERNAME_NOT_OCCUPIED). A basic group that nothing has told of can be called all the same:
// that is no error, and said by Unseen.
func (p Peers) Resolve(ctx context.Context, peer string) (Peer, error) {
	return p.one(ctx, "peers.resolve", peer)
}

func (p Peers) one(ctx context.Context, verb, peer string) (found Peer, err error) {
	err = p.c.control(ctx, verb, map[string]string{"peer": peer}, &found)
	return found, unknownPeer(err)
}

// Search looks for peers by their names, without a question to Telegram; more says that there are others than those.
func (p Peers) Search(ctx context.Context, of PeerSearch) (found []Peer, more bool, err error) {
	var page struct {
		Peers []Peer `json:"peers"`
		More  bool   `json:"more"`
	}
	err = p.c.control(ctx, "peers.search", of, &page)
	return page.Peers, page.More, err
}

// unknownPeer calls by its name that nobody is found.
func unknownPeer(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code == codeUnknown {
		e.Err = ErrUnknownPeer
	}
	return err
}
