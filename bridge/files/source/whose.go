package source

import (
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// An object in a store has to say whose file it is: the message that it came from may be kept nowhere else, and what is kept of somebody is
// to be found when it is to be erased.

// peerKinds are the fields of peers, in objects and inputs alike.
var peerKinds = []struct {
	field string
	kind  subjects.Kind
}{{"user_id", subjects.User}, {"chat_id", subjects.Chat}, {"channel_id", subjects.Channel}}

// from notes who stands in a message or story: in which chat it is, whose it is, and from whom it is forwarded.
func (f *Found) from(m codec.View) *Found {
	if f == nil {
		return nil
	}
	f.note(m, "peer_id", "from_id", "saved_peer_id")
	if forward, ok := m.Object("fwd_from"); ok {
		f.note(forward, "from_id", "from", "saved_from_peer", "saved_from_id")
	}
	return f
}

func (f *Found) note(m codec.View, fields ...string) {
	for _, field := range fields {
		if p, ok := m.Object(field); ok {
			for _, k := range peerKinds {
				f.add(k.kind, p.Int(k.field))
			}
		}
	}
}

// by notes a peer that a caller named.
func (f *Found) by(peer codec.M) *Found {
	if f == nil {
		return nil
	}
	for _, k := range peerKinds {
		id, _ := peer[k.field].(int64)
		f.add(k.kind, id)
	}
	return f
}

func (f *Found) add(kind subjects.Kind, id int64) {
	if who := fmt.Sprintf("%s.%d", kind, id); id != 0 && !slices.Contains(f.Of, who) {
		f.Of = append(f.Of, who)
	}
}
