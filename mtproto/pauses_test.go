package mtproto

import (
	"testing"
	"time"

	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

func TestPausesAreKept(t *testing.T) {
	schema, err := api.Schema()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var told []Pause
	c := &Client{o: Options{Schema: schema}}
	c.floods.told = func(p Pause) { told = append(told, p) }
	query := func(m codec.M) *attempts {
		b, err := schema.Encode(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		return c.attempts(0, b)
	}
	history := func(peer codec.M) *attempts {
		return query(codec.M{"_": "messages.readHistory", "peer": peer, "max_id": 0})
	}
	alice, news := codec.M{"_": "inputPeerUser", "user_id": 5, "access_hash": 1}, codec.M{"_": "inputPeerChannel", "channel_id": 7, "access_hash": 1}
	history(alice).pauseAlike(&Error{Code: 420, Type: "FLOOD_WAIT_60", Arg: 60})
	history(codec.M{"_": "inputPeerSelf"}).pauseAlike(&Error{Code: 420, Type: "SLOWMODE_WAIT_60", Arg: 60})
	query(codec.M{"_": "help.getConfig"}).pauseAlike(&Error{Code: 420, Type: "FLOOD_WAIT_60", Arg: 60})
	want := []Pause{{"messages.readHistory", "user.5", "FLOOD_WAIT", time.Time{}}, {"messages.readHistory", "user.0", "SLOWMODE_WAIT", time.Time{}},
		{"help.getConfig", "", "FLOOD_WAIT", time.Time{}}}
	if len(told) != len(want) {
		t.Fatalf("%+v", told)
	}
	for i, p := range told {
		if left := p.Until.Sub(now); left < 59*time.Second || left > 61*time.Second {
			t.Errorf("%+v: %v", p, left)
		}
		p.Until = time.Time{}
		if p != want[i] {
			t.Errorf("%+v, want %+v", p, want[i])
		}
	}

	var heir floods
	heir.resume(schema, append(told, Pause{"no.method", "", "FLOOD_WAIT", now.Add(time.Hour)}, Pause{"help.getInviteText", "nobody", "FLOOD_WAIT", now.Add(time.Hour)},
		Pause{"help.getNearestDc", "", "FLOOD_WAIT", now.Add(-time.Hour)}), now)
	for _, x := range []struct {
		a    *attempts
		want string
	}{
		{history(alice), "FLOOD_WAIT"}, {history(codec.M{"_": "inputPeerSelf"}), "SLOWMODE_WAIT"}, {query(codec.M{"_": "help.getConfig"}), "FLOOD_WAIT"},
		{history(news), ""}, {query(codec.M{"_": "help.getInviteText"}), ""}, {query(codec.M{"_": "help.getNearestDc"}), ""},
	} {
		p, some := heir.left(x.a.m.id, now, x.a.about)
		if some != (x.want != "") || some && p.kind != x.want {
			t.Errorf("%s: %+v, want %q", x.a.m.name, p, x.want)
		}
	}
}
