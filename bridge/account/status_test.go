package account

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/mtproto/reach"
)

// someWays is a client that goes two ways.
type someWays struct{ Client }

func (someWays) Ways() []reach.Health {
	return []reach.Health{
		{Way: "mtproxy://proxy.example:443", Failures: 1.23456},
		{Way: "direct", Latency: 25 * time.Millisecond, Success: time.Unix(1_800_000_000, 0).UTC()},
	}
}

func TestStatusShowsWays(t *testing.T) {
	got, err := json.Marshal(waysOf(someWays{}))
	want := `[{"way":"mtproxy://proxy.example:443","latency_ms":0,"failures":1.23},` +
		`{"way":"direct","latency_ms":25,"last_success":"2027-01-15T08:00:00Z","failures":0}]`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	if all := waysOf(struct{ Client }{}); all != nil {
		t.Errorf("of a client without: %v", all)
	}
}

// Where the settings say 0 no flood wait is sat out, which the client's options spell otherwise.
func TestLimits(t *testing.T) {
	var s settings.Settings
	s.Ping, s.FloodWait = 20*time.Second, time.Minute
	if l := clientLimits(s); l.Session.PingAfter != s.Ping || l.FloodWait != s.FloodWait {
		t.Errorf("%+v", l)
	}
	s.FloodWait = 0
	if l := clientLimits(s); l.FloodWait >= 0 {
		t.Errorf("%+v", l)
	}
}

// How often dialogs are looked at: 0 is never, and the pauses grow eightfold.
func TestLooks(t *testing.T) {
	if l := looks(0); l.Every >= 0 {
		t.Errorf("%+v", l)
	}
	if l := looks(time.Minute); l.Every != time.Minute || l.Most != 8*time.Minute {
		t.Errorf("%+v", l)
	}
}
