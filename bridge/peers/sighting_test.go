package peers

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
)

// sighted is the message by which somebody is named, 0: none.
func sighted(t *testing.T, d *Directory, text string) int64 {
	t.Helper()
	b, _, err := d.Resolve(t.Context(), "InputPeer", text)
	if err != nil {
		return 0
	}
	v, err := d.learner.schema.View(b)
	if err != nil || !strings.HasSuffix(v.Name(), "FromMessage") {
		t.Fatalf("%s: %v", v.Name(), err)
	}
	return v.Int("msg_id")
}

// sees has a directory see somebody min in messages of channel 3.
func sees(d *Directory, g *telegram, msgs ...int64) {
	d.Learn(g.encode(channel(3, 33)))
	for _, msg := range msgs {
		d.Learn(g.encode(minUser(9)))
		d.SeenIn(subjects.User, 9, subjects.Channel, 3, msg)
	}
}

// Who lets go of an account in order leaves the newest message of everybody, though the bucket was told of another one within this hour.
func TestNewestSightingPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		d, g := owner(t, s, 1)
		sees(d, g, 41)
		time.Sleep(time.Second)
		synctest.Wait()
		sees(d, g, 42)
		time.Sleep(time.Second)
		synctest.Wait()
		d.Close(t.Context())
		next, _ := owner(t, s, 1)
		if got := sighted(t, next, "user.9"); got != 42 {
			t.Errorf("named by %d", got)
		}
		next.Close(t.Context())
	})
}

// What could not be written of them holds back the mark: the next owner reads them in the stream.
func TestSightingNotPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, made := t.Context(), time.Unix(1, 0)
		s := newShelf()
		d, g := owner(t, s, 1)
		sees(d, g, 41)
		if !d.SaveMark(ctx, 7, made) {
			t.Error("no mark")
		}
		sees(d, g, 42)
		s.fail(errors.New("no answer"))
		d.Close(ctx)
		s.fail(nil)
		if !d.SaveMark(ctx, 8, made) {
			t.Error("it counts as a loss")
		}
		if seq, _ := d.Mark(ctx, made); seq != 7 {
			t.Errorf("the mark is at %d", seq)
		}
	})
}

// Whomever a message in an answer mentions is named by it: in whatever field.
func TestMentionedInAnswer(t *testing.T) {
	d, g := owner(t, nil, 1)
	of := func(id int) M { return M{"_": "peerUser", "user_id": id} }
	message := func(id int, more M) M {
		m := M{"_": "message", "id": id, "peer_id": M{"_": "peerChannel", "channel_id": 3}, "date": 1, "message": "hi"}
		maps.Copy(m, more)
		return m
	}
	var users []M
	for id := int64(101); id <= 111; id++ {
		users = append(users, minUser(id))
	}
	result := g.encode(M{"_": "messages.channelMessages", "pts": 1, "count": 1, "topics": []M{}, "chats": []M{channel(3, 33)}, "users": users, "messages": []M{
		message(71, M{"from_id": of(101), "fwd_from": M{"_": "messageFwdHeader", "date": 1, "from_id": of(102), "saved_from_peer": of(103), "saved_from_msg_id": 1}}),
		message(72, M{"reply_to": M{"_": "messageReplyHeader", "reply_to_msg_id": 1, "reply_to_peer_id": of(104)}, "via_bot_id": 105}),
		message(73, M{"reply_to": M{"_": "messageReplyHeader", "reply_from": M{"_": "messageFwdHeader", "date": 1, "from_id": of(106)}}}),
		message(74, M{"entities": []M{{"_": "messageEntityMentionName", "offset": 0, "length": 1, "user_id": 107}}}),
		message(75, M{"media": M{"_": "messageMediaContact", "phone_number": "", "first_name": "", "last_name": "", "vcard": "", "user_id": 108}}),
		message(76, M{"replies": M{"_": "messageReplies", "replies": 1, "replies_pts": 1, "recent_repliers": []M{of(109)}}}),
		{"_": "messageService", "id": 77, "peer_id": M{"_": "peerChannel", "channel_id": 3}, "date": 1, "action": M{"_": "messageActionChatAddUser", "users": []int{110}}},
		{"_": "messageService", "id": 78, "peer_id": M{"_": "peerChannel", "channel_id": 3}, "date": 1, "action": M{"_": "messageActionChatDeleteUser", "user_id": 111}},
	}})
	f, _ := g.s.Function("messages.getHistory")
	d.Met(people(g.s).Append(nil, result, f.Result()), result)
	for i, want := range []int64{71, 71, 71, 72, 72, 73, 74, 75, 76, 77, 78} {
		if got := sighted(t, d, "user."+formatID(int64(101+i))); got != want {
			t.Errorf("user.%d is named by %d, want %d", 101+i, got, want)
		}
	}
}

// A message that is deleted names nobody any more, here and behind a kill -9: another one does, or the next that comes. And what is said of it is true.
func TestSightingDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settle := func() { time.Sleep(time.Second); synctest.Wait() }
		s := newShelf()
		d, g := owner(t, s, 1)
		want := func(msg int64) {
			t.Helper()
			settle() // and then a daemon is killed: nothing is closed
			next, _ := owner(t, s, 1)
			if got, kept := sighted(t, d, "user.9"), sighted(t, next, "user.9"); got != msg || kept != msg {
				t.Errorf("named by %d, by the next owner by %d, want %d", got, kept, msg)
			}
		}
		sees(d, g, 41)
		settle()
		sees(d, g, 42)
		d.Gone([]Deleted{{Messages: []int64{42}}, {Channel: 4, Messages: []int64{42}}}) // of other chats
		if got := sighted(t, d, "user.9"); got != 42 {
			t.Errorf("named by %d", got)
		}
		d.Gone([]Deleted{{Channel: 3, Messages: []int64{40, 42}}})
		want(41)
		d.Gone([]Deleted{{Channel: 3, Messages: []int64{41}}})
		want(0)
		if got := d.line(t.Context(), "InputPeer", "user.9"); !strings.Contains(got, "no message") {
			t.Error(got)
		}
		sees(d, g, 43)
		want(43)
		sees(d, g, 7) // somebody looked at an old one
		want(43)
		d.Gone([]Deleted{{Channel: 3, Messages: []int64{43}}})
		want(7)
		d.SeenIn(subjects.User, 9, subjects.Chat, 2, 44) // a basic group
		d.Gone([]Deleted{{Channel: 3, Messages: []int64{44}}})
		if got := sighted(t, d, "user.9"); got != 44 {
			t.Errorf("named by %d", got)
		}
		d.Gone([]Deleted{{Messages: []int64{44}}})
		want(7)
	})
}

// Names of who is min are found as they are shown, before and behind the bucket: they lead to him where nobody else had them later.
func TestNameOfMin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, g := owner(t, newShelf(), 1)
		m := minUser(9)
		m["username"] = "Min9"
		get := func() string {
			b, fault := d.Answer(t.Context(), "get", []byte(`{"peer":"@min9"}`), func(err error) answer.Fault { return answer.Fault{Code: 502, Text: err.Error()} })
			if fault != nil {
				return fault.Text
			}
			return string(b)
		}
		if got := get(); !strings.Contains(got, "nobody's") { // the bucket's names are read now
			t.Error(got)
		}
		d.Learn(g.encode(m))
		const want = `{"kind":"user","id":"9","type":"user","name":"Min","usernames":["min9"],"min":true}`
		if got := get(); got != want {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := get(); got != want {
			t.Errorf("from the bucket: %s", got)
		}
		d.Learn(g.encode(called(7, 77, "min9")))
		if got := get(); !strings.Contains(got, `"id":"7"`) {
			t.Errorf("somebody else's by now: %s", got)
		}
	})
}
