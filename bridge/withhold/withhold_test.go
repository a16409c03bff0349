package withhold

import (
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

func layer() *codec.Schema {
	s, _ := apitest.Layer()
	return s
}

// redacted is an object as it is told, in JSON.
func redacted(t *testing.T, m codec.M) (text string, cut bool) {
	t.Helper()
	s := layer()
	src, err := s.Encode(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	out, why, err := New(s).Redact(nil, src, s.AnyObject())
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.AppendJSON(nil, out, s.AnyObject())
	if err != nil {
		t.Fatal(err)
	}
	return string(got), why != ""
}

// peer is a user; ids of chats and channels are counted for themselves.
func peer(id int64) codec.M { return codec.M{"_": "peerUser", "user_id": id} }

// Where a code may stand that is no message of 777000's: quoted, forwarded, in a draft, in a short update, by its other names.
func TestWhereCodesStand(t *testing.T) {
	const secret = "Login code: 31337"
	draft := codec.M{"_": "draftMessage", "message": "see", "date": 1, "reply_to": codec.M{
		"_": "inputReplyToMessage", "reply_to_msg_id": 5, "quote_text": secret}}
	dialog := func(id int64) codec.M {
		return codec.M{"_": "dialog", "peer": peer(id), "top_message": 5, "read_inbox_max_id": 1, "read_outbox_max_id": 1, "unread_count": 1, "unread_mentions_count": 0,
			"unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": codec.M{"_": "peerNotifySettings", "other_sound": codec.M{"_": "notificationSoundLocal", "title": "ping", "data": "ping"}},
			"draft": draft}
	}
	message := func(more codec.M) codec.M {
		m := codec.M{"_": "message", "id": 5, "peer_id": peer(7), "date": 1, "message": secret}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	origin := func(id int64) codec.M { return codec.M{"_": "messageFwdHeader", "from_id": peer(id), "date": 1} }
	saved := codec.M{"_": "messageFwdHeader", "saved_from_peer": peer(777000), "saved_from_msg_id": 5, "date": 1}
	for about, m := range map[string]codec.M{
		"from 777000":      message(codec.M{"peer_id": peer(777000)}),
		"from 42777":       message(codec.M{"from_id": peer(42777)}),
		"from 333000":      message(codec.M{"from_id": peer(333000)}),
		"others' codes":    message(codec.M{"from_id": peer(489000)}),
		"saved":            message(codec.M{"saved_peer_id": peer(777000)}),
		"forwarded":        message(codec.M{"fwd_from": origin(777000)}),
		"saved from":       message(codec.M{"fwd_from": saved}),
		"quoted":           message(codec.M{"message": "look", "reply_to": codec.M{"_": "messageReplyHeader", "reply_to_peer_id": peer(777000), "quote_text": secret, "reply_to_msg_id": 5}}),
		"quoted a forward": message(codec.M{"message": "look", "reply_to": codec.M{"_": "messageReplyHeader", "reply_from": origin(777000), "quote_text": secret}}),
		"a page, a button": message(codec.M{"peer_id": peer(777000), "media": codec.M{"_": "messageMediaWebPage", "webpage": codec.M{"_": "webPage", "id": 1, "url": secret, "display_url": secret, "hash": 0, "description": secret}},
			"reply_markup": codec.M{"_": "replyInlineMarkup", "rows": []codec.M{{"_": "keyboardButtonRow", "buttons": []codec.M{{"_": "keyboardButtonCopy", "text": "copy", "copy_text": secret}}}}}}),
		"service message": {"_": "messageService", "id": 1, "peer_id": peer(777000), "date": 1, "action": codec.M{"_": "messageActionCustomAction", "message": secret}},
		"a draft":         dialog(777000),
		"draft updated":   {"_": "updateDraftMessage", "peer": peer(777000), "draft": draft},
		"short":           {"_": "updateShortMessage", "id": 1, "user_id": 777000, "message": secret, "pts": 1, "pts_count": 1, "date": 1},
		"short, forward":  {"_": "updateShortMessage", "id": 1, "user_id": 7, "message": secret, "pts": 1, "pts_count": 1, "date": 1, "fwd_from": origin(777000)},
		"notification":    {"_": "updateServiceNotification", "type": "x", "message": secret, "media": codec.M{"_": "messageMediaEmpty"}, "entities": []codec.M{}},
		"admin log":       {"_": "channelAdminLogEventActionDeleteMessage", "message": message(codec.M{"fwd_from": origin(777000)})},
	} {
		if text, cut := redacted(t, m); !cut || strings.Contains(text, secret) {
			t.Errorf("%s: %v %s", about, cut, text)
		}
	}
	for about, m := range map[string]codec.M{
		"somebody":           message(nil),
		"forward of another": message(codec.M{"fwd_from": origin(777001)}),
		"a group 777000":     message(codec.M{"peer_id": codec.M{"_": "peerChat", "chat_id": 777000}}),
		"a channel 777000":   message(codec.M{"peer_id": codec.M{"_": "peerChannel", "channel_id": 777000}}),
		"mentioned":          message(codec.M{"via_bot_id": 777000}),
		"another draft":      dialog(7),
	} {
		if text, cut := redacted(t, m); cut || !strings.Contains(text, secret) {
			t.Errorf("%s: %v %s", about, cut, text)
		}
	}
	if text, _ := redacted(t, dialog(777000)); !strings.Contains(text, `"ping"`) || strings.Contains(text, `"see"`) {
		t.Errorf("of a dialog the draft's text goes, and nothing else: %s", text)
	}
	const left = `"draft":{"_":"draftMessage","message":"","date":1}`
	for _, m := range []codec.M{dialog(777000), {"_": "updateDraftMessage", "peer": peer(777000), "draft": draft}} {
		if text, _ := redacted(t, m); !strings.Contains(text, left) {
			t.Errorf("who folds updates comes to another draft than who asks: %s", text)
		}
	}
	if text, cut := redacted(t, codec.M{"_": "user", "id": 777000, "first_name": "Telegram"}); cut || !strings.Contains(text, "Telegram") {
		t.Errorf("the user itself is no secret: %s", text)
	}
}

// By config.autologin_token a browser is signed in as the account at Telegram's own sites, that of its advertising among them.
func TestSignInToken(t *testing.T) {
	s := layer()
	ctor, _ := s.Constructor("config")
	m := codec.M{"_": "config"}
	for _, p := range ctor.Params {
		switch {
		case p.Type.Name == "#" || p.Cond != nil:
		case p.Type.Name == "Bool":
			m[p.Name] = true
		case p.Type.Name == "string":
			m[p.Name] = "public"
		case len(p.Type.Args) > 0:
			m[p.Name] = []codec.M{}
		default:
			m[p.Name] = 1
		}
	}
	m["autologin_token"] = "secret"
	if text, cut := redacted(t, m); !cut || strings.Contains(text, "secret") || strings.Contains(text, "autologin") || !strings.Contains(text, `"public"`) {
		t.Errorf("%v %s", cut, text)
	}
}

func TestNoRule(t *testing.T) {
	var r *Rule
	typ := layer().AnyObject()
	if out, why, err := r.Redact(nil, []byte("anything"), typ); why != "" || err != nil || string(out) != "anything" || r.Check(nil, typ) != nil || r.Names(nil) {
		t.Error("a nil rule withholds something")
	}
}

func TestNames(t *testing.T) {
	service, _ := layer().Encode(nil, peer(777000))
	other, _ := layer().Encode(nil, peer(777001))
	unknown := append([]byte{1, 2, 3, 4}, service[4:]...)
	if r := New(layer()); !r.Names(unknown) || r.Names(other) {
		t.Error("an id is not found, or found where none is")
	}
}
