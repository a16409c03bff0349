package updates

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl/codec"
)

// Which users and chats an update mentions is found by value: every long in it whose name is that of an id is looked
// up among the users and chats that came along. So no list of fields is needed, and a layer that adds some works.

// The tags of longs, by whose id they may be.
const (
	idNone uint8 = iota
	idAny        // of a user or chat
	idUser
	idChat // of a basic group or channel
	idChannel
)

// idTag says whose id a field of that name may be. Lists of longs are lists of ids.
func idTag(field string, list bool) uint8 {
	switch {
	case list:
		return idAny
	case strings.Contains(field, "channel_id"):
		return idChannel
	case strings.Contains(field, "chat_id"):
		return idChat
	case strings.Contains(field, "user_id"), strings.Contains(field, "bot_id"):
		return idUser
	case strings.HasSuffix(field, "_id"), strings.HasSuffix(field, "_by"):
		return idAny
	default:
		return idNone
	}
}

// mayBe reports whether an id with that tag may be of a user or chat of the kind.
func mayBe(tag uint8, kind PeerKind) bool {
	switch tag {
	case idUser:
		return kind == PeerUser
	case idChat:
		return kind == PeerChat || kind == PeerChannel
	case idChannel:
		return kind == PeerChannel
	default:
		return true
	}
}

// mentions finds the users and chats that updates mention. It keeps its buffers.
type mentions struct {
	longs []codec.Long
	found []int
}

// find are the numbers of those of all that the update mentions, in the order of their first mention, until the next call.
func (m *mentions) find(ids *codec.LongFinder, update []byte, all []entity) []int {
	m.longs, m.found = ids.Append(m.longs[:0], update), m.found[:0]
	for _, id := range m.longs {
		m.look(id, all)
	}
	return m.found
}

// look looks an id up. Users and chats may have the same id.
func (m *mentions) look(id codec.Long, all []entity) {
	i, _ := slices.BinarySearchFunc(all, id.Value, func(e entity, id int64) int {
		if e.id < id {
			return -1
		}
		return 1 // the first of the id
	})
	for ; i < len(all) && all[i].id == id.Value; i++ {
		if mayBe(id.Tag, all[i].kind) && !slices.Contains(m.found, i) {
			m.found = append(m.found, i)
		}
	}
}

// People are users and chats that came along in an answer. They are for one goroutine.
type People struct {
	ids   *codec.LongFinder
	all   []entity
	found mentions
	peers []Peer
}

// People are those of some User and Chat objects.
func (r *Rules) People(objects []codec.View) *People {
	p := &People{ids: r.ids}
	for _, v := range objects {
		e := entity{id: v.Int("id"), kind: PeerUser}
		if v.Class() == "Chat" {
			e.kind = chatKind(v.Name())
		}
		p.all = append(p.all, e)
	}
	slices.SortFunc(p.all, compareEntities)
	p.all = slices.CompactFunc(p.all, func(a, b entity) bool { return compareEntities(a, b) == 0 })
	return p
}

// In are those whom a message mentions, as an update with it would, until the next call.
func (p *People) In(message []byte) []Peer {
	p.peers = p.peers[:0]
	for _, i := range p.found.find(p.ids, message, p.all) {
		p.peers = append(p.peers, Peer{Kind: p.all[i].kind, ID: p.all[i].id})
	}
	return p.peers
}
