package erase

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIn(t *testing.T) {
	five := Target{subjects.User, 5}
	packed := nats.Header{subjects.HeaderContentType: {subjects.ContentMsgpack}}
	raw := nats.Header{subjects.HeaderContentType: {subjects.ContentTL}}
	for _, c := range []struct {
		subject string
		h       nats.Header
		payload string
		want    bool
	}{
		{"tg.upd.main.updateNewMessage.user.5", nil, "{}", true},
		{"tg.done.main.user.5.job", nil, "{}", true},
		{"tg.upd.main.updateNewMessage.user.55", nil, "{}", false},
		{"tg.upd.main.updateNewMessage.user.15", nil, "{}", false},
		{"tg.upd.main.updateNewMessage.channel.5", nil, "{}", false},
		{"tg.upd.main.updateNewMessage.channel.7", nil, `{"from_id":{"_":"peerUser","user_id":"5"}}`, true},
		{"tg.upd.main.updateNewMessage.channel.7", nil, `{"id":5}`, false},
		{"tg.upd.main.updateNewMessage.channel.7", nil, `{"id":"55"}`, false},
		{"tg.upd.main.updateNewMessage.channel.7", packed, "\xd3\x00\x00\x00\x00\x00\x00\x00\x05", true},
		{"tg.upd.main.updateNewMessage.channel.7", packed, "\xd3\x00\x00\x00\x00\x00\x00\x00\x06", false},
		{"tg.upd.main.unknown.none.0", raw, "abc\x05\x00\x00\x00\x00\x00\x00\x00", true},
	} {
		if got := five.In(c.subject, c.h, []byte(c.payload)); got != c.want {
			t.Errorf("%s %q: %v", c.subject, c.payload, got)
		}
	}
}

// Links and ids of the Bot API lead to who has the id, of whatever kind; a number alone, a longer one or another site's link does not.
func TestLinked(t *testing.T) {
	user, group, channel := Target{subjects.User, 1000006}, Target{subjects.Chat, 1000006}, Target{subjects.Channel, 1000006}
	for text, of := range map[string][]Target{
		"tg://user?id=1000006": {user}, "tg:openmessage?user_id=1000006": {user}, "TG://User?ID=1000006&x": {user}, "tg://user?x=1&id=1000006": {user},
		`tg://user?x=1\u0026id=1000006`: {user}, "tg://openmessage?chat_id=1000006": {group}, "-1000006": {group}, "write to -1001000006.": {channel},
		"https://t.me/c/1000006/17": {channel}, "T.me/C/1000006": {channel}, "telegram.me:443/c/1000006/1/2": {channel}, "tg://privatepost?channel=1000006&post=3": {channel},
		"1000006": {}, "-10010000061": {}, "-1000000006": {}, "tg://user?id=10000061": {}, "example.org/c/1000006": {}, "t.me/c/10000067": {}, "tg://user?id=11000006": {}, "c/1000006": {},
	} {
		packed := "\xa7message\xd9" + string(rune(len(text))) + text
		raw := string(rune(len(text))) + text
		for _, who := range []Target{user, group, channel} {
			want := slices.Contains(of, who)
			for encoding, body := range map[string]string{"": `{"message":"see ` + text + `"}`, subjects.ContentMsgpack: packed, subjects.ContentTL: raw} {
				if got := who.In("tg.upd.main.updateNewMessage.user.7", nats.Header{subjects.HeaderContentType: {encoding}}, []byte(body)); got != want {
					t.Errorf("%s %s: %s: %v", who, encoding, text, got)
				}
			}
		}
	}
}

// Of what is erased no byte of its contents is left in any file of the store; all else stands as it did, and nothing behind the bound is touched.
// What callers write names somebody in more ways than what the daemon writes.
func TestAsked(t *testing.T) {
	msgpack, raw := nats.Header{subjects.HeaderContentType: {subjects.ContentMsgpack}}, nats.Header{subjects.HeaderContentType: {subjects.ContentTL}}
	who := Target{subjects.User, 1500000001}
	for body, want := range map[string]bool{
		`{"id":[{"_":"inputUser","user_id":1500000001}]}`: true, `{"peer":"user.1500000001"}`: true, `{"peer":"1500000001"}`: true, `{"peer":-1001500000001}`: true,
		`{"peer":11500000001}`: false, `{"peer":"15000000012 and 1500000001"}`: true, `{"peer":150000000}`: false, ``: false,
	} {
		if got := who.Asked("tg.queue.main.none.0.a.b", nil, []byte(body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	long, group := Target{subjects.Channel, 12345678901}, Target{subjects.Chat, 1001234567}
	for body, want := range map[string]bool{`{"peer":-1012345678901}`: true, `{"peer":"-1012345678901"}`: true, `{"peer":"12345678901"}`: true, `{"peer":-10123456789012}`: false} {
		if got := long.Asked("tg.queue.main.none.0.a.b", nil, []byte(body)); got != want {
			t.Errorf("a long id: %s: %v", body, got)
		}
	}
	for body, c := range map[string]struct {
		of   Target
		want bool
	}{
		"\xd3\xff\xff\xff\x14\x4b\x7e\xd3\xcb": {long, true}, "\xd3\xff\xff\xff\x14\x4b\x7e\xd3\xca": {long, false}, "\xd2\xc4\x52\x5f\x79": {group, true}, "\xd3\xff\xff\xff\xff\xc4\x52\x5f\x79": {group, true},
		"\xd2\xc4\x52\x5f\x78": {group, false},
	} {
		if got := c.of.Asked("tg.queue.main.none.0.a.b", msgpack, []byte(body)); got != c.want {
			t.Errorf("%s: below zero in MessagePack: %x: %v", c.of, body, got)
		}
	}
	for body, want := range map[string]bool{"\xa2id\xce\x59\x68\x2f\x01": true, "\xd2\x59\x68\x2f\x01": true, "\xcf\x00\x00\x00\x00\x59\x68\x2f\x01": true,
		"\xd3\x00\x00\x00\x00\x59\x68\x2f\x01": true, "\xaauser.1500000001": true, "\xce\x59\x68\x2f\x02": false} {
		if got := who.Asked("tg.queue.main.none.0.a.b", msgpack, []byte(body)); got != want {
			t.Errorf("%q: %v", body, got)
		}
	}
	if !who.Asked("x", raw, []byte("\x01\x2f\x68\x59\x00\x00\x00\x00")) || who.Asked("x", raw, []byte("1500000001")) {
		t.Error("raw TL")
	}
}

func TestNoByteLeft(t *testing.T) {
	dir := t.TempDir()
	srv, err := embedded.Start(embedded.Config{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"tg.upd.>"}})
	if err != nil {
		t.Fatal(err)
	}
	const n = 3000
	for i := range n {
		text, from := fmt.Sprintf("what-others-said-%d", i), 7
		if i%3 == 0 {
			text, from = fmt.Sprintf("what-she-said-%d", i), 5
		}
		body := fmt.Sprintf(`{"text":"%s","from":"%d"}`, text, from)
		if _, err := js.Publish(t.Context(), fmt.Sprintf("tg.upd.main.updateNewMessage.channel.%d", i%10), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	five := Target{subjects.User, 5}
	dry, err := Stream(t.Context(), js, "S", "tg.upd.main.>", n-9, five.In, true)
	if err != nil || dry != (Count{n - 9, n/3 - 3}) || found(dir, "what-she-said-") == 0 {
		t.Errorf("%+v %v", dry, err)
	}
	for want, upTo := range map[uint64]uint64{n/3 - 3: n - 9} {
		if c, err := Stream(t.Context(), js, "S", "tg.upd.main.>", upTo, five.In, false); err != nil || c.Erased != want {
			t.Errorf("%+v %v", c, err)
		}
	}
	if got := found(dir, "what-she-said-"); got != 3 {
		t.Errorf("%d texts behind the bound are there, want 3", got)
	}
	if c, err := Stream(t.Context(), js, "S", "tg.upd.main.>", 0, five.In, false); err != nil || c.Erased != 3 {
		t.Errorf("%+v %v", c, err)
	}
	if c, err := Stream(t.Context(), js, "S", "tg.upd.main.>", 0, five.In, false); err != nil || c.Erased != 0 {
		t.Errorf("again: %+v %v", c, err)
	}
	info, err := s.Info(t.Context())
	if err != nil || info.State.Msgs != n-n/3 || info.State.LastSeq != n {
		t.Errorf("%+v %v", info.State, err)
	}
	nc.Close()
	srv.Close()
	if got := found(dir, "what-she-said-"); got != 0 {
		t.Errorf("%d texts are left in the files", got)
	}
	if got := found(dir, "what-others-said-"); got != n-n/3 {
		t.Errorf("%d texts of others are there", got)
	}
}

// found counts a text in all files below a folder.
func found(dir, text string) (n int) {
	for _, count := range embeddedtest.Found(dir, text) {
		n += count
	}
	return n
}

// Every long of a payload is found, whatever it is written in.
func TestLongs(t *testing.T) {
	const id = 5368324170671202286
	for name, c := range map[string]struct {
		h       nats.Header
		payload []byte
	}{
		"json":    {nil, []byte(`{"id":"5368324170671202286","a":"b","c":"12x","d":"-7"}`)},
		"msgpack": {nats.Header{subjects.HeaderContentType: {subjects.ContentMsgpack}}, binary.BigEndian.AppendUint64([]byte("\x81\xa2id\xd3"), id)},
		"tl":      {nats.Header{subjects.HeaderContentType: {subjects.ContentTL}}, binary.LittleEndian.AppendUint64([]byte("\x01\x02\x03\x04"), id)},
	} {
		var all []int64
		for n := range Longs(c.h, c.payload) {
			all = append(all, n)
		}
		if !slices.Contains(all, id) || name == "json" && (len(all) != 2 || all[1] != -7) {
			t.Errorf("%s: %v", name, all)
		}
		for range Longs(c.h, c.payload) {
			break
		}
	}
	for key, want := range map[string]int64{"document/5": 5, "photo/-6/x": -6, "document/7@0+100": 7, "photo": 0, "location/abc": 0, "document/99999999999999999999": 0} {
		if got := FileID(key); got != want {
			t.Errorf("%s: %d", key, got)
		}
	}
}

func FuzzLongs(f *testing.F) {
	f.Add([]byte(`{"id":"5","x":"-9223372036854775808"`))
	f.Add([]byte(`"""1"2"`))
	f.Fuzz(func(_ *testing.T, payload []byte) {
		for _, content := range []string{subjects.ContentJSON, subjects.ContentMsgpack, subjects.ContentTL} {
			for range Longs(nats.Header{subjects.HeaderContentType: {content}}, payload) {
				continue
			}
		}
	})
}
