package mtproto_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// F2: what others are shown of a login.
func TestLoginStateJSON(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for want, st := range map[string]mtproto.LoginState{
		`{"step":"ready","user_id":5,"bot":true}`: {Step: mtproto.SignedIn, UserID: 5, Bot: true},
		`{"step":"wait_code","phone":"+49170","code":{"type":"app","length":5,"next":"sms","sent_at":"2026-11-22T10:00:00Z","timeout_seconds":90}}`: {
			Step: mtproto.WaitCode, Phone: "+49170", Code: &mtproto.CodeInfo{Type: "app", Length: 5, Next: "sms", Timeout: 90 * time.Second, SentAt: at}},
		`{"step":"wait_qr","qr":{"url":"tg://login?token=x","expires":"2026-11-22T10:00:00Z"}}`: {
			Step: mtproto.WaitQR, QR: &mtproto.QRCode{URL: "tg://login?token=x", Expires: at}},
		`{"step":"wait_email_code","email":{"pattern":"a*@b.org","length":6}}`: {
			Step: mtproto.WaitEmailCode, Email: &mtproto.EmailInfo{Pattern: "a*@b.org", Length: 6}},
	} {
		if got, err := json.Marshal(st); err != nil || string(got) != want {
			t.Errorf("%s %v, want %s", got, err, want)
		}
	}
}
