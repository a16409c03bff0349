package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// Unknown is the Name of an item that the schema cannot read, since Telegram wrote it in a newer layer (D3). Its Update is
// the bytes as they came: one object, or several side by side.
const Unknown = "unknown"

// salvage reads an answer or a push without the items that no schema at hand can read, and tells them. The View is none
// where nothing else was in it.
func (m *Machine) salvage(body []byte) (v codec.View, lost [][]byte, ok bool) {
	s, ok := m.r.s.Salvage(body)
	if !ok {
		return v, nil, false
	}
	if s.Body != nil {
		v, _ = m.r.s.View(s.Body) // Salvage has read it
	}
	return v, s.Lost, true
}

// unreadableParts publishes what could not be read of a push. It may be of a box: then a difference, which is fetched at
// once, brings it again, readable if the connection was only taken for one of another layer.
func (m *Machine) unreadableParts(c *container, lost [][]byte) {
	for _, raw := range lost {
		m.unknown.add(hash(hashStart, raw))
		m.add(c, Item{Update: raw, Name: Unknown, Date: c.date}, nil)
		c.lossy = true
	}
}

// unknown publishes what could not be read of a difference, unless its push was published.
func (g *group) unknown(raw []byte) {
	key := hash(hashStart, raw)
	if part := g.main.part; part != nil && part.has(key) || slices.Contains(g.m.unknown.keys, key) {
		return
	}
	g.item(Item{Update: raw, Name: Unknown, Box: g.box.id, Date: g.c.date}, nil)
}

// recent remembers the last few things that were published without a place in a box, by their bytes.
type recent struct {
	keys []uint64
	next int
}

const maxRecent = 64

func (r *recent) add(key uint64) {
	if len(r.keys) < maxRecent {
		r.keys = append(r.keys, key)
		return
	}
	r.keys[r.next] = key
	r.next = (r.next + 1) % maxRecent
}
