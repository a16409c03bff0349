package updates

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestStateText(t *testing.T) {
	for _, c := range []struct {
		text string
		want State
	}{
		{"pts=105", State{Position: Position{Pts: 105, PtsItems: 1}}},
		{"pts=105.3;qts=7.0;seq=4;date=9", State{Position: Position{Pts: 105, PtsItems: 3, Qts: 7, Seq: 4, Date: 9}}},
		{"c77=105", State{Channels: map[int64]ChannelState{77: {Pts: 105, PtsItems: 1}}}},
		{"c77=105.0/-5!;c77=106", State{Channels: map[int64]ChannelState{77: {Pts: 106, PtsItems: 1, AccessHash: -5}}}},
		{"c77=105!", State{Channels: map[int64]ChannelState{77: {Pts: 105, PtsItems: 1, Behind: true}}}},
		{"part=common/9/0/a;part=common/9/1/ff", State{Partial: []Partial{{Box{Kind: Common}, 9, 2, []uint64{10, 255}}}}},
		{"part=common/9/0/a;part=common/12/4", State{Partial: []Partial{{Box{Kind: Common}, 12, 5, []uint64{10}}}}},
		{"part=common/9/0/a;part=channel.5/9/0/a;part=common", State{Partial: []Partial{{Box{Channel, 5}, 9, 1, []uint64{10}}}}},
		{"pts=105@7;c77=105.0@9/-5~", State{Position: Position{Pts: 105, PtsItems: 1, TopID: 7}, Channels: map[int64]ChannelState{77: {Pts: 105, AccessHash: -5, TopID: 9, Closed: true}}}},
		{"c77=1@9;c77=2", State{Channels: map[int64]ChannelState{77: {Pts: 2, PtsItems: 1, TopID: 9}}}},
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

// Both forms of a state as they were stored by every version: the table of fields must go on reading and writing just these.
func TestStateForms(t *testing.T) {
	for _, c := range []struct{ text, snapshot string }{
		{"", `{"pts":0,"n":0,"top":0,"qts":0,"qtsn":0,"seq":0,"date":0}`},
		{"pts=105.3@5001;qts=7.0;seq=4;date=9", `{"pts":105,"n":3,"top":5001,"qts":7,"qtsn":0,"seq":4,"date":9}`},
		{"pts=105;qts=7;listed=1;era=4711", `{"pts":105,"n":1,"top":0,"qts":7,"qtsn":1,"seq":0,"date":0,"listed":true,"era":4711}`},
		{"c77=105.0@9/-5!~x", `{"pts":0,"n":0,"top":0,"qts":0,"qtsn":0,"seq":0,"date":0,` +
			`"channels":{"77":{"pts":105,"n":0,"top":9,"hash":-5,"behind":true,"closed":true,"left":true}}}`},
		{"c77=105", `{"pts":0,"n":0,"top":0,"qts":0,"qtsn":0,"seq":0,"date":0,"channels":{"77":{"pts":105,"n":1}}}`},
		{"part=channel.77/120/12/9f3c61a2b8d40e57", `{"pts":0,"n":0,"top":0,"qts":0,"qtsn":0,"seq":0,"date":0,` +
			`"partial":[{"box":"channel.77","pts":120,"n":13,"keys":[11474153302146682455]}]}`},
		{"hole=common/5000/9000;had=common/5000/5100", `{"pts":0,"n":0,"top":0,"qts":0,"qtsn":0,"seq":0,"date":0,` +
			`"holes":[{"box":"common","ids":[{"low":5100,"high":9000}]}]}`},
	} {
		var applied, read State
		if err := applied.Apply(c.text); err != nil {
			t.Errorf("%q: %v", c.text, err)
		}
		if got, err := json.Marshal(applied); string(got) != c.snapshot || err != nil {
			t.Errorf("%q: %s, %v; want %s", c.text, got, err, c.snapshot)
		}
		if err := json.Unmarshal([]byte(c.snapshot), &read); err != nil || !reflect.DeepEqual(read, applied) {
			t.Errorf("%s: %+v, %v; want %+v", c.snapshot, read, err, applied)
		}
		if c.text != "" && !strings.HasPrefix(c.text, "part") && !strings.HasPrefix(c.text, "hole") {
			if got := stateText(&applied); got != c.text {
				t.Errorf("written as %q, want %q", got, c.text)
			}
		}
	}
}

// stateText writes all of a state that is written by the table.
func stateText(s *State) string {
	b := appendPosition(nil, &Position{}, &s.Position)
	for id, c := range s.Channels {
		b = appendChannel(b, id, &c)
	}
	if v := reflect.ValueOf(s).Elem(); s.Listed {
		b = listedEntry.append(appendField(b, listedEntry.name), v)
		b = eraEntry.append(appendField(b, eraEntry.name), v)
	}
	return string(b)
}

// Whatever the fields of the table hold, their text gives it back: a field that is added to the struct is in both forms, or
// the package does not even start.
func TestStateTextRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var p, old Position
		var c ChannelState
		randomize(r, reflect.ValueOf(&p).Elem())
		randomize(r, reflect.ValueOf(&old).Elem())
		randomize(r, reflect.ValueOf(&c).Elem())
		s := State{Position: old, Channels: map[int64]ChannelState{5: c}}
		text := string(appendChannel(appendPosition(nil, &old, &p), 5, &c))
		if p.TopID == 0 {
			p.TopID = old.TopID // is never told
		}
		if err := s.Apply(text); err != nil || s.Position != p || s.Channels[5] != c {
			t.Fatalf("%q: %+v, %v; want %+v and %+v", text, s, err, p, c)
		}
	}
}

// randomize sets each field of a struct to one of a few values.
func randomize(r *rand.Rand, v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(r.IntN(2) == 0)
		default:
			f.SetInt(int64(r.IntN(4)) - int64(r.IntN(2)*(i%2)))
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
