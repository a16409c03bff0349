package updates

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl/codec"
)

// container is what updates came in: a push, or a difference. Its users and chats belong to all of them.
type container struct {
	f         codec.Fields
	item      codec.Fields // one of its users and chats after the other
	meta      Meta
	date      int
	cost      int // bytes that postponing any part of it keeps in memory
	all       []entity
	loaded    bool
	next      int      // index of its next update without a box
	postponed bool     // a part of it is
	lost      [][]byte // what a newer layer wrote in it

	unrecoverable bool // something of it was published that no difference would give back (E27)
}

// newAnswer is an answer as a container.
func newAnswer(v codec.View, size int) *container {
	c := &container{cost: size}
	c.f.Read(v)
	return c
}

// entities are the users and chats that came along, sorted by id.
func (c *container) entities() []entity {
	if !c.loaded {
		c.all, c.loaded = readEntities(c.all, &c.f, &c.item), true
	}
	return c.all
}

// entity is a user or chat that came along.
type entity struct {
	id   int64
	kind PeerKind
	raw  []byte
	hash int64 // 0: none that is good for more than photos (E21)
	part membership
}

// membership is what the account is in a channel.
type membership uint8

const (
	unsaid membership = iota // the object is a min one, or not of a channel
	member
	outside // it has left, was thrown out, or never was in it
)

func compareEntities(a, b entity) int {
	switch {
	case a.id != b.id && a.id < b.id:
		return -1
	case a.id != b.id:
		return 1
	default:
		return strings.Compare(string(a.kind), string(b.kind))
	}
}

// readEntities reads the users and chats of a container or difference, sorted by id.
func readEntities(all []entity, c, item *codec.Fields) []entity {
	for u := range c.Each("users", item) {
		all = append(all, newEntity(u, PeerUser))
	}
	for chat := range c.Each("chats", item) {
		all = append(all, newEntity(chat, chatKind(chat.View().Name())))
	}
	slices.SortFunc(all, compareEntities)
	return all
}

// chatKind is the kind of a Chat of some constructor.
func chatKind(name string) PeerKind {
	if strings.HasPrefix(name, "channel") {
		return PeerChannel
	}
	return PeerChat
}

func newEntity(v *codec.Fields, kind PeerKind) entity {
	e := entity{id: v.Int("id"), kind: kind, raw: v.View().Raw()}
	if kind == PeerChannel && !v.Bool("min") {
		e.hash, e.part = v.Int("access_hash"), member
		if v.Bool("left") || v.Bool("deactivated") || v.View().Name() == "channelForbidden" {
			e.part = outside
		}
	}
	return e
}

// channelOfEntities is what came along of a channel: its access hash, and whether the account is in it.
func channelOfEntities(all []entity, id int64) (hash int64, part membership) {
	for i := range all {
		if all[i].id == id && all[i].kind == PeerChannel {
			return all[i].hash, all[i].part
		}
	}
	return 0, unsaid
}
