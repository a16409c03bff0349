package updates

import (
	"maps"
	"slices"
)

// State is where an account stands: what was published, and what has to be fetched. Its JSON is the snapshot; the small
// text of [Item.State] is a change of it.
//
// The tags of the fields are the table that drives both forms.
type State struct {
	Position
	Channels map[int64]ChannelState `json:"channels,omitempty" text:"-"`
	Partial  []Partial              `json:"partial,omitempty" text:"-"`
	Holes    []Hole                 `json:"holes,omitempty" text:"-"`       // one for a box
	Listed   bool                   `json:"listed,omitempty" text:"listed"` // the dialogs were gone through once (E17)
	Era      uint64                 `json:"era,omitempty" text:"era"`       // another one after Telegram began to count anew (E10)
}

// Position is where the account's own boxes stand, and the seq of its containers.
type Position struct {
	Pts      int `json:"pts" text:"pts"`      // of the common box
	PtsItems int `json:"n" text:"pts . 1"`    // items published with just this pts
	TopID    int `json:"top" text:"pts @"`    // id of the newest message published in the common box; 0: not known
	Qts      int `json:"qts" text:"qts"`      // of the secret box
	QtsItems int `json:"qtsn" text:"qts . 1"` // items published with just this qts
	Seq      int `json:"seq" text:"seq"`
	Date     int `json:"date" text:"date"` // unix seconds, Telegram's clock
}

// ChannelState is where one channel stands.
type ChannelState struct {
	Pts        int   `json:"pts" text:"c"`                // 0: nothing is known yet
	PtsItems   int   `json:"n" text:"c . 1"`              // items published with just this pts
	TopID      int   `json:"top,omitempty" text:"c @"`    // id of its newest message that is accounted for; 0: not known
	AccessHash int64 `json:"hash,omitempty" text:"c /"`   // of this account (E22); 0: not known
	Behind     bool  `json:"behind,omitempty" text:"c !"` // something of it is missing
	Closed     bool  `json:"closed,omitempty" text:"c ~"` // Telegram does not show it to us (E15)
	Left       bool  `json:"left,omitempty" text:"c x"`   // the account is not in it, or not any more
}

// Partial is a difference that began with a slice of several batches, of which only the first were stored.
type Partial struct {
	Box  Box      `json:"box"`
	Pts  int      `json:"pts"`  // of the items
	N    int      `json:"n"`    // index of the next item
	Keys []uint64 `json:"keys"` // what the items were
}

// Empty tells a state that no answer of Telegram's has filled yet.
func (s *State) Empty() bool { return s.Pts == 0 && s.Date == 0 }

// Clone shares nothing with s.
func (s *State) Clone() State {
	c := *s
	c.Channels = maps.Clone(s.Channels)
	c.Partial = slices.Clone(s.Partial)
	for i := range c.Partial {
		c.Partial[i].Keys = slices.Clone(c.Partial[i].Keys)
	}
	c.Holes = slices.Clone(s.Holes)
	for i := range c.Holes {
		c.Holes[i].IDs = slices.Clone(c.Holes[i].IDs)
		c.Holes[i].Keys = slices.Clone(c.Holes[i].Keys)
	}
	return c
}

func (s *State) partial(b Box) *Partial {
	for i := range s.Partial {
		if s.Partial[i].Box == b {
			return &s.Partial[i]
		}
	}
	return nil
}

func (s *State) dropPartial(b Box) {
	s.Partial = slices.DeleteFunc(s.Partial, func(p Partial) bool { return p.Box == b })
}
