package updates

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Hole is what of a box's messages is still to be fetched from history, after a [Gap] (E12).
type Hole struct {
	Box  Box      `json:"box"`
	IDs  []Range  `json:"ids"`            // ascending, apart
	Keys []uint64 `json:"keys,omitempty"` // messages in there that were stored nevertheless, before a crash
}

// Range is ids of messages: those above Low, up to High. High 0: up to the first message that came as an update
// since; it has not come yet. Only the last range of a hole may be like that.
type Range struct {
	Low  int `json:"low"`
	High int `json:"high"`
}

func (r Range) has(id int) bool { return id > r.Low && (r.High == 0 || id <= r.High) }

// without is what is left of r: at most two ranges.
func (r Range) without(gone Range) (left []Range) {
	if r.Low < gone.Low {
		if r.High == 0 || r.High > gone.Low {
			left = append(left, Range{r.Low, gone.Low})
		} else {
			left = append(left, r)
		}
	}
	if low := max(r.Low, gone.High); gone.High != 0 && (r.High == 0 || low < r.High) {
		left = append(left, Range{low, r.High})
	}
	return left
}

func (h *Hole) has(id int) bool {
	return slices.ContainsFunc(h.IDs, func(r Range) bool { return r.has(id) })
}

// open: where the hole ends is not known yet.
func (h *Hole) open() bool { return h.last().High == 0 }

func (h *Hole) last() Range { return h.IDs[len(h.IDs)-1] }

// size is how many ids are in it, as far as known.
func (h *Hole) size() (n int) {
	for _, r := range h.IDs {
		n += max(r.High-r.Low, 0)
	}
	return n
}

// first are the lowest ids in it, n at most.
func (h *Hole) first(n int) []int {
	ids := make([]int, 0, min(n, max(h.size(), 1)))
	for _, r := range h.IDs {
		for id := r.Low + 1; r.has(id) && id > 0; id++ {
			if len(ids) == n {
				return ids
			}
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *State) hole(b Box) *Hole {
	for i := range s.Holes {
		if s.Holes[i].Box == b {
			return &s.Holes[i]
		}
	}
	return nil
}

// dig adds ids to what is to be fetched of a box. What a difference has stored of them before a crash cut it is
// known by its keys.
func (s *State) dig(b Box, r Range) {
	h := s.hole(b)
	if h == nil {
		s.Holes = append(s.Holes, Hole{Box: b})
		h = &s.Holes[len(s.Holes)-1]
	}
	if p := s.partial(b); p != nil {
		h.Keys = append(h.Keys, p.Keys...)
	}
	if len(h.IDs) > 0 {
		if h.open() {
			return
		}
		r.Low = max(r.Low, h.last().High)
	}
	if r.High == 0 || r.Low < r.High {
		h.IDs = append(h.IDs, r)
	}
	s.closeHoles()
}

// fill takes ids out of what is to be fetched of a box. A High of 0 means all above Low.
func (s *State) fill(b Box, gone Range) {
	h := s.hole(b)
	if h == nil {
		return
	}
	var left []Range
	for _, r := range h.IDs {
		left = append(left, r.without(gone)...)
	}
	h.IDs = left
	s.closeHoles()
}

func (s *State) closeHoles() {
	if s.Holes = slices.DeleteFunc(s.Holes, func(h Hole) bool { return len(h.IDs) == 0 }); len(s.Holes) == 0 {
		s.Holes = nil
	}
}

func appendRange(b []byte, name string, box Box, r Range) []byte {
	b = append(append(appendField(b, name), box.String()...), '/')
	b = append(strconv.AppendInt(b, int64(r.Low), 10), '/')
	return strconv.AppendInt(b, int64(r.High), 10)
}

func parseRange(value string) (box Box, r Range, err error) {
	name, ids, _ := strings.Cut(value, "/")
	if box, err = ParseBox(name); err != nil {
		return box, r, err
	}
	low, high, _ := strings.Cut(ids, "/")
	if r.Low, err = strconv.Atoi(low); err != nil {
		return box, r, err
	}
	r.High, err = strconv.Atoi(high)
	if err == nil && (r.Low < 0 || r.High != 0 && r.High < r.Low) {
		err = errors.New("ids run backwards")
	}
	return box, r, err
}
