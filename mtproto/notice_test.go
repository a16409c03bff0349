package mtproto_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// D22, F12: what Telegram has to say to the owner reaches the operator, with nothing done about it.
func TestNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice"})
		r := start(t, s, as(s, alice))
		r.ready()
		alice.Push(M{
			"_": "updateServiceNotification", "popup": true, "type": "AUTH_KEY_DROP_DUPLICATE", "message": "Somebody else?",
			"media": M{"_": "messageMediaEmpty"}, "entities": []M{},
		})
		alice.Push(M{
			"_": "updateServiceNotification", "type": "terms", "message": "New terms", "media": M{"_": "messageMediaEmpty"}, "entities": []M{},
		})
		alice.Push(M{"_": "updateNewAuthorization", "unconfirmed": true, "hash": 7, "date": 1700000000, "device": "Phone", "location": "Here"})
		alice.Push(M{"_": "updateNewAuthorization", "hash": 8})
		time.Sleep(time.Second)
		equal(t, "notices", seen[mtproto.ServiceNotice](r), []mtproto.ServiceNotice{
			{Type: "AUTH_KEY_DROP_DUPLICATE", Text: "Somebody else?", Popup: true, DropsKey: true}, {Type: "terms", Text: "New terms"},
		})
		equal(t, "authorizations", seen[mtproto.NewAuthorization](r), []mtproto.NewAuthorization{
			{Hash: 7, Unconfirmed: true, Date: time.Unix(1700000000, 0), Device: "Phone", Location: "Here"}, {Hash: 8},
		})
		r.call(M{"_": "updates.getState"})
		equal(t, "updates handed on", len(r.pushed()), 4)
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
	})
}

// D20: a frozen account is said to be, with what Telegram tells of it, and its calls fail with Telegram's error.
func TestFrozen(t *testing.T) {
	number := func(key string, v float64) M {
		return M{"_": "jsonObjectValue", "key": key, "value": M{"_": "jsonNumber", "value": v}}
	}
	text := func(key, v string) M {
		return M{"_": "jsonObjectValue", "key": key, "value": M{"_": "jsonString", "value": v}}
	}
	for _, tc := range []struct {
		code int
		text string
	}{{420, "FROZEN_METHOD_INVALID"}, {400, "FROZEN_PARTICIPANT_MISSING"}} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			remove := s.InterceptMethod("help.getAppConfig", func(*mttest.Request) mttest.Action {
				return mttest.Answer(M{"_": "help.appConfig", "hash": 1, "config": M{"_": "jsonObject", "value": []M{
					number("freeze_since_date", 1700000000), text("freeze_until_date", "1800000000"), text("freeze_appeal_url", "https://t.me/x"),
				}}})
			})
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
			s.FailNext("updates.getState", 3, tc.code, tc.text)
			for range 3 {
				r.refused(M{"_": "updates.getState"}, tc.code, tc.text)
			}
			time.Sleep(time.Second)
			equal(t, "frozen", seen[mtproto.Frozen](r), []mtproto.Frozen{{
				Method: "updates.getState", Since: time.Unix(1700000000, 0), Until: time.Unix(1800000000, 0), AppealURL: "https://t.me/x",
			}})
			time.Sleep(time.Hour)
			remove()
			s.FailNext("help.getAppConfig", 9, 400, "NO")
			s.FailNext("updates.getState", 1, tc.code, tc.text)
			r.refused(M{"_": "updates.getState"}, tc.code, tc.text)
			time.Sleep(time.Second)
			if all := seen[mtproto.Frozen](r); len(all) != 2 || !all[1].Since.IsZero() {
				t.Errorf("%v", all)
			}
			r.call(getConfig)
		})
	}
}
