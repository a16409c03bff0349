package updates

import "github.com/natsgram/natsgram/tl/codec"

// Unknown is the Name of an item that the schema cannot read, since Telegram wrote it in a newer layer (D3). Its Update is
// the bytes as they came: one object, or several side by side.
const Unknown = "unknown"

// salvage reads an answer or a push without the items that no schema at hand can read, and tells them. The View is none
// where nothing else was in it.
func (r *Rules) salvage(body []byte) (v codec.View, lost [][]byte, ok bool) {
	s, ok := r.s.Salvage(body)
	if !ok {
		return v, nil, false
	}
	if s.Body != nil {
		v, _ = r.s.View(s.Body) // Salvage has read it
	}
	return v, s.Lost, true
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
