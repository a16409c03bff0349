package account

import (
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// D20, D22, F12: what the operator is told of an account, and what not, as it may hold a code (F13).
func TestNoticesToOperators(t *testing.T) {
	r := &Runner{}
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
		if got := r.notice(tc.event)[tc.field]; got != tc.want {
			t.Errorf("%s: %v", tc.event.Name(), got)
		}
	}
}
