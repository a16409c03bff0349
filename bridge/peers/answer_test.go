package peers

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/answer"
)

// What verbs tell: whom memory or the bucket knows, whom Telegram knows, and whose names begin so; never an access hash.
func TestVerbs(t *testing.T) {
	s := newShelf()
	gardeners := channel(3, 987654321)
	gardeners["title"], gardeners["username"], gardeners["megagroup"] = "The Gardeners", "Gardeners", true
	lived(t, s, 1, called(5, 987654321, "alice"), group(2), gardeners, minUser(9))
	d, g := owner(t, s, 1)
	d.Learn(g.encode(called(6, 987654321, "albert"))) // is not in the bucket yet
	for _, c := range []struct{ verb, request, want string }{
		{"get", `{"peer":"user.5"}`, `{"kind":"user","id":"5","type":"user","name":"U","usernames":["alice"]}`},
		{"get", `{"peer":"5"}`, `{"kind":"user","id":"5","type":"user","name":"U","usernames":["alice"]}`},
		{"get", `{"peer":"@albert"}`, `{"kind":"user","id":"6","type":"user","name":"U","usernames":["albert"]}`},
		{"get", `{"peer":"-1000000000003"}`, `{"kind":"channel","id":"3","type":"supergroup","name":"The Gardeners","usernames":["gardeners"]}`},
		{"get", `{"peer":-1000000000003}`, `{"kind":"channel","id":"3","type":"supergroup","name":"The Gardeners","usernames":["gardeners"]}`},
		{"get", `{"peer":5}`, `{"kind":"user","id":"5","type":"user","name":"U","usernames":["alice"]}`},
		{"get", `{"peer":{"_":"peerUser","user_id":"5"}}`, `{"kind":"user","id":"5","type":"user","name":"U","usernames":["alice"]}`},
		{"get", `{"peer":{"_":"inputUser","user_id":5,"access_hash":"7"}}`, `{"kind":"user","id":"5","type":"user","name":"U","usernames":["alice"]}`},
		{"get", `{"peer":{"_":"inputPeerUser","user_id":5,"access_hash":"7"}}`, `{"kind":"user","id":"5","type":"user","name":"U","usernames":["alice"]}`},
		{"get", `{"peer":{"_":"peerChat","chat_id":"2"}}`, `{"kind":"chat","id":"2","type":"chat","name":"G"}`},
		{"get", `{"peer":{"_":"inputPeerUserFromMessage","peer":"channel.3","msg_id":7,"user_id":"9"}}`, `{"kind":"user","id":"9","type":"user","name":"Min","min":true}`},
		{"get", `{"peer":{"_":"inputPeerSelf"}}`, `{"kind":"user","id":"1","self":true}`},
		{"get", `{"peer":"user.9"}`, `{"kind":"user","id":"9","type":"user","name":"Min","min":true}`},
		{"get", `{"peer":"me"}`, `{"kind":"user","id":"1","self":true}`},
		{"get", `{"peer":"user.77"}`, `404 peers.get: peer: no user with the id 77 is known`},
		{"get", `{"peer":{"_":"peerChannel","channel_id":"77"}}`, `404 peers.get: peer: no channel with the id 77 is known`},
		{"get", `{"peer":-77}`, `404 peers.get: peer: no basic group with the id 77 is known`},
		{"get", `{"peer":77}`, `404 peers.get: peer: nobody with the id 77 is known`},
		{"get", `{"peer":4611686018427387909}`, `400 peers.get: peer: "4611686018427387909" names no peer: no id is above`},
		{"get", `{"peer":{"_":"inputPeerUser","user_id":"4611686018427387909","access_hash":"1"}}`, `400 peers.get: peer: "user.4611686018427387909" names no peer: no id is above`},
		{"get", `{"peer":{"_":"inputPeerEmpty"}}`, `400 peers.get: peer: inputPeerEmpty names no peer`},
		{"get", `{"peer":{"_":"peerUser"}}`, `400 peers.get: peer: user_id: missing`},
		{"get", `{"peer":{"_":"messageEmpty","id":1}}`, `400 peers.get: peer: want InputPeer, got messageEmpty`},
		{"get", `{"peer":[5]}`, `400 peers.get: peer: want InputPeer`},
		{"get", `{"peer":null}`, `400 peers.get: peer: missing`},
		{"get", `{"peer":""}`, `400 peers.get: peer: missing`},
		{"get", `{"peer":"@nobody"}`, `404 peers.get: peer: "@nobody" is nobody's who is known`},
		{"get", `{"peer":"+491701234567"}`, `404 peers.get: peer: "+491701234567": phone numbers are not kept`},
		{"get", `{"peer":"?"}`, `400 peers.get: peer: "?" names no peer`},
		{"get", `{"peer":"t.me/+abc"}`, `400 peers.get: peer: "t.me/+abc" names no peer: an invitation`},
		{"get", `{"peer":"evil.com/x"}`, `400 peers.get: peer: "evil.com/x" names no peer`},
		{"get", `{"peer":1.5}`, `400 peers.get: peer: "1.5" names no peer`},
		{"resolve", `{"peer":"@@"}`, `400 peers.resolve: peer: "@@" names no peer`},
		{"resolve", `{"peer":9007199254740993}`, `400 peers.resolve: peer: "9007199254740993" names no peer`},
		{"get", `{}`, `400 peers.get: peer: missing`},
		{"get", `{"pear":"5"}`, `400 peers.get: `},
		{"search", `{"text":"gard"}`, `{"peers":[{"kind":"channel","id":"3","type":"supergroup","name":"The Gardeners","usernames":["gardeners"]}]}`},
		{"search", `{"text":"@ALB"}`, `{"peers":[{"kind":"user","id":"6","type":"user","name":"U","usernames":["albert"]}]}`},
		{"search", `{"text":"zz"}`, `{"peers":[]}`},
		{"search", `{"limit":-1}`, `400 peers.search: limit`},
		{"search", `{"kind":"secret"}`, `400 peers.search: kind`},
		{"resolve", `{"peer":"@news"}`, `{"kind":"channel","id":"70","type":"channel","name":"C"}`},
		{"resolve", `{"peer":{"_":"inputPeerChannel","channel_id":"70"}}`, `{"kind":"channel","id":"70","type":"channel","name":"C"}`},
		{"resolve", `{"peer":-1000000000070}`, `{"kind":"channel","id":"70","type":"channel","name":"C"}`},
		{"resolve", `{"peer":"@vain"}`, `404 peers.resolve: peer: @vain: `},
		{"resolve", `{"peer":"@refused"}`, `502 peers.resolve: peer: @refused: `},
		{"resolve", `{"peer":"user.77"}`, `404 peers.resolve: peer: no user with the id 77 is known`},
		{"resolve", `{"peer":"77"}`, `404 peers.resolve: peer: no peer with the id 77 is known`},
	} {
		if strings.HasPrefix(c.want, "{") && c.verb == "resolve" {
			g.asked = nil
		}
		b, fault := d.Answer(t.Context(), c.verb, []byte(c.request), func(err error) answer.Fault { return answer.Fault{Code: 502, Text: err.Error()} })
		got := string(b)
		if fault != nil {
			got = formatID(int64(fault.Code)) + " " + fault.Text
		}
		if got != c.want && (strings.HasPrefix(c.want, "{") || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s %s: %s, want %s", c.verb, c.request, got, c.want)
		}
		if strings.Contains(got, "mtproto") {
			t.Errorf("%s %s speaks of a package: %s", c.verb, c.request, got)
		}
		if strings.Contains(got, "987654321") {
			t.Errorf("%s %s tells an access hash", c.verb, c.request)
		}
		if c.verb != "resolve" && len(g.asked) > 0 {
			t.Errorf("%s %s: asked %q", c.verb, c.request, g.asked)
		}
	}
	var page Page
	b, _ := d.Answer(t.Context(), "search", []byte(`{"limit":2}`), nil)
	if err := json.Unmarshal(b, &page); err != nil || len(page.Peers) != 2 || !page.More {
		t.Errorf("%s", b)
	}
	d.Close(t.Context())
}

// Who is being written just now is told of as he is.
func TestGetWhileWritten(t *testing.T) {
	s := &failing{newShelf(), make(chan struct{}), make(chan struct{})}
	d, g := owner(t, s, 1)
	d.Learn(g.encode(called(5, 55, "alice")))
	<-s.begun
	b, fault := d.Answer(t.Context(), "get", []byte(`{"peer":"user.5"}`), nil)
	if want := `{"kind":"user","id":"5","type":"user","name":"U","usernames":["alice"]}`; string(b) != want {
		t.Errorf("%s %v, want %s", b, fault, want)
	}
	close(s.fail)
	d.Close(t.Context())
}
