package mtproto_test

import (
	"testing"
	"testing/synctest"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// A call by a business connection goes to the data centre of whom the bot acts for, whatever else is around it; where that is
// is asked once, and again when Telegram does not know the connection any more.
func TestBusinessConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		asked := 0
		s.InterceptMethod("account.getBotBusinessConnection", func(r *mttest.Request) mttest.Action {
			asked++
			about := M{"_": "botBusinessConnection", "connection_id": r.Args.Str("connection_id"), "user_id": int64(7), "dc_id": 4, "date": 1}
			return mttest.Answer(M{"_": "updates", "date": 1, "seq": 0, "users": []M{}, "chats": []M{},
				"updates": []M{{"_": "updateBotBusinessConnect", "connection": about, "qts": 1}}})
		})
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Robo"})))
		r.ready()
		by := func(connection string) M {
			return M{"_": "invokeWithBusinessConnection", "connection_id": connection, "query": getNearest}
		}
		for _, query := range []M{by("abc"), by("abc"), {"_": "invokeWithoutUpdates", "query": by("abc")}, by("other")} {
			if v := r.call(query); v.Int("this_dc") != 4 {
				t.Errorf("%v: answered by data centre %d", query, v.Int("this_dc"))
			}
		}
		equal(t, "asked", asked, 2)
		s.FailNext("help.getNearestDc", 1, 400, "BUSINESS_CONNECTION_INVALID")
		r.refused(by("abc"), 400, "BUSINESS_CONNECTION_INVALID")
		r.call(by("abc"))
		equal(t, "asked", asked, 3)
		if v := r.call(getNearest); v.Int("this_dc") != 2 {
			t.Errorf("other calls are answered by data centre %d", v.Int("this_dc"))
		}
	})
}

// Where nobody says the data centre, the call is not made anywhere.
func TestBusinessConnectionUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.InterceptMethod("account.getBotBusinessConnection", func(*mttest.Request) mttest.Action {
			return mttest.Error(400, "CONNECTION_ID_INVALID")
		})
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Robo"})))
		r.ready()
		before := s.Executed("help.getNearestDc")
		r.refused(M{"_": "invokeWithBusinessConnection", "connection_id": "abc", "query": getNearest}, 400, "CONNECTION_ID_INVALID")
		equal(t, "executed", s.Executed("help.getNearestDc"), before)
	})
}
