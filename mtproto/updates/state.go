package updates

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// State is where an account stands: what was published, and what has to be fetched. Its JSON is the snapshot; the small
// text of [Item.State] is a change of it.
type State struct {
	Pts  int `json:"pts"`  // common
	N    int `json:"n"`    // items published with just this pts
	Qts  int `json:"qts"`  // secret
	QtsN int `json:"qtsn"` // the same for qts
	Seq  int `json:"seq"`
	Date int `json:"date"` // unix seconds, Telegram's clock

	Channels map[int64]ChannelState `json:"channels,omitempty"`
	Partial  []Partial              `json:"partial,omitempty"`
}

// ChannelState is where one channel stands.
type ChannelState struct {
	Pts        int   `json:"pts"` // 0: nothing is known yet
	N          int   `json:"n"`
	AccessHash int64 `json:"hash,omitempty"` // of this account (E22); 0: not known
	Behind     bool  `json:"behind,omitempty"`
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
	return c
}

// Apply folds a change into the state. The text has the fields below, joined by semicolons, a later one over an
// earlier one. After an error the state may have changed in part.
//
//	pts=105       the common box is at 105, and one item was published there; pts=105.3: three; pts=105.0: none
//	qts=7         the same for the secret box
//	seq=4 date=1735910891
//	c77=105.0/-5! channel 77 is at 105; its access hash is -5 (left out: unchanged); it is behind
//	part=channel.77/120/12/9f3c61a2b8d40e57   item 12 of a slice to 120 that comes in several batches, and what it was
//	part=channel.77/120/15                    item 15 of it was the last of a batch that came after such a crash
//	part=channel.77                           that difference is over
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

func (s *State) applyField(field string) (err error) {
	name, value, _ := strings.Cut(field, "=")
	switch {
	case name == "pts":
		s.Pts, s.N, err = parsePlace(value)
	case name == "qts":
		s.Qts, s.QtsN, err = parsePlace(value)
	case name == "seq":
		s.Seq, err = strconv.Atoi(value)
	case name == "date":
		s.Date, err = strconv.Atoi(value)
	case name == "part":
		err = s.applyPart(value)
	case strings.HasPrefix(name, "c"):
		err = s.applyChannel(name[1:], value)
	default:
		err = fmt.Errorf("unknown field")
	}
	return err
}

func parsePlace(s string) (pts, n int, err error) {
	at, count, counted := strings.Cut(s, ".")
	if pts, err = strconv.Atoi(at); err != nil || !counted {
		return pts, 1, err
	}
	n, err = strconv.Atoi(count)
	return pts, n, err
}

func (s *State) applyChannel(digits, value string) error {
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return err
	}
	c := s.Channels[id]
	value, c.Behind = strings.CutSuffix(value, "!")
	place, hash, hashed := strings.Cut(value, "/")
	if hashed {
		if c.AccessHash, err = strconv.ParseInt(hash, 10, 64); err != nil {
			return err
		}
	}
	if c.Pts, c.N, err = parsePlace(place); err != nil {
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

func appendNumber(b []byte, name string, v int) []byte {
	return strconv.AppendInt(appendField(b, name), int64(v), 10)
}

func appendPlace(b []byte, pts, n int) []byte {
	b = strconv.AppendInt(b, int64(pts), 10)
	if n != 1 {
		b = strconv.AppendInt(append(b, '.'), int64(n), 10)
	}
	return b
}

func appendChannel(b []byte, id int64, c ChannelState, hash bool) []byte {
	if len(b) > 0 {
		b = append(b, ';')
	}
	b = append(strconv.AppendInt(append(b, 'c'), id, 10), '=')
	b = appendPlace(b, c.Pts, c.N)
	if hash {
		b = strconv.AppendInt(append(b, '/'), c.AccessHash, 10)
	}
	if c.Behind {
		b = append(b, '!')
	}
	return b
}

func appendPart(b []byte, box Box, pts, index int) []byte {
	b = append(append(appendField(b, "part"), box.String()...), '/')
	b = append(strconv.AppendInt(b, int64(pts), 10), '/')
	return strconv.AppendInt(b, int64(index), 10)
}

// appendState appends what takes the account's fields from said to now. The numbers alone; channels are told one by one.
func appendState(b []byte, said, now position) []byte {
	if now.pts != said.pts || now.n != said.n {
		b = appendPlace(appendField(b, "pts"), now.pts, now.n)
	}
	if now.qts != said.qts || now.qtsN != said.qtsN {
		b = appendPlace(appendField(b, "qts"), now.qts, now.qtsN)
	}
	if now.seq != said.seq {
		b = appendNumber(b, "seq", now.seq)
	}
	if now.date != said.date {
		b = appendNumber(b, "date", now.date)
	}
	return b
}

// position is the account's part of a state.
type position struct{ pts, n, qts, qtsN, seq, date int }

func (s *State) position() position {
	return position{s.Pts, s.N, s.Qts, s.QtsN, s.Seq, s.Date}
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
