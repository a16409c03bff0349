package updates

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

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
		if h.isOpen() {
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
