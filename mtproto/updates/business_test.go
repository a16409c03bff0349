package updates

import "testing"

// Which business connection an update came by is read off its declaration.
func TestBusiness(t *testing.T) {
	l := api(t)
	connection := M{"_": "botBusinessConnection", "connection_id": "abc", "user_id": 7, "dc_id": 4, "date": 1}
	for _, c := range []struct {
		update M
		want   string
	}{
		{M{"_": "updateBotNewBusinessMessage", "connection_id": "abc", "message": message(1, peerUser(7)), "qts": 11}, "abc"},
		{M{"_": "updateBotDeleteBusinessMessage", "connection_id": "abc", "peer": peerUser(7), "messages": []int{1}, "qts": 11}, "abc"},
		{M{"_": "updateBotBusinessConnect", "connection": connection, "qts": 11}, "abc"},
		{newMessage(1, 101), ""},
		{userName(3), ""},
	} {
		if got := l.rules.BusinessConnection(&Item{Update: l.encode(c.update)}); got != c.want {
			t.Errorf("%s: %q, want %q", c.update["_"], got, c.want)
		}
	}
	for _, it := range []Item{{}, {Update: []byte{1, 2, 3, 4}}, {Update: l.encode(M{"_": "updateBotBusinessConnect", "connection": connection, "qts": 1})[:12]}} {
		if got := l.rules.BusinessConnection(&it); got != "" {
			t.Errorf("%x: %q", it.Update, got)
		}
	}
}
