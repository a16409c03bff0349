package codec

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/tl/bin"
)

// The text of an error is part of the interface: it names the place and what is wanted there (design §3).
func TestCallErrors(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, c := range []struct{ method, in, want string }{
		{"messages.sendMessage", `{"peer":{"_":"inputPeerUser","user_id":"abc"}}`,
			`messages.sendMessage: peer.user_id: want long, got "abc"`},
		{"messages.sendMessage", `{"peer":{"_":"inputPeerUser","user_id":9223372036854775808}}`,
			`messages.sendMessage: peer.user_id: want long, got 9223372036854775808`},
		{"messages.sendMessage", `{"peer":{"_":"inputPeerUser","user_id":1e3}}`, `messages.sendMessage: peer.user_id: want long, got 1e3`},
		{"messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":5}`, `messages.sendMessage: message: want string, got 5`},
		{"messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"x"}`, `messages.sendMessage: random_id: missing, want long`},
		{"messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"messaje":"x"}`,
			`messages.sendMessage: messaje: no such field in messages.sendMessage, did you mean message?`},
		{"messages.sendMessage", `{"flags":1}`, `messages.sendMessage: flags: flags follow from the fields that are present, leave it out`},
		{"messages.sendMessage", `{"message":"a","message":"b"}`, `messages.sendMessage: message: given twice`},
		{"messages.sendMessage", `{"_":"messages.sendMedia"}`, `messages.sendMessage: want messages.sendMessage, got messages.sendMedia`},
		{"messages.sendMessage", `{"_":"messages.sendMessage","_":"messages.sendMessage"}`, `messages.sendMessage: _: given twice`},
		{"messages.sendMessage", `{"peer":{}}`, `messages.sendMessage: peer: want InputPeer with its constructor in "_": ` +
			`inputPeerEmpty, inputPeerSelf, inputPeerChat, inputPeerUser, inputPeerChannel and 2 others`},
		{"messages.sendMessage", `{"peer":{"_":"inputUser"}}`, `messages.sendMessage: peer: want InputPeer, got inputUser`},
		{"messages.sendMessage", `{"peer":{"_":"inputPeerUzer"}}`,
			`messages.sendMessage: peer: want InputPeer, there is no constructor "inputPeerUzer", did you mean inputPeerUser or inputPeerSelf or inputPeerChat?`},
		{"messages.sendMessage", `{"peer":"@durov"}`, `messages.sendMessage: peer: want InputPeer, got "@durov"`},
		{"messages.sendMessage", `{"peer":null}`, `messages.sendMessage: peer: want InputPeer, got null`},
		{"messages.sendMessage", `{"peer":{"_":5}}`, `messages.sendMessage: peer._: want the constructor's name as a string`},
		{"messages.sendMessage", `{"message":"` + long + `","peer":"` + long + `"}`,
			`messages.sendMessage: peer: want InputPeer, got "` + long[:40] + `..."`},
		{"messages.sendMessage", `[]`, `messages.sendMessage: want an object with the parameters, got an array`},
		{"messages.sendMessage", `{"silent":1}`, `messages.sendMessage: silent: want true, got 1`},
		{"messages.sendMessage", `{"message":"x",}`, `messages.sendMessage: bad JSON at byte 15: a comma before }`},
		{"messages.sendMessage", `{"message":"x"`, `messages.sendMessage: bad JSON: it ends early`},
		{"messages.sendMessage", `{"message":"x\q"}`, `messages.sendMessage: message: bad JSON at byte 13: an escape that JSON does not have`},
		{"messages.sendMessage", `{"schedule_date":2147483648}`, `messages.sendMessage: schedule_date: want int, got 2147483648`},
		{"messages.sendMessage", `{"schedule_date":1.5}`, `messages.sendMessage: schedule_date: want int, got 1.5`},
		{"help.getConfig", `{} {}`, `help.getConfig: bad JSON at byte 3: more follows the value`},
		{"messages.getMessages", `{"id":[{"_":"inputMessageID","id":1},{"_":"inputMessageID","id":true}]}`,
			`messages.getMessages: id[1].id: want int, got true`},
		{"messages.getMessages", `{"id":[{"_":"inputMessageID","id":1},7]}`, `messages.getMessages: id[1]: want InputMessage, got 7`},
		{"messages.deleteMessages", `{"id":[1,2,"x"]}`, `messages.deleteMessages: id[2]: want int, got "x"`},
		{"invokeWithLayer", `{"layer":1,"query":{"_":"messages.sendMesage"}}`,
			`invokeWithLayer: query: want a method, there is no method "messages.sendMesage", did you mean messages.sendMessage or messages.sendMedia or messages.editMessage?`},
		{"invokeWithLayer", `{"layer":1,"query":{"_":"inputPeerSelf"}}`, `invokeWithLayer: query: want a method, got inputPeerSelf`},
		{"invokeWithLayer", `{"layer":1,"query":{}}`, `invokeWithLayer: query: want a call with its method in "_"`},
		{"invokeWithLayer", `{"layer":1,"query":{"_":"messages.getMessages","id":{}}}`, `invokeWithLayer: query.id: want Vector<InputMessage>, got an object`},
		{"upload.saveFilePart", `{"bytes":"a"}`, `upload.saveFilePart: bytes: want bytes in base64, got a string`},
		// secrets stay where they are
		{"auth.signIn", `{"phone_number":true,"phone_code_hash":"h"}`, `auth.signIn: phone_number: want string, got a bool`},
		{"auth.checkPassword", `{"password":{"_":"inputCheckPasswordSRP","srp_id":"hunter2"}}`, `auth.checkPassword: password.srp_id: want long, got a string`},
		{"auth.checkPassword", `{"password":"hunter2"}`, `auth.checkPassword: password: want InputCheckPasswordSRP, got a string`},
		{"auth.importBotAuthorization", `{"bot_auth_token":12345}`, `auth.importBotAuthorization: bot_auth_token: want string, got a number`},
		{"account.registerDevice", `{"secret":[1]}`, `account.registerDevice: secret: want bytes, got an array`},
	} {
		f, ok := api().Function(c.method)
		if !ok {
			t.Fatal(c.method)
		}
		dst, err := api().AppendCallFromJSON([]byte("keep"), []byte(c.in), f, nil)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %s\n got %v\nwant %s", c.method, c.in, err, c.want)
		}
		var typed *Error
		if !errors.As(err, &typed) || !strings.HasPrefix(typed.Path, c.method) || string(dst) != "keep" {
			t.Errorf("%s: %#v, %q", c.in, err, dst)
		}
	}
}

func TestMsgpackCallErrors(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		method string
		in     any
		want   string
	}{
		{"messages.sendMessage", m{"peer": m{"_": "inputPeerUser", "user_id": "abc"}}, `messages.sendMessage: peer.user_id: want long, got "abc"`},
		{"messages.sendMessage", m{"peer": m{"_": "inputPeerUser", "user_id": 1.5}}, `messages.sendMessage: peer.user_id: want long, got 1.5`},
		{"messages.sendMessage", m{"peer": m{"_": "inputPeerUser", "user_id": uint64(1 << 63)}}, `messages.sendMessage: peer.user_id: want long, got 9223372036854775808`},
		{"messages.sendMessage", m{"peer": []int{}}, `messages.sendMessage: peer: want InputPeer, got an array`},
		{"messages.sendMessage", m{"message": 5}, `messages.sendMessage: message: want string, got 5`},
		{"messages.sendMessage", m{"mess": 5}, `messages.sendMessage: mess: no such field in messages.sendMessage`},
		{"messages.sendMessage", []int{1}, `messages.sendMessage: want an object with the parameters, got an array`},
		{"messages.sendMessage", map[int]int{1: 1}, `messages.sendMessage: want a string as key, got a number`},
		{"messages.sendMessage", m{"schedule_date": time.Unix(0, 0)}, `messages.sendMessage: schedule_date: bad MessagePack at byte 15: an extension type`},
		{"messages.deleteMessages", m{"id": []any{1, nil}}, `messages.deleteMessages: id[1]: want int, got nil`},
		{"auth.importBotAuthorization", m{"bot_auth_token": 12345}, `auth.importBotAuthorization: bot_auth_token: want string, got a number`},
		{"auth.checkPassword", m{"password": m{"_": "inputCheckPasswordSRP", "srp_id": "hunter2"}}, `auth.checkPassword: password.srp_id: want long, got a string`},
	} {
		f, _ := api().Function(c.method)
		in, err := msgpack.Marshal(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = api().AppendCallFromMsgpack(nil, in, f, nil); err == nil || err.Error() != c.want {
			t.Errorf("%s %v\n got %v\nwant %s", c.method, c.in, err, c.want)
		}
	}
}

// H8: what is wrong with TL bytes is typed, and says where.
func TestTLErrors(t *testing.T) {
	src := history(t, 5)
	for cut := 0; cut < len(src); cut += 4 {
		_, err := api().AppendJSON(nil, src[:cut], api().AnyObject())
		_, err2 := api().AppendMsgpack(nil, src[:cut], api().AnyObject())
		_, err3 := api().View(src[:cut])
		for _, err := range []error{err, err2, err3} {
			var short *bin.ShortError
			var format *bin.FormatError
			if !errors.As(err, &short) && !errors.As(err, &format) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
	}
	if _, err := api().AppendJSON(nil, append(src, 0, 0, 0, 0), api().AnyObject()); !errors.As(err, new(*bin.TrailingError)) { // H9
		t.Errorf("trailing: %v", err)
	}
	bad := append([]byte(nil), src...)
	copy(bad[12:], "\x01\x02\x03\x04") // the id of the first message
	_, err := api().AppendJSON(nil, bad, api().AnyObject())
	var id *bin.UnexpectedIDError
	if !errors.As(err, &id) || id.ID != 0x04030201 || id.Offset != 12 {
		t.Errorf("unknown id: %v", err)
	}
	if want := "Object: messages[0]: at byte 12: want Message, got the unknown constructor 04030201"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	copy(bad[8:], "\xff\xff\xff\x7f") // the count (H2)
	if _, err = api().AppendMsgpack(nil, bad, api().AnyObject()); err == nil || !strings.Contains(err.Error(), "vector of 2147483647 items") {
		t.Errorf("count: %v", err)
	}
}

func TestCheckCallErrors(t *testing.T) {
	f, _ := api().Function("messages.sendMessage")
	call, err := api().AppendCallFromJSON(nil, []byte(sendMessage), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := api().Function("help.getConfig")
	for _, c := range []struct {
		call []byte
		f    *Function
		want string
	}{
		{call, other, "help.getConfig: at byte 0: want help.getConfig, got messages.sendMessage"},
		{nil, f, "messages.sendMessage: the bytes end at 0, want 4 more"},
		{call[:12], f, "messages.sendMessage: peer.channel_id: the bytes end at 12, want 8 more"},
		{append(call, 1, 2, 3, 4), f, "messages.sendMessage: 4 bytes too many from byte 44"},
	} {
		if err := api().CheckCall(c.call, c.f); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// Depth costs an error, not a stack (H8); and the error comes soon.
func TestDeepNesting(t *testing.T) {
	f, _ := api().Function("invokeWithLayer")
	const n = 100000
	for name, in := range map[string]string{
		"arrays":      `{"query":` + strings.Repeat("[", n),
		"objects":     `{"query":` + strings.Repeat(`{"a":`, n),
		"named first": strings.Repeat(`{"_":"invokeWithLayer","layer":1,"query":`, n),
		"named late":  strings.Repeat(`{"layer":1,"query":`, n),
		"closed":      strings.Repeat(`{"layer":1,"query":`, n) + `{"_":"help.getConfig"}` + strings.Repeat(`,"_":"invokeWithLayer"}`, n),
		"in a key":    `{"query":{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`,
	} {
		start := time.Now()
		_, err := api().AppendCallFromJSON(nil, []byte(in), f, nil)
		if err == nil || len(err.Error()) > 10*MaxDepth {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(start); d > time.Minute && !raceEnabled { // what doubles with each level would take years
			t.Errorf("%s: took %v", name, d)
		}
	}
	deep := strings.Repeat("\x81\xa5query", n)
	if _, err := api().AppendCallFromMsgpack(nil, []byte(deep), f, nil); err == nil {
		t.Error("MessagePack: no error")
	}
	var tl []byte // invokeWithLayer(1, invokeWithLayer(1, ...
	for range n {
		tl = append(tl, 0x0d, 0x0d, 0x9b, 0xda, 1, 0, 0, 0)
	}
	if _, err := api().AppendJSON(nil, tl, api().AnyObject()); err == nil || !strings.HasSuffix(err.Error(), "nested deeper than 128") {
		t.Errorf("TL: %v", err)
	}
	if _, err := api().ResultOf(tl); err == nil || !strings.HasSuffix(err.Error(), "nested deeper than 128") {
		t.Errorf("ResultOf: %v", err)
	}
}

// "_" last at every level makes each be read ahead: a few times for each level around it, where "_" first reads nothing twice.
func TestNamesLast(t *testing.T) {
	f, _ := api().Function("invokeWithLayer")
	const depth = MaxDepth - 2
	text := `"message":"` + strings.Repeat("x", 2<<20) + `","peer":{"_":"inputPeerSelf"},"random_id":1`
	last := strings.Repeat(`{"layer":1,"query":`, depth) + `{` + text + `,"_":"messages.sendMessage"}` + strings.Repeat(`,"_":"invokeWithLayer"}`, depth)
	first := strings.Repeat(`{"_":"invokeWithLayer","layer":1,"query":`, depth) + `{"_":"messages.sendMessage",` + text + `}` + strings.Repeat(`}`, depth)
	took := func(in string) time.Duration {
		best := time.Hour // of several: others are at work on this machine
		for range 5 {
			start := time.Now()
			out, err := api().AppendCallFromJSON(nil, []byte(in), f, nil)
			if err != nil || len(out) < 2<<20 {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	if l, f := took(last), took(first); l > 10*depth*f && !raceEnabled {
		t.Errorf("took %v, and %v with the names first", l, f)
	} else {
		t.Logf("took %v, and %v with the names first", l, f)
	}
}

func TestGarbage(t *testing.T) {
	f, _ := api().Function("messages.sendMessage")
	for _, unit := range []string{"\xde\xad\xbe\xef", "{", "[", `"`, `\`, " ", "1", `{"message":`, `{"_":"`, "\x00", "\x93", "\xdf\x00\x00\xff\xff"} {
		in := []byte(strings.Repeat(unit, 2<<20/len(unit)))
		start := time.Now()
		for name, err := range map[string]error{
			"json":    second(api().AppendCallFromJSON(nil, in, f, nil)),
			"msgpack": second(api().AppendCallFromMsgpack(nil, in, f, nil)),
			"tl":      second(api().AppendJSON(nil, in, api().AnyObject())),
			"check":   api().CheckCall(in, f),
		} {
			if unit == " " && name == "json" {
				continue // nothing but spaces is no parameters; they are missing then
			}
			if err == nil || len(err.Error()) > 600 || !utf8.ValidString(err.Error()) {
				t.Errorf("%s %q: %.300v", name, unit, err)
			}
		}
		if d := time.Since(start); d > time.Second && !raceEnabled {
			t.Errorf("%q took %v", unit, d)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// The limits that only a schema made for it can reach.
func TestExpansion(t *testing.T) {
	s := schema(t, "many#11111111 items:Vector<true> = Many;\nempty#22222222 = Empty;\nmore#33333333 items:Vector<empty> = Many;")
	for _, id := range []string{"\x11\x11\x11\x11", "\x33\x33\x33\x33"} {
		for n, good := range map[byte]bool{3: true, maxEmptyItems: true, maxEmptyItems + 1: false} {
			src := []byte(id + "\x15\xc4\xb5\x1c" + string([]byte{n, 0, 0, 0}))
			out, err := s.AppendJSON(nil, src, s.AnyObject())
			if (err == nil) != good {
				t.Errorf("%d items: %v", n, err)
			}
			if good {
				if back, err := s.AppendTLFromJSON(nil, out, s.AnyObject(), nil); err != nil || string(back) != string(src) {
					t.Errorf("%s: %v", out, err)
				}
			}
		}
	}
	in := `{"_":"many","items":[true` + strings.Repeat(",true", 1000) + `]}`
	if _, err := s.AppendTLFromJSON(nil, []byte(in), s.AnyObject(), nil); err == nil {
		t.Error("a thousand items without bytes")
	}
}

// What is appended for one value has an end, even where few bytes ask for many.
func TestMaxOutput(t *testing.T) {
	var params strings.Builder
	for i := range 32 {
		fmt.Fprintf(&params, " a_rather_long_name_for_a_flag_%d:flags.%d?true", i, i)
	}
	s := schema(t, "noisy#11111111 flags:#"+params.String()+" = Noisy;\nlist#22222222 items:vector<noisy> = List;")
	const n = 1 << 17
	src := []byte("\x22\x22\x22\x22" + string([]byte{0, 0, n >> 16, 0}))
	src = append(src, strings.Repeat("\xff", 4*n)...)
	for _, out := range []func(dst, src []byte, t Type) ([]byte, error){s.AppendJSON, s.AppendMsgpack} {
		dst, err := out(nil, src, s.AnyObject())
		if err == nil || !strings.Contains(err.Error(), "would take more than") || dst != nil {
			t.Errorf("%d bytes: %v", len(dst), err)
		}
	}
}

func TestClip(t *testing.T) {
	for in, want := range map[string]string{
		"short":                    "short",
		strings.Repeat("é", 40):    strings.Repeat("é", 20) + "...",
		strings.Repeat("日", 40):    strings.Repeat("日", 13) + "...",
		"a\nb\x00c\x7f":            "a b c ",
		"\xff\xfe":                 "\ufffd",
		strings.Repeat("\xff", 50): "\ufffd...",
	} {
		if got := clip(in); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
