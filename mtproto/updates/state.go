package updates

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
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

// Apply folds a change into the state. The text has the fields below, joined by semicolons, a later one over an
// earlier one. After an error the state may have changed in part.
//
//	pts=105       the common box is at 105, and one item was published there; pts=105.3: three; pts=105.0: none;
//	              pts=105@5001: and its newest message has the id 5001
//	qts=7         the same for the secret box
//	seq=4 date=1735910891
//	c77=105.0/-5! channel 77 is at 105; its access hash is -5 (left out: unchanged); it is behind (~: closed to us; x: left)
//	c77=                                      it is forgotten
//	part=channel.77/120/12/9f3c61a2b8d40e57   item 12 of a slice to 120 that comes in several batches, and what it was
//	part=channel.77/120/15                    item 15 of it was the last of a batch that came after such a crash
//	part=channel.77                           that difference is over
//	hole=channel.77/5000/9000                 its messages above 5000 up to 9000 are to be fetched from history
//	hole=common/5000/0                        the same, up to the first that comes as an update
//	had=channel.77/5000/5100                  those are dealt with
//	listed=1                                  the dialogs were gone through
//	era=4711                                  the counting of pts has begun anew: its items are none of those before
func (s *State) Apply(text string) error {
	for text != "" {
		var field string
		field, text, _ = strings.Cut(text, ";")
		if err := s.applyField(field); err != nil {
			return fmt.Errorf("updates: state %.40q: %w", field, err)
		}
	}
	return nil
}

func (s *State) applyField(field string) error {
	name, value, _ := strings.Cut(field, "=")
	if e := named(positionEntries, name); e != nil {
		return e.parse(value, reflect.ValueOf(&s.Position).Elem())
	}
	if e := named(stateEntries, name); e != nil {
		return e.parse(value, reflect.ValueOf(s).Elem())
	}
	switch {
	case name == "part":
		return s.applyPart(value)
	case name == "hole" || name == "had":
		return s.applyHole(name, value)
	case strings.HasPrefix(name, channelEntry.name):
		return s.applyChannel(name[len(channelEntry.name):], value)
	default:
		return errors.New("unknown field")
	}
}

func (s *State) applyHole(name, value string) error {
	box, r, err := parseRange(value)
	switch {
	case err != nil:
		return err
	case name == "hole":
		s.dig(box, r)
	default:
		s.fill(box, r)
	}
	return nil
}

func (s *State) applyChannel(digits, value string) error {
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return err
	}
	if value == "" {
		delete(s.Channels, id)
		return nil
	}
	c := s.Channels[id]
	if err = channelEntry.parse(value, reflect.ValueOf(&c).Elem()); err != nil {
		return err
	}
	if s.Channels == nil {
		s.Channels = make(map[int64]ChannelState)
	}
	s.Channels[id] = c
	return nil
}

func (s *State) applyPart(value string) error {
	parts := strings.Split(value, "/")
	box, err := ParseBox(parts[0])
	if err != nil {
		return err
	}
	if len(parts) == 1 {
		s.dropPartial(box)
		return nil
	}
	if len(parts) == 2 || len(parts) > 4 {
		return errors.New("want box/pts/index/key")
	}
	pts, err := strconv.Atoi(parts[1])
	if err != nil {
		return err
	}
	index, err := strconv.ParseUint(parts[2], 10, 31)
	if err != nil {
		return err
	}
	p := s.partial(box)
	if p == nil {
		s.Partial = append(s.Partial, Partial{Box: box})
		p = &s.Partial[len(s.Partial)-1]
	}
	p.Pts, p.N = max(p.Pts, pts), max(p.N, int(index)+1)
	if len(parts) == 4 {
		var key uint64
		key, err = strconv.ParseUint(parts[3], 16, 64)
		p.Keys = append(p.Keys, key)
	}
	return err
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

// appendField starts another field.
func appendField(b []byte, name string) []byte {
	if len(b) > 0 {
		b = append(b, ';')
	}
	return append(append(b, name...), '=')
}

// appendChannel tells where a channel is; its access hash and its newest message only where they are not 0.
func appendChannel(b []byte, id int64, c *ChannelState) []byte {
	return channelEntry.append(appendChannelName(b, id), reflect.ValueOf(c).Elem())
}

// appendForgotten tells that a channel is forgotten.
func appendForgotten(b []byte, id int64) []byte { return appendChannelName(b, id) }

func appendChannelName(b []byte, id int64) []byte {
	if len(b) > 0 {
		b = append(b, ';')
	}
	return append(strconv.AppendInt(append(b, channelEntry.name...), id, 10), '=')
}

func appendPart(b []byte, box Box, pts, index int) []byte {
	b = append(append(appendField(b, "part"), box.String()...), '/')
	b = append(strconv.AppendInt(b, int64(pts), 10), '/')
	return strconv.AppendInt(b, int64(index), 10)
}

// behind are the channels that wait for a difference, in order of their ids.
func (s *State) behind() (ids []int64) {
	for id, c := range s.Channels {
		if c.Behind {
			ids = append(ids, id)
		}
	}
	for _, p := range s.Partial {
		if p.Box.Kind == Channel {
			ids = append(ids, p.Box.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
