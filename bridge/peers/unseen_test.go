package peers

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto"
)

func resolved(t *testing.T, d *Directory, peer string) string {
	t.Helper()
	b, fault := d.Answer(t.Context(), "resolve", []byte(`{"peer":"`+peer+`"}`), func(err error) answer.Fault { return answer.Fault{Code: 502, Text: err.Error()} })
	if fault != nil {
		return formatID(int64(fault.Code)) + " " + fault.Text
	}
	return string(b)
}

// Calls need no more of a basic group than its id, seen or not. Who has one resolved is told whether anything of it was ever seen; Telegram is
// asked, once in a while.
func TestUnseenGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, g := newBench(t)
		if got := d.line(t.Context(), "InputPeer", "-77"); got != "inputPeerChat 77" || len(g.asked) > 0 {
			t.Errorf("a call: %s, asked %q", got, g.asked)
		}
		const unseen = `{"kind":"chat","id":"77","unseen":true}`
		for range 3 {
			if got := resolved(t, d, "-77"); got != unseen {
				t.Error(got)
			}
		}
		if got := resolved(t, d, "chat.78"); got != `{"kind":"chat","id":"78"}` {
			t.Errorf("Telegram knows it: %s", got)
		}
		if got := resolved(t, d, "chat.2"); got != `{"kind":"chat","id":"2"}` {
			t.Errorf("it was seen before: %s", got)
		}
		if !slices.Equal(g.asked, []string{"messages.getChats", "messages.getChats"}) {
			t.Errorf("asked %q", g.asked)
		}
		time.Sleep(nameLife)
		if got := resolved(t, d, "-77"); got != unseen || len(g.asked) != 3 {
			t.Errorf("%s, asked %q", got, g.asked)
		}
		// What Telegram does not answer to says nothing of the group, and is no reason to have no answer.
		g.errOf = map[string]error{"messages.getChats": &mtproto.Error{Err: context.DeadlineExceeded}}
		for range 2 {
			if got := resolved(t, d, "-79"); got != `{"kind":"chat","id":"79","unseen":true}` {
				t.Error(got)
			}
		}
		g.errOf, g.asked = map[string]error{"messages.getChats": &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_30", Arg: 30}}, nil
		for range 2 {
			if got := resolved(t, d, "-81"); got != `{"kind":"chat","id":"81","unseen":true}` || len(g.asked) != 1 {
				t.Errorf("%s, asked %q", got, g.asked)
			}
		}
	})
}

// So may a bot name everybody by id, and is told the same.
func TestUnseenByBot(t *testing.T) {
	g := &telegram{t: t, s: schema(t)}
	d := New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Bot: true})
	d.Learn(g.encode(user(5, 55)))
	if got := resolved(t, d, "user.5"); got != `{"kind":"user","id":"5"}` || len(g.asked) > 0 {
		t.Errorf("%s, asked %q", got, g.asked)
	}
	if got := resolved(t, d, "user.6"); got != `{"kind":"user","id":"6","unseen":true}` || !slices.Equal(g.asked, []string{"users.getUsers"}) {
		t.Errorf("%s, asked %q", got, g.asked)
	}
	g.now = []M{channel(7, 77)}
	if got := resolved(t, d, "channel.7"); got != `{"kind":"channel","id":"7"}` {
		t.Error(got)
	}
}
