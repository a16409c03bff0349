package mtproto

import (
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

func sampleState() State {
	return State{
		Version: StateVersion, Test: true, Home: 4, UserID: 42, Bot: true, LogoutTokens: [][]byte{{1, 2}},
		DCs: map[int]DCState{
			2: {Key: []byte(strings.Repeat("a", 256)), Created: time.Unix(1e9, 0).UTC(), Offset: -time.Second},
			4: {Key: []byte(strings.Repeat("b", 256)), Salts: []Salt{{Salt: -5, Since: 1, Until: 2}}, Authorized: true},
		},
		Config: ServerConfig{
			Options: []dc.Option{{ID: 2, Addr: "h:1", IPv6: true, Secret: []byte("s")}}, ThisDC: 4, ForceTryIPv6: true,
			Expires: time.Unix(2e9, 0).UTC(),
		},
	}
}

func TestStateRoundTrip(t *testing.T) {
	for _, s := range []State{{}, sampleState()} {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseState(b)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %v", b, err)
		}
	}
}

func TestStateClone(t *testing.T) {
	s := sampleState()
	c := s.clone()
	c.DCs[2] = DCState{}
	c.DCs[4].Salts[0].Salt = 7
	c.LogoutTokens[0] = nil
	if !reflect.DeepEqual(s, sampleState()) {
		t.Error("a copy shares what changes")
	}
}

func TestStateRefused(t *testing.T) {
	for _, text := range []string{
		`{"Version":99}`, `{"Version":-1}`, `{"Home":-2}`, `{"UserID":7}`, `{"Home":2,"DCs":{"2":{"Key":"c2VjcmV0"}}}`, `[]`, ``,
		`{"Home":"secret"}`,
	} {
		if _, err := ParseState([]byte(text)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// F10: not more than 20 tokens.
func TestLogoutTokens(t *testing.T) {
	var s State
	for i := range 30 {
		s.addToken([]byte{byte(i)})
	}
	s.addToken(nil)
	if len(s.LogoutTokens) != maxLogoutTokens || s.LogoutTokens[0][0] != 10 {
		t.Errorf("%v", s.LogoutTokens)
	}
}

func FuzzParseState(f *testing.F) {
	b, _ := json.Marshal(sampleState())
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseState(b)
		if err != nil {
			return
		}
		if again, err := json.Marshal(s); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

func apiSchema(tb testing.TB) *codec.Schema {
	tb.Helper()
	parsed, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		tb.Fatal(err)
	}
	s, err := codec.Compile(parsed)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// What the client looks at by itself of what the server sends: kinds of updates, and Config.
func FuzzServerObjects(f *testing.F) {
	schema := apiSchema(f)
	option := codec.M{"_": "dcOption", "id": 2, "ip_address": "1.2.3.4", "port": 443, "secret": []byte("s")}
	for _, m := range []codec.M{
		{"_": "updateShort", "update": codec.M{"_": "updateConfig"}, "date": 1},
		{"_": "updates", "updates": []codec.M{{"_": "updateDcOptions", "dc_options": []codec.M{option}}}, "users": []codec.M{}, "chats": []codec.M{}, "date": 1, "seq": 0},
		option,
	} {
		b, err := schema.Encode(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if yes, known := isUpdates(schema, b); yes && !known {
			t.Error("an unknown object of a known class")
		}
		for u := range updatesIn(schema, b) {
			u.Name()
		}
		new(Frozen).read(schema, b)
		v, err := schema.View(b)
		if err != nil {
			return
		}
		readConfig(v)
		readCode(v)
		if o, ok := readOption(v); ok {
			if _, err := dc.ParseOption(o.String()); err != nil {
				t.Log(err) // hosts are not checked: they are dialed
			}
		}
	})
}

// D5, C17: which objects are updates, and which of them want the config read again.
func TestKindsOfUpdates(t *testing.T) {
	c := &Client{o: Options{Schema: apiSchema(t)}}
	c.services = newServiceUpdates(c.o.Schema)
	l := newLink(c, 2, forCalls)
	encode := func(m codec.M) []byte {
		b, err := c.o.Schema.Encode(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	none := []codec.M{}
	container := func(u ...codec.M) []byte {
		return encode(codec.M{"_": "updates", "updates": u, "users": none, "chats": none, "date": 1, "seq": 0})
	}
	var service bin.Writer
	(&mt.Pong{}).Encode(&service)
	for _, tc := range []struct {
		name                   string
		body                   []byte
		updates, known, config bool
	}{
		{"updatesTooLong", encode(codec.M{"_": "updatesTooLong"}), true, true, false},
		{"short updateConfig", encode(codec.M{"_": "updateShort", "update": codec.M{"_": "updateConfig"}, "date": 1}), true, true, true},
		{"updateConfig", container(codec.M{"_": "updateConfig"}), true, true, true},
		{"updateDcOptions", container(codec.M{"_": "updateDcOptions", "dc_options": none}), true, true, true},
		{"updateConfig after others", container(codec.M{"_": "updatePtsChanged"}, codec.M{"_": "updateConfig"}), true, true, true},
		{"the bytes of it", container(codec.M{"_": "updateLangPackTooLong", "lang_code": string(serviceID(c.o.Schema, "updateConfig"))}), true, true, false},
		{"another", container(codec.M{"_": "updatePtsChanged"}), true, true, false},
		{"none", container(), true, true, false},
		{"not updates", encode(codec.M{"_": "userEmpty", "id": 1}), false, true, false},
		{"a service message", service.Buf, false, false, false},
		{"nothing", nil, false, false, false},
		{"of another layer", []byte{1, 2, 3, 4, 5, 6, 7, 8}, false, false, false},
	} {
		updates, known := isUpdates(c.o.Schema, tc.body)
		if config := l.wantsConfig(tc.body); updates != tc.updates || known != tc.known || config != tc.config {
			t.Errorf("%s: updates %v, known %v, config %v", tc.name, updates, known, config)
		}
	}
}

// wantsConfig reports whether an object has the config read again.
func (l *link) wantsConfig(body []byte) bool {
	l.config.at = time.Now().Add(time.Hour)
	l.c.services.handle(l, body)
	return l.config.at.Before(time.Now())
}

func serviceID(s *codec.Schema, name string) []byte {
	u, _ := s.Constructor(name)
	return binary.LittleEndian.AppendUint32(nil, u.ID)
}

// What may be made twice. D17, D18.
func TestSafeMethods(t *testing.T) {
	schema := apiSchema(t)
	for name, want := range map[string]bool{
		"help.getConfig": true, "messages.getHistory": true, "contacts.resolveUsername": true, "messages.readHistory": true,
		"messages.search": true, "account.checkUsername": true, "upload.saveFilePart": true,
		"messages.sendMessage": true, "messages.forwardMessages": true, // guarded by random_id
		"messages.sendMultiMedia": false, "messages.sendMedia": true,
		"account.getTmpPassword": false, "account.getPasswordSettings": false, "payments.getStarsRevenueWithdrawalUrl": false,
		"messages.clickSponsoredMessage": false, "messages.reportSponsoredMessage": false, "messages.requestEncryption": false, "phone.requestCall": false,
		"auth.sendCode": false, "auth.checkPassword": false, "messages.getBotCallbackAnswer": false,
		"account.updateStatus": false, "messages.editMessage": false, "channels.createChannel": false,
		"invokeWithLayer": false, "messages.readdReaction": false,
	} {
		f, ok := schema.Function(name)
		var w bin.Writer
		if ok {
			w.Uint32(f.ID())
		}
		if m := methodOf(schema, w.Buf); m.safe != want || (ok && m.name != name) || m.packed != strings.HasPrefix(name, "upload.") {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// Whatever is added to the schema: what proves a password is never made twice by us, and a random_id guards a call only where
// it is one, a long or a list of longs.
func TestSafeMethodsOfTheSchema(t *testing.T) {
	decl, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		t.Fatal(err)
	}
	schema := apiSchema(t)
	proofs, guarded := 0, 0
	for _, f := range decl.Functions {
		var w bin.Writer
		w.Uint32(f.ID)
		m := methodOf(schema, w.Buf)
		proof := false
		for _, p := range f.Params {
			proof = proof || p.Type.Name == "InputCheckPasswordSRP"
		}
		if proof {
			if proofs++; m.safe {
				t.Errorf("%s proves a password", f.Name)
			}
			continue
		}
		p := f.Param("random_id")
		switch {
		case p == nil || readOnly(f.Name):
		case p.Type.String() == "long" || p.Type.String() == "Vector<long>":
			if guarded++; !m.safe {
				t.Errorf("%s is guarded by its random_id", f.Name)
			}
		case m.safe:
			t.Errorf("%s has a random_id of %v", f.Name, p.Type)
		}
	}
	if proofs < 5 || guarded < 5 {
		t.Errorf("%d methods prove a password, %d are guarded: is it the API's schema?", proofs, guarded)
	}
}
