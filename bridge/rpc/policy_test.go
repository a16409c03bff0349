package rpc

import (
	"context"
	"fmt"
	"testing"

	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Methods of a layer that nobody has seen are judged by where they are, what they want and what they give.
func TestMethodsOfALayerNeverSeen(t *testing.T) {
	decl, err := tl.Parse("later.tl", []byte(`
inputCheckPasswordEmpty#9880f658 = InputCheckPasswordSRP;
webViewResultUrl#4d22ff98 url:string = WebViewResult;
auth.sentCode#5e002502 hash:string = auth.SentCode;
---functions---
auth.shareSession#00000001 = Bool;
account.giveAway#00000002 user_id:long = Bool;
account.getSessionKey#00000003 = Bool;
channels.sellChannel#00000004 password:InputCheckPasswordSRP = Bool;
bots.pressAndSign#00000005 flags:# password:flags.0?InputCheckPasswordSRP = Bool;
bots.openApp#00000006 = WebViewResult;
users.confirmIt#00000007 = auth.SentCode;
messages.getThings#00000008 = Bool;
account.updateProfile#00000009 = Bool;
// LAYER 999
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := codec.Compile(decl)
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{"messages.getThings": true, "account.updateProfile": true, "bots.pressAndSign": true}
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) { return nil, fmt.Errorf("called") },
		func(c *Config) { c.Methods = methods.New(s, decl, nil); c.Invoke = called{} })
	for _, fn := range decl.Functions {
		code := g.ask("tg.rpc.main."+fn.Name, `{"user_id":"1","password":{"_":"inputCheckPasswordEmpty"}}`).Header.Get(subjects.HeaderErrorCode)
		if fn.Name != "channels.sellChannel" && code == "400" { // it has no such parameters
			code = g.ask("tg.rpc.main."+fn.Name, map[bool]string{true: `{"user_id":"1"}`, false: `{}`}[fn.Name == "account.giveAway"]).Header.Get(subjects.HeaderErrorCode)
		}
		if want := map[bool]string{true: "500", false: "403"}[served[fn.Name]]; code != want {
			t.Errorf("%s: %s, want %s", fn.Name, code, want)
		}
		for _, allow := range []string{fn.Name, methods.Namespace(fn.Name) + ".*", "*"} {
			if methods.Refusal(fn, []string{allow}) != "" {
				t.Errorf("%s is refused although %s is allowed", fn.Name, allow)
			}
		}
	}
}

// called is a Telegram that makes an error of every call.
type called struct{}

func (called) Invoke(context.Context, []byte) ([]byte, error) { return nil, fmt.Errorf("called") }

// Login codes are not carried to where nobody redacts them: to other people, or into a text that does not say whose it is.
func TestServiceMessagesAreNotCarried(t *testing.T) {
	calls := 0
	g := newRig(t, func(context.Context, codec.View) ([]byte, error) {
		calls++
		return nil, fmt.Errorf("called")
	}, func(c *Config) {
		c.Resolve = func(_ context.Context, class, text string) ([]byte, bool, *Fault) {
			peer, _ := tlOf(codec.M{"_": "inputPeerUser", "user_id": 777000, "access_hash": 1})
			return peer, class == "InputPeer" && text == "@telegram", nil
		}
	})
	const service, other = `{"_":"inputPeerUser","user_id":"777000","access_hash":"1"}`, `{"_":"inputPeerUser","user_id":"5","access_hash":"1"}`
	reply := func(peer string) string {
		return `{"peer":` + other + `,"message":"x","reply_to":{"_":"inputReplyToMessage","reply_to_msg_id":1,"reply_to_peer_id":` + peer + `}}`
	}
	search := func(peer, q string) string {
		return `{"peer":` + peer + `,"q":"` + q + `","filter":{"_":"inputMessagesFilterEmpty"},"min_date":0,"max_date":0,"offset_id":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"}`
	}
	searchAll := func(q string) string {
		return `{"q":"` + q + `","filter":{"_":"inputMessagesFilterEmpty"},"min_date":0,"max_date":0,"offset_rate":0,"offset_peer":{"_":"inputPeerEmpty"},"offset_id":0,"limit":5}`
	}
	for _, c := range []struct {
		method, body string
		carried      bool
	}{
		{"messages.forwardMessages", `{"from_peer":` + service + `,"id":[1],"to_peer":` + other + `}`, true},
		{"messages.forwardMessages", `{"from_peer":"@telegram","id":[1],"to_peer":` + other + `}`, true},
		{"messages.forwardMessages", `{"from_peer":{"_":"inputPeerUserFromMessage","peer":` + other + `,"msg_id":1,"user_id":"42777"},"id":[1],"to_peer":` + other + `}`, true},
		{"messages.forwardMessages", `{"from_peer":` + other + `,"id":[1],"to_peer":` + other + `}`, false},
		{"messages.forwardMessages", `{"from_peer":{"_":"inputPeerEmpty"},"id":[1],"to_peer":` + other + `}`, true},
		{"messages.summarizeText", `{"peer":{"_":"inputPeerEmpty"},"id":1}`, true},
		{"messages.sendMessage", reply(`{"_":"inputPeerEmpty"}`), true},
		{"messages.translateText", `{"peer":` + service + `,"id":[1],"to_lang":"en"}`, true},
		{"messages.translateText", `{"peer":` + other + `,"id":[1],"to_lang":"en"}`, false},
		{"messages.translateText", `{"text":[{"text":"777000","entities":[]}],"to_lang":"en"}`, false},
		{"messages.summarizeText", `{"peer":` + service + `,"id":1}`, true},
		{"messages.sendMessage", reply(service), true},
		{"messages.sendMessage", reply(other), false},
		{"invokeWithoutUpdates", `{"query":{"_":"messages.translateText","peer":` + service + `,"id":[1],"to_lang":"en"}}`, true},
		{"messages.getHistory", `{"peer":` + service + `,"offset_id":0,"offset_date":0,"add_offset":0,"limit":5,"max_id":0,"min_id":0,"hash":"0"}`, false},
		{"messages.readHistory", `{"peer":` + service + `,"max_id":1}`, false},
		{"messages.search", search(service, "5"), true},
		{"messages.search", search(service, "code"), true},
		{"messages.search", search(service, ""), false},
		{"messages.search", search(other, "54321"), false},
		{"messages.search", search(`{"_":"inputPeerEmpty"}`, "54"), true},
		{"messages.search", search(`{"_":"inputPeerEmpty"}`, "Town news"), false},
		{"messages.searchGlobal", searchAll("٥"), true},
		{"messages.searchGlobal", searchAll("login 5"), true},
		{"messages.searchGlobal", searchAll("Town news"), false},
		{"channels.getAdminLog", `{"channel":{"_":"inputChannel","channel_id":"7","access_hash":"1"},"q":"54321","max_id":"0","min_id":"0","limit":5}`, false},
		{"contacts.search", `{"q":"54321","limit":5}`, false},
		{"users.getUsers", `{"id":[{"_":"inputUser","user_id":"777000","access_hash":"1"}]}`, false},
	} {
		before := calls
		got := g.ask("tg.rpc.main."+c.method, c.body).Header
		if code := got.Get(subjects.HeaderErrorCode); c.carried != (code == "403") || c.carried != (calls == before) {
			t.Errorf("%s %s: %v", c.method, c.body, got)
		}
	}
}
