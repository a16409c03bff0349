package erase

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// Names count where they mean somebody; a word that is spelled like one, or a longer name that begins or ends with one, does not.
func TestWho(t *testing.T) {
	eve := Who{Target{subjects.User, 5}, []string{"eve_e", "eve"}}
	for text, want := range map[string]bool{
		`{"message":"ask @Eve_E."}`: true, `{"message":"ask @eve_else"}`: false, `{"message":"ask @old_eve"}`: false, `{"message":"Christmas eve"}`: false, `{"message":"mail@eve.example"}`: false,
		`{"message":"https://t.me/eve_e/7"}`: true, `{"message":"t.me/eve_e7"}`: false, `{"message":"eve.t.me"}`: true, `{"message":"steve.t.me"}`: false,
		`{"_":"user","id":"7","username":"Eve"}`: true, `{"peer":"https://T.me:443/s/Eve/5"}`: true, `{"peer":"TELEGRAM.ME/S/EVE"}`: true, `{"peer":"telegram.dog:80/eve"}`: true, `{"peer":"TG:Resolve?Domain=Eve"}`: true,
		`{"peer":"example.org/s/eve"}`: false, `{"peer":"example.org:443/eve"}`: false, `{"peer":"t.me:8080/eve"}`: false, `{"first_name":"eve"}`: false, `{"peer":"eve"}`: false, `{"message":"tg://resolve?domain=eve"}`: true, `{}`: false,
	} {
		if got := eve.In("tg.upd.main.a.user.7", nil, []byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for text, want := range map[string]bool{`{"peer":"Eve"}`: true, `{"peer":"eve_else"}`: false, `{"message":"eve, late"}`: false, `{"message":"on @eve"}`: true} {
		if got := eve.Asked("tg.queue.main.user.7.a.b", nil, []byte(text)); got != want {
			t.Errorf("asked %s: %v", text, got)
		}
	}
	packed := nats.Header{subjects.HeaderContentType: {subjects.ContentMsgpack}}
	for text, want := range map[string]bool{"\x81\xa4peer\xa5eve_e": true, "\x81\xa4peer\xa7eve_els": false, "\x81\xa4peer\xa9steve eve": false, "\x81\xa4text\xd9\x2fto @eve": true} {
		if got := eve.Asked("tg.queue.main.user.7.a.b", packed, []byte(text)); got != want {
			t.Errorf("asked %q: %v", text, got)
		}
	}
	if !eve.Asked("x", nats.Header{subjects.HeaderContentType: {subjects.ContentTL}}, []byte("\x01\x02\x03\x04\x05eve_e\x00\x00")) {
		t.Error("raw TL")
	}
	failed := nats.Header{subjects.HeaderErrorText: {`@eve: no such user`}}
	if !eve.Told("tg.done.main.user.7.1", failed, nil) || !eve.Told("x", nats.Header{subjects.HeaderErrorText: {"no"}}, []byte(`{"error":"user.5 is away"}`)) {
		t.Error("an error tells of her")
	}
	if eve.Told("x", nil, []byte(`{"id":5}`)) || eve.Told("tg.done.main.user.7.1", nats.Header{subjects.HeaderErrorText: {"no"}}, []byte("steve")) {
		t.Error("what is about others goes")
	}
}
