package updates

import (
	"fmt"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// wrapper makes an update of a message that came without one, as in a difference. Only the message and the pts are known.
type wrapper struct {
	name  string
	id    uint32
	parts []wrapped
	peers []finder // of the message
}

// wrapped is one field of such an update.
type wrapped uint8

const (
	wrapMessage wrapped = iota
	wrapPts
	wrapZero
)

func newWrapper(decl *tl.Schema, name string) (wrapper, error) {
	c := decl.Constructor(name)
	if c == nil {
		return wrapper{}, fmt.Errorf("updates: the schema has no constructor %s", name)
	}
	w := wrapper{name: name, id: c.ID}
	for _, p := range c.Params {
		switch {
		case p.Cond != nil:
		case p.Name == "message":
			w.parts = append(w.parts, wrapMessage)
			w.peers = findMessage(decl, p.Type.Name)
		case p.Name == "pts" || p.Name == "qts":
			w.parts = append(w.parts, wrapPts)
		case p.Type.Name == "int" || p.Type.Name == "#":
			w.parts = append(w.parts, wrapZero)
		default:
			return w, fmt.Errorf("updates: the field %s of %s is unknown: there is no value for it", p.Name, name)
		}
	}
	return w, nil
}

// findMessage returns where a message names its chat.
func findMessage(decl *tl.Schema, class string) []finder {
	for _, c := range decl.Class(class) {
		if ways := append(findPeers(decl, c), findIDs(c, "")...); len(ways) > 0 {
			return ways
		}
	}
	return nil
}

// wrap writes the update. Its pts_count is 0, because a difference does not say by how much each message moves the pts.
func (w *wrapper) wrap(message []byte, pts int) []byte {
	out := bin.Writer{Buf: make([]byte, 0, len(message)+4+4*len(w.parts))}
	out.Uint32(w.id)
	for _, part := range w.parts {
		switch part {
		case wrapMessage:
			out.Raw(message)
		case wrapPts:
			out.Int32(int32(pts))
		default:
			out.Uint32(0)
		}
	}
	return out.Buf
}

func (w *wrapper) peer(message *looked) Peer { return peerOf(message, w.peers) }

// shortPlan says how updateShortMessage and its like become messages: each field that a message has under the same name and
// type is copied (E5).
type shortPlan struct {
	copies map[uint32][]copied // by constructor of Updates
	from   bool                // a message has from_id: Peer
}

type copied struct {
	name string
	as   copyAs
}

type copyAs uint8

const (
	copyInt copyAs = iota
	copyString
	copyTrue
	copyObject
	copyObjects
)

func newShortPlan(decl *tl.Schema) shortPlan {
	plan := shortPlan{copies: make(map[uint32][]copied)}
	message := decl.Constructor("message")
	if message == nil {
		return plan
	}
	for _, c := range decl.Class("Updates") {
		if !has(c, "pts_count", "int") {
			continue
		}
		var fields []copied
		for _, p := range c.Params {
			if to := message.Param(p.Name); to != nil && to.Type.Equal(p.Type) {
				if h, ok := copyAsOf(p.Type); ok {
					fields = append(fields, copied{name: p.Name, as: h})
				}
			}
		}
		plan.copies[c.ID] = fields
	}
	from := message.Param("from_id")
	plan.from = from != nil && from.Type.Name == "Peer"
	return plan
}

func copyAsOf(t tl.Type) (copyAs, bool) {
	switch t.Name {
	case "int", "long":
		return copyInt, true
	case "string":
		return copyString, true
	case "true":
		return copyTrue, true
	case "#", "double", "bytes", "int128", "int256", "Bool":
		return 0, false
	case "Vector":
		return copyObjects, !t.Args[0].Bare
	default:
		return copyObject, !t.Bare
	}
}

func (p *shortPlan) copyTo(to codec.M, v codec.View) {
	for _, f := range p.copies[v.ID()] {
		switch {
		case !v.Has(f.name):
		case f.as == copyInt:
			to[f.name] = v.Int(f.name)
		case f.as == copyString:
			to[f.name] = v.Str(f.name)
		case f.as == copyTrue:
			to[f.name] = true
		case f.as == copyObject:
			to[f.name], _ = v.Object(f.name)
		case f.as == copyObjects:
			items := []codec.View{}
			for item := range v.Objects(f.name) {
				items = append(items, item)
			}
			to[f.name] = items
		}
	}
}

// lengthen makes an updateShortMessage, updateShortChatMessage or updateShortSentMessage whole (E5). False: something about
// it is not known.
func (e *env) lengthen(v, call codec.View) (codec.View, bool) {
	message := codec.M{"_": "message"}
	e.rules.short.copyTo(message, v)
	if v.Name() == "updateShortSentMessage" && !sentBy(message, call) || !e.setPeers(message, v, call) || !e.knowsAll(v) {
		return codec.View{}, false
	}
	update, err := e.rules.s.Encode(nil, codec.M{
		"_": "updateNewMessage", "message": message, "pts": v.Int("pts"), "pts_count": v.Int("pts_count"),
	})
	if err != nil {
		return codec.View{}, false // the message has a field now that the short form does not tell
	}
	u, err := e.rules.s.View(update)
	return u, err == nil
}

// sentBy adds what only the call that sent the message tells. A call that says more than its text is left to the
// difference.
func sentBy(message codec.M, call codec.View) bool {
	if call.Name() != "messages.sendMessage" {
		return false
	}
	for _, field := range []string{"reply_to", "schedule_date", "send_as", "quick_reply_shortcut", "effect", "reply_markup",
		"invert_media", "noforwards", "suggested_post", "allow_paid_stars", "schedule_repeat_period"} {
		if call.Has(field) {
			return false
		}
	}
	message["message"] = call.Str("message")
	message["out"] = true
	if call.Bool("silent") {
		message["silent"] = true
	}
	return true
}

// setPeers sets who wrote the message, and where.
func (e *env) setPeers(message codec.M, v, call codec.View) bool {
	self := e.c.SelfID
	if self == 0 {
		return false
	}
	peer, from := Peer{PeerUser, v.Int("user_id")}, self
	switch {
	case v.Has("chat_id"):
		peer, from = Peer{PeerChat, v.Int("chat_id")}, v.Int("from_id")
	case call.Valid():
		to, _ := call.Object("peer")
		if peer = peerValue(to); to.Name() == "inputPeerSelf" {
			peer = Peer{PeerUser, self}
		}
	case !v.Bool("out"):
		from = v.Int("user_id")
	}
	message["peer_id"] = peerM(peer)
	if e.rules.short.from {
		message["from_id"] = peerM(Peer{PeerUser, from})
	}
	return peer.ID != 0 && from != 0 && (peer.Kind == PeerUser || peer.Kind == PeerChat)
}

func peerM(p Peer) codec.M {
	if p.Kind == PeerChat {
		return codec.M{"_": "peerChat", "chat_id": p.ID}
	}
	return codec.M{"_": "peerUser", "user_id": p.ID}
}

// knowsAll reports whether all whom the message mentions are known.
func (e *env) knowsAll(v codec.View) bool {
	if e.c.Known == nil {
		return true
	}
	for _, p := range []Peer{
		{PeerUser, v.Int("user_id")}, {PeerUser, v.Int("from_id")}, {PeerUser, v.Int("via_bot_id")}, {PeerChat, v.Int("chat_id")},
	} {
		if p.ID != 0 && !e.c.Known(p) {
			return false
		}
	}
	return e.knowsInner(v)
}

func (e *env) knowsInner(v codec.View) bool {
	for entity := range v.Objects("entities") {
		if id := entity.Int("user_id"); id != 0 && !e.c.Known(Peer{PeerUser, id}) {
			return false
		}
	}
	for _, field := range [][2]string{{"fwd_from", "from_id"}, {"fwd_from", "saved_from_peer"}, {"reply_to", "reply_to_peer_id"}} {
		outer, _ := v.Object(field[0])
		if inner, ok := outer.Object(field[1]); ok && !e.c.Known(peerValue(inner)) {
			return false
		}
	}
	return true
}
