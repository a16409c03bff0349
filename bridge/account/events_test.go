package account

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// D20, D22, F12: what the operator is told of an account, and what not, as it may hold a code (F13).
func TestNoticesToOperators(t *testing.T) {
	for _, tc := range []struct {
		event mtproto.Event
		field string
		want  any
	}{
		{mtproto.ServiceNotice{Type: "AUTH_KEY_DROP_X", Text: "why", DropsKey: true}, "text", "why"},
		{mtproto.ServiceNotice{Type: "x", Text: "Login code: 12345"}, "text", nil},
		{mtproto.NewAuthorization{Hash: -7, Device: "Phone"}, "hash", "-7"},
		{mtproto.Frozen{AppealURL: "https://x", Since: time.Unix(1, 0)}, "appeal", "https://x"},
		{mtproto.KeyDestroyed{DC: 4}, "error", ""},
		{mtproto.LoginChanged{State: mtproto.LoginState{Phone: "+1"}}, "state", nil},
	} {
		if got := notice(tc.event, false)[tc.field]; got != tc.want {
			t.Errorf("%s: %v", tc.event.Name(), got)
		}
	}
}

// The last of each event is kept, and says when it was.
func TestLastEventIsKept(t *testing.T) {
	x := newRig(t)
	r := New(Config{Name: "main", Conn: x.nc, Settings: x.set})
	for _, dc := range []int{2, 4} {
		r.tell.event("connected", map[string]any{"dc": dc})
	}
	if err := x.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	st, err := x.js.Stream(context.Background(), "TG_EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Event, Account string
		DC             int
		At             time.Time
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for got.DC != 4 && ctx.Err() == nil { // the stream takes them in its own time
		if m, err := st.GetLastMsgForSubject(ctx, "tg.evt.main.connected"); err == nil {
			if err := json.Unmarshal(m.Data, &got); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got.DC != 4 || got.Event != "connected" || got.Account != "main" || got.At.IsZero() {
		t.Error(got)
	}
}
