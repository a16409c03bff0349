package updates

import (
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// finder is one way to find the chat in which an update happened: the field, and in it, if it is an object, the
// inner field.
type finder struct {
	field, inner string
	kind         PeerKind // of an id; PeerNone: a Peer object
}

// findPeers reads the ways off a declaration, the surest first. The names are those that the API has used in all its
// layers; an update in which none of them stands has no peer.
func findPeers(decl *tl.Schema, c *tl.Combinator) (ways []finder) {
	for _, p := range c.Params {
		if p.Type.Name == "Message" {
			ways = append(ways, finder{field: p.Name, inner: "peer_id"})
		}
	}
	for _, name := range []string{"peer", "peer_id", "participants", "message", "chat", "story"} {
		if p := c.Param(name); p != nil {
			ways = append(ways, findIn(decl, p)...)
		}
	}
	return append(ways, findIDs(c, "")...)
}

// findIn finds ways through a parameter that is an object.
func findIn(decl *tl.Schema, p *tl.Param) (ways []finder) {
	if p.Type.Name == "Peer" {
		return []finder{{field: p.Name}}
	}
	for _, c := range decl.Class(p.Type.Name) {
		for _, name := range []string{"peer", "peer_id"} {
			if inner := c.Param(name); inner != nil && inner.Type.Name == "Peer" {
				ways = append(ways, finder{field: p.Name, inner: name})
			}
		}
		ways = append(ways, findIDs(c, p.Name)...)
		if c.Result.Name == "EncryptedChat" {
			ways = append(ways, finder{p.Name, "id", PeerSecret})
		}
	}
	return ways
}

// findIDs finds the bare ids; the id of a secret chat is an int, all others are long. Outer is the field that holds c.
func findIDs(c *tl.Combinator, outer string) (ways []finder) {
	for _, id := range []struct {
		name, typ string
		kind      PeerKind
	}{
		{"channel_id", "long", PeerChannel},
		{"chat_id", "long", PeerChat},
		{"chat_id", "int", PeerSecret},
		{"user_id", "long", PeerUser},
		{"bot_id", "long", PeerUser},
	} {
		switch {
		case !has(c, id.name, id.typ):
		case outer == "":
			ways = append(ways, finder{field: id.name, kind: id.kind})
		case id.kind != PeerUser: // a user inside of something is not where it happened
			ways = append(ways, finder{outer, id.name, id.kind})
		}
	}
	return ways
}

// peerOf is the chat in which an update happened.
func peerOf(u *looked, ways []finder) Peer {
	for _, way := range ways {
		if peer := way.find(u); peer.ID != 0 {
			return peer
		}
	}
	return Peer{Kind: PeerNone}
}

func (f finder) find(l *looked) Peer {
	v, field := &l.Fields, f.field
	if f.inner != "" {
		v, field = l.inner(f.field), f.inner
	}
	if f.kind != "" {
		return Peer{f.kind, v.Int(field)}
	}
	peer, ok := v.Object(field)
	if !ok {
		return Peer{}
	}
	return peerValue(peer)
}

// peerValue reads a Peer object, and of an InputPeer what it tells.
func peerValue(peer codec.View) Peer {
	if id := peer.Int("user_id"); id != 0 {
		return Peer{PeerUser, id}
	}
	if id := peer.Int("chat_id"); id != 0 {
		return Peer{PeerChat, id}
	}
	if id := peer.Int("channel_id"); id != 0 {
		return Peer{PeerChannel, id}
	}
	return Peer{Kind: PeerNone}
}

func has(c *tl.Combinator, name, typ string) bool {
	p := c.Param(name)
	return p != nil && p.Type.Name == typ && len(p.Type.Args) == 0
}
