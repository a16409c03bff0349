package updates

import (
	"fmt"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// aboutPlan is where an update has that, beside in a message.
type aboutPlan struct {
	id  string // field of one message's id
	ids string // field of a list of ids

	topic bool // it has topic_id
	top   bool // it has top_msg_id, or is about what may have one
}

// planAbout reads it off a declaration, by the names that the API has for ids in all its layers.
func planAbout(c *tl.Combinator) (p aboutPlan) {
	for _, name := range []string{"messages", "ids"} {
		if list := c.Param(name); list != nil && len(list.Type.Args) == 1 && list.Type.Args[0].Name == "int" {
			p.ids = name
		}
	}
	if has(c, "msg_id", "int") {
		p.id = "msg_id"
	}
	if has(c, "id", "int") && has(c, "channel_id", "long") {
		p.id = "id"
	}
	p.topic = c.Param("topic_id") != nil
	whose := c.Param("peer")
	p.top = c.Param("top_msg_id") != nil || whose != nil && whose.Type.Name == "NotifyPeer"
	return p
}

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
