package updates

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestStateText(t *testing.T) {
	for _, c := range []struct {
		text string
		want State
	}{
		{"pts=105", State{Pts: 105, N: 1}},
		{"pts=105.3;qts=7.0;seq=4;date=9", State{Pts: 105, N: 3, Qts: 7, Seq: 4, Date: 9}},
		{"c77=105", State{Channels: map[int64]ChannelState{77: {Pts: 105, N: 1}}}},
		{"c77=105.0/-5!;c77=106", State{Channels: map[int64]ChannelState{77: {Pts: 106, N: 1, AccessHash: -5}}}},
		{"c77=105!", State{Channels: map[int64]ChannelState{77: {Pts: 105, N: 1, Behind: true}}}},
		{"part=common/9/0/a;part=common/9/1/ff", State{Partial: []Partial{{Box{Kind: Common}, 9, 2, []uint64{10, 255}}}}},
		{"part=common/9/0/a;part=common/12/4", State{Partial: []Partial{{Box{Kind: Common}, 12, 5, []uint64{10}}}}},
		{"part=common/9/0/a;part=channel.5/9/0/a;part=common", State{Partial: []Partial{{Box{Channel, 5}, 9, 1, []uint64{10}}}}},
		{"pts=105@7;c77=105.0@9/-5~", State{Pts: 105, N: 1, Top: 7, Channels: map[int64]ChannelState{77: {Pts: 105, AccessHash: -5, Top: 9, Closed: true}}}},
		{"c77=1@9;c77=2", State{Channels: map[int64]ChannelState{77: {Pts: 2, N: 1, Top: 9}}}},
		{"listed=1", State{Listed: true}},
		{"hole=common/500/0;had=common/500/510;had=common/600/0", State{Holes: []Hole{{Box: Box{Kind: Common}, IDs: []Range{{510, 600}}}}}},
		{"hole=channel.5/1/9;hole=channel.5/5/20;had=channel.5/3/4;hole=common/1/0;had=common/0/0", State{Holes: []Hole{{Box: Box{Channel, 5}, IDs: []Range{{1, 3}, {4, 9}, {9, 20}}}}}},
		{"part=common/9/0/a;hole=common/4/0", State{Partial: []Partial{{Box{Kind: Common}, 9, 1, []uint64{10}}}, Holes: []Hole{{Box{Kind: Common}, []Range{{4, 0}}, []uint64{10}}}}},
		{"had=common/1/2;hole=common/3/3", State{}},
		{"", State{}},
	} {
		var s State
		if err := s.Apply(c.text); err != nil || !reflect.DeepEqual(s, c.want) {
			t.Errorf("%q: %+v, %v", c.text, s, err)
		}
		snapshot, err := json.Marshal(s)
		var again State
		if err != nil || json.Unmarshal(snapshot, &again) != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("%q: %s, %v", c.text, snapshot, err)
		}
	}
}

func TestStateTextErrors(t *testing.T) {
	for _, text := range []string{"pts", "pts=", "pts=a", "pts=1.x", "cx=1", "c1=1/x", "part=", "part=x/1/2/3", "part=common/1",
		"part=common/a/1/1", "part=common/1/-1/1", "part=common/1/1/xyz", "part=common/1/1/1/1", "pts=1;;seq=1", "hello=1",
		"pts=1@", "pts=1@x", "qts=1@5", "c1=1@x", "hole=", "hole=x/1/2", "hole=common", "hole=common/1", "hole=common/x/1", "hole=common/1/x", "hole=common/5/4", "had=common/-1/4"} {
		var s State
		if err := s.Apply(text); err == nil || !strings.HasPrefix(err.Error(), "updates: state ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestBoxText(t *testing.T) {
	for _, b := range []Box{{}, {Kind: Common}, {Kind: Secret}, {Channel, 5}, {Channel, 1 << 60}} {
		if got, err := ParseBox(b.String()); got != b || err != nil {
			t.Errorf("%v: %v, %v", b, got, err)
		}
	}
	for _, s := range []string{"", "channel", "channel.", "channel.x", "Common"} {
		if b, err := ParseBox(s); err == nil {
			t.Errorf("%q is %v", s, b)
		}
	}
}

// A clone shares nothing.
func TestStateClone(t *testing.T) {
	var s State
	if err := s.Apply("c1=1;part=common/1/0/a;hole=common/1/5"); err != nil {
		t.Fatal(err)
	}
	c := s.Clone()
	if err := c.Apply("c1=2;part=common/1/1/b"); err != nil {
		t.Fatal(err)
	}
	c.Partial[0].Keys[0] = 99
	c.Holes[0].IDs[0].Low, c.Holes[0].Keys[0] = 99, 99
	if s.Channels[1].Pts != 1 || len(s.Partial[0].Keys) != 1 || s.Partial[0].Keys[0] != 10 || s.Holes[0].IDs[0].Low != 1 || s.Holes[0].Keys[0] != 10 {
		t.Errorf("%+v", s)
	}
}

func FuzzState(f *testing.F) {
	f.Add("pts=105.3;qts=7.0;seq=4;date=9;c77=105.0/-5!;part=common/9/0/a")
	f.Add("pts=105.3@5;c77=105.0@6/-5!~;hole=common/5/0;had=common/3/7;hole=channel.77/5/10;had=channel.77/7/8;listed=1")
	f.Fuzz(func(t *testing.T, text string) {
		var s State
		if s.Apply(text) != nil {
			return
		}
		var again State
		if err := again.Apply(text); err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("%+v and %+v, %v", s, again, err)
		}
	})
}
