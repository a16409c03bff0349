package erase

import (
	"encoding/binary"
	"fmt"
	"strings"
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

// A name that is spelled like a field, a constructor or a word of the daemon's stands for nobody there.
func TestNamesThatAreFields(t *testing.T) {
	msgpack := nats.Header{subjects.HeaderContentType: {subjects.ContentMsgpack}}
	for _, c := range []struct {
		name, body string
		h          nats.Header
		want       bool
	}{
		{"message", `{"peer":"user.7","message":"hi"}`, nil, false},
		{"random_id", `{"message":{"random_id":["a",{"random_id":1}]},"b":"random_id_"}`, nil, false},
		{"inputpeeruser", `{"peer":{"_":"inputPeerUser","user_id":"7"}}`, nil, false},
		{"message", `{"peer":"user.7","message":"Message"}`, nil, true},
		{"message", `{"to":["user.7",{"a":"message"}]}`, nil, true},
		{"message", `{"message":"hi"`, nil, true}, // it cannot be read
		{"message", "\x82\xa4peer\xa6user.7\xa7message\xa2hi", msgpack, false},
		{"message", "\x82\xa4peer\xa7message\xa1n\xc0", msgpack, true},
		{"message", "\x81\xa1a\x93\xc4\x03abc\xd9\x07MESSAGE\xcb\x00\x00\x00\x00\x00\x00\x00\x00", msgpack, true},
		{"message", "\x81\xa1_\xa7message", msgpack, false},
		{"message", "\xde\x00\x01\xa7message\xdc\x00\x02\xc7\x01\x05x\xd4\x01x", msgpack, false},
		{"message", "\x81\xa7message", msgpack, true}, // it ends too early
	} {
		if got := (Who{Target{subjects.User, 5}, []string{c.name}}).Asked("tg.queue.main.user.7.a.b", c.h, []byte(c.body)); got != c.want {
			t.Errorf("%s in %q: %v", c.name, c.body, got)
		}
	}
}

// A text that begins with a name is found however long it is, whatever letter its length looks like, and whatever stands before that.
func TestTextsThatBeginWithAName(t *testing.T) {
	eve := Who{Target{subjects.User, 5}, []string{"eveline"}}
	tl, msgpack := nats.Header{subjects.HeaderContentType: {subjects.ContentTL}}, nats.Header{subjects.HeaderContentType: {subjects.ContentMsgpack}}
	for n := len("@eveline"); n < 70_000; n += 1 + n/300 {
		text := "@Eveline" + strings.Repeat(" ", n-len("@eveline"))
		b := binary.LittleEndian.AppendUint32(nil, 1795867960) // a date
		if n < 254 {
			b = append(b, byte(n))
		} else {
			b = binary.LittleEndian.AppendUint32(b, uint32(n)<<8|0xfe)
		}
		p := []byte("\x81\xa1k")
		switch {
		case n < 256:
			p = append(p, 0xd9, byte(n))
		case n < 1<<16:
			p = binary.BigEndian.AppendUint16(append(p, 0xda), uint16(n))
		default:
			p = binary.BigEndian.AppendUint32(append(p, 0xdb), uint32(n))
		}
		if !eve.In("", tl, append(b, text...)) || !eve.In("", msgpack, append(p, text...)) {
			t.Errorf("%d bytes", n)
		}
	}
	for _, h := range []nats.Header{nil, tl, msgpack} {
		if mail := "\x14" + "steve@eveline.example"; eve.In("", h, []byte(mail)) {
			t.Errorf("%v: a mail address", h)
		}
	}
}

func FuzzAsked(f *testing.F) {
	f.Add(0, []byte(`{"peer":"eve","a":["\ud800",{"_":"x"}]}`))
	f.Add(1, []byte("\x81\xa4peer\xa5eve_e"))
	f.Add(1, []byte("\xdf\xff\xff\xff\xff\xdb\xff\xff\xff\xff"))
	f.Add(2, []byte("\x04@eve\x00\x00\x00"))
	f.Add(0, []byte(strings.Repeat("[", 3000)))
	f.Add(1, []byte(strings.Repeat("\x91", 3000)))
	eve := Who{Target{subjects.User, 5}, []string{"eve"}}
	types := []string{subjects.ContentJSON, subjects.ContentMsgpack, subjects.ContentTL}
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		h := nats.Header{subjects.HeaderContentType: {types[uint(which)%3]}}
		texts := 0
		eachText(h, body, func(text []byte) { texts += 1 + len(text) })
		if texts > 3*len(body)+1 { // what is no UTF-8 grows to three bytes
			t.Errorf("%d bytes of %d", texts, len(body))
		}
		if asked := eve.Asked("", h, body); !asked && eve.In("", h, body) {
			t.Error(fmt.Sprintf("%q", body), "is found where less counts")
		}
	})
}
