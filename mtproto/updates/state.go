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
	Top  int `json:"top"`  // id of the newest message published there; 0: not known
	Qts  int `json:"qts"`  // secret
	QtsN int `json:"qtsn"` // the same for qts
	Seq  int `json:"seq"`
	Date int `json:"date"` // unix seconds, Telegram's clock

	Channels map[int64]ChannelState `json:"channels,omitempty"`
	Partial  []Partial              `json:"partial,omitempty"`
	Holes    []Hole                 `json:"holes,omitempty"`  // one for a box
	Listed   bool                   `json:"listed,omitempty"` // the dialogs were gone through once (E17)
	Era      uint64                 `json:"era,omitempty"`    // of the counting: another one after Telegram began anew (E10)
}

// ChannelState is where one channel stands.
type ChannelState struct {
	Pts        int   `json:"pts"` // 0: nothing is known yet
	N          int   `json:"n"`
	Top        int   `json:"top,omitempty"`  // id of its newest message that is accounted for; 0: not known
	AccessHash int64 `json:"hash,omitempty"` // of this account (E22); 0: not known
	Behind     bool  `json:"behind,omitempty"`
	Closed     bool  `json:"closed,omitempty"` // Telegram does not show it to us (E15)
	Left       bool  `json:"left,omitempty"`   // the account is not in it, or not any more
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

func (s *State) applyField(field string) (err error) {
	name, value, _ := strings.Cut(field, "=")
	switch {
	case name == "pts":
		s.Pts, s.N, err = parsePlace(value, &s.Top)
	case name == "qts":
		s.Qts, s.QtsN, err = parsePlace(value, nil)
	case name == "seq":
		s.Seq, err = strconv.Atoi(value)
	case name == "date":
		s.Date, err = strconv.Atoi(value)
	case name == "part":
		err = s.applyPart(value)
	case name == "hole" || name == "had":
		err = s.applyHole(name, value)
	case name == "listed":
		s.Listed = true
	case name == "era":
		s.Era, err = strconv.ParseUint(value, 10, 64)
	case strings.HasPrefix(name, "c"):
		err = s.applyChannel(name[1:], value)
	default:
		err = fmt.Errorf("unknown field")
	}
	return err
}

// parsePlace reads pts[.n][@top]; top stays as it is where none is told.
func parsePlace(s string, top *int) (pts, n int, err error) {
	s, newest, told := strings.Cut(s, "@")
	if told {
		if top == nil {
			return 0, 0, errors.New("no place for the id of a message")
		}
		if *top, err = strconv.Atoi(newest); err != nil {
			return 0, 0, err
		}
	}
	at, count, counted := strings.Cut(s, ".")
	if pts, err = strconv.Atoi(at); err != nil || !counted {
		return pts, 1, err
	}
	n, err = strconv.Atoi(count)
	return pts, n, err
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
	value, c.Left = strings.CutSuffix(value, "x")
	value, c.Closed = strings.CutSuffix(value, "~")
	value, c.Behind = strings.CutSuffix(value, "!")
	place, hash, hashed := strings.Cut(value, "/")
	if hashed {
		if c.AccessHash, err = strconv.ParseInt(hash, 10, 64); err != nil {
			return err
		}
	}
	if c.Pts, c.N, err = parsePlace(place, &c.Top); err != nil {
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

func appendPlace(b []byte, pts, n, top int) []byte {
	b = strconv.AppendInt(b, int64(pts), 10)
	if n != 1 {
		b = strconv.AppendInt(append(b, '.'), int64(n), 10)
	}
	if top != 0 {
		b = strconv.AppendInt(append(b, '@'), int64(top), 10)
	}
	return b
}

// appendChannel tells where a channel is; its access hash and its newest message only where they are not 0.
func appendChannel(b []byte, id int64, c ChannelState) []byte {
	if len(b) > 0 {
		b = append(b, ';')
	}
	b = append(strconv.AppendInt(append(b, 'c'), id, 10), '=')
	b = appendPlace(b, c.Pts, c.N, c.Top)
	if c.AccessHash != 0 {
		b = strconv.AppendInt(append(b, '/'), c.AccessHash, 10)
	}
	if c.Behind {
		b = append(b, '!')
	}
	if c.Closed {
		b = append(b, '~')
	}
	if c.Left {
		b = append(b, 'x')
	}
	return b
}

// appendGone tells that a channel is forgotten.
func appendGone(b []byte, id int64) []byte {
	if len(b) > 0 {
		b = append(b, ';')
	}
	return append(strconv.AppendInt(append(b, 'c'), id, 10), '=')
}

func appendPart(b []byte, box Box, pts, index int) []byte {
	b = append(append(appendField(b, "part"), box.String()...), '/')
	b = append(strconv.AppendInt(b, int64(pts), 10), '/')
	return strconv.AppendInt(b, int64(index), 10)
}

// appendState appends what takes the account's fields from said to now. The numbers alone; channels are told one by one.
func appendState(b []byte, said, now position) []byte {
	top := now.top
	if top == said.top {
		top = 0
	}
	if now.pts != said.pts || now.n != said.n || top != 0 {
		b = appendPlace(appendField(b, "pts"), now.pts, now.n, top)
	}
	if now.qts != said.qts || now.qtsN != said.qtsN {
		b = appendPlace(appendField(b, "qts"), now.qts, now.qtsN, 0)
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
type position struct{ pts, n, top, qts, qtsN, seq, date int }

func (s *State) position() position {
	return position{s.Pts, s.N, s.Top, s.Qts, s.QtsN, s.Seq, s.Date}
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
