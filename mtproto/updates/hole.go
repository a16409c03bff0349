package updates

import "slices"

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
func (h *Hole) isOpen() bool { return h.last().High == 0 }

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
