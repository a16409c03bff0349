package account

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

var layer = apitest.Layer

func encode(t testing.TB, m codec.M) []byte {
	t.Helper()
	s, _ := layer()
	b, err := s.Encode(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testWriter(t testing.TB, change func(*settings.Settings)) *writer {
	t.Helper()
	s, decl := layer()
	set := settings.Defaults()
	if change != nil {
		change(&set)
	}
	rules, err := updates.Compile(s, decl)
	if err != nil {
		t.Fatal(err)
	}
	return newWriter(&Config{Name: "main", Settings: set, Methods: methods.New(s, decl, nil), Rules: rules}, "owner", 1)
}

// newMessage is an item as the machine puts it out.
func newMessage(t testing.TB, from int64, text string) *updates.Item {
	return &updates.Item{
		Name: "updateNewMessage", Box: updates.Box{Kind: updates.Common}, Pts: 105, Index: 1, Date: 1700000000, State: "pts=105.2",
		Peer: updates.Peer{Kind: updates.PeerUser, ID: from},
		Update: encode(t, codec.M{"_": "updateNewMessage", "pts": 105, "pts_count": 1, "message": codec.M{
			"_": "message", "id": 7, "peer_id": codec.M{"_": "peerUser", "user_id": from}, "date": 1700000000, "message": text,
		}}),
		Users: [][]byte{encode(t, codec.M{"_": "userEmpty", "id": from})},
	}
}

func TestMessageOfAnUpdate(t *testing.T) {
	for _, encoding := range []string{"json", "msgpack"} {
		w := testWriter(t, func(s *settings.Settings) { s.Encoding = encoding })
		item := newMessage(t, 42, "hi")
		item.Origin = "req-1"
		m := w.message(item)
		if m.Subject != "tg.upd.main.updateNewMessage.user.42" {
			t.Error(m.Subject)
		}
		for name, want := range map[string]string{
			subjects.HeaderType: "updateNewMessage", subjects.HeaderBox: "common", subjects.HeaderPts: "105", subjects.HeaderDate: "1700000000", subjects.HeaderState: "pts=105.2",
			subjects.HeaderMsgID: "main/1/0/common/105/1", subjects.HeaderRequestID: "req-1", subjects.HeaderContentType: "application/" + encoding, subjects.HeaderRedacted: "",
		} {
			if got := m.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		var body struct {
			Update struct {
				Type    string `json:"_" msgpack:"_"`
				Message struct {
					Message string `json:"message" msgpack:"message"`
				} `json:"message" msgpack:"message"`
			} `json:"update" msgpack:"update"`
			Users []map[string]any `json:"users" msgpack:"users"`
			Chats []map[string]any `json:"chats" msgpack:"chats"`
		}
		decode := json.Unmarshal
		if encoding == "msgpack" {
			decode = msgpack.Unmarshal
		}
		if err := decode(m.Data, &body); err != nil || body.Update.Message.Message != "hi" || len(body.Users) != 1 || body.Chats == nil {
			t.Errorf("%s: %v %s", encoding, err, m.Data)
		}
	}
}

// Who reads the headers alone knows which message an update is about.
func TestWhichMessage(t *testing.T) {
	w := testWriter(t, nil)
	for _, c := range []struct {
		about                         updates.About
		message, topic, thread, album string
	}{
		{updates.About{}, "", "", "", ""},
		{updates.About{MsgID: 7, Topic: 3, Album: -9}, "7", "3", "", "-9"},
		{updates.About{MsgID: 7, Thread: 4}, "7", "", "4", ""},
		{updates.About{MsgIDs: []int64{7, 8}}, "7,8", "", "", ""},
		{updates.About{MsgIDs: make([]int64, mostNamed+1)}, "", "", "", ""},
	} {
		item := newMessage(t, 42, "hi")
		item.About = c.about
		h := w.message(item).Header
		if got := [4]string{h.Get(subjects.HeaderMessage), h.Get(subjects.HeaderTopic), h.Get(subjects.HeaderThread), h.Get(subjects.HeaderAlbum)}; got != [4]string{c.message, c.topic, c.thread, c.album} {
			t.Errorf("%+v: %q", c.about, got)
		}
	}
}

// F13: a login code must not get onto the bus, unless the operator wants it. What is no secret stays: which message it is.
func TestServiceMessagesAreRedacted(t *testing.T) {
	const service = 777000
	secret := newMessage(t, service, "Login code: 12345")
	forwarded := newMessage(t, 7, "Login code: 12345")
	forwarded.Update = encode(t, codec.M{"_": "updateNewMessage", "pts": 105, "pts_count": 1, "message": codec.M{
		"_": "message", "id": 7, "peer_id": codec.M{"_": "peerUser", "user_id": 7}, "date": 1700000000, "message": "Login code: 12345",
		"fwd_from": codec.M{"_": "messageFwdHeader", "from_id": codec.M{"_": "peerUser", "user_id": service}, "date": 1},
	}})
	notice := newMessage(t, 7, "")
	notice.Name, notice.Update = "updateServiceNotification", encode(t, codec.M{
		"_": "updateServiceNotification", "type": "x", "message": "Login code: 12345", "media": codec.M{"_": "messageMediaEmpty"}, "entities": []codec.M{},
	})
	for _, item := range []*updates.Item{secret, forwarded, notice} {
		for encoding, decode := range map[string]func([]byte, any) error{"json": json.Unmarshal, "msgpack": msgpack.Unmarshal} {
			w := testWriter(t, func(s *settings.Settings) { s.Encoding = encoding })
			m := w.message(item)
			var body struct {
				Update map[string]any `json:"update" msgpack:"update"`
			}
			if err := decode(m.Data, &body); err != nil || strings.Contains(string(m.Data), "12345") || m.Header.Get(subjects.HeaderRedacted) == "" {
				t.Errorf("%v %v %s", err, m.Header, m.Data)
			}
			if body.Update["_"] != item.Name || m.Header.Get(subjects.HeaderPts) != "105" || m.Header.Get(subjects.HeaderState) == "" {
				t.Errorf("what is not secret is missing: %v %s", m.Header, m.Data)
			}
			if message, _ := body.Update["message"].(map[string]any); item != notice && fmt.Sprint(message["id"]) != "7" {
				t.Errorf("the message cannot be named: %s", m.Data)
			}
		}
	}
	w := testWriter(t, nil)
	w.withheld = nil // as NATSGRAM_ALLOW_SERVICE_MESSAGES has it
	if m := w.message(secret); !strings.Contains(string(m.Data), "12345") || m.Header.Get(subjects.HeaderRedacted) != "" {
		t.Errorf("%s", m.Data)
	}
	broken := newMessage(t, service, "Login code: 12345")
	broken.Update = broken.Update[:len(broken.Update)-4]
	if m := testWriter(t, nil).message(broken); strings.Contains(string(m.Data), "12345") || m.Header.Get(subjects.HeaderRedacted) == "" {
		t.Errorf("%v %s", m.Header, m.Data)
	}
}

// E36: how late a message came is told where it was just written; E12: what comes out of history says so.
func TestDelayAndBackfill(t *testing.T) {
	w := testWriter(t, nil)
	w.received = time.UnixMilli(1700000002500)
	item := newMessage(t, 42, "hi")
	if m := w.message(item); m.Header.Get(subjects.HeaderDelay) != "2500" || m.Header.Get(subjects.HeaderBackfill) != "" {
		t.Errorf("%v", m.Header)
	}
	item.Name = "updateEditMessage"
	if m := w.message(item); m.Header.Get(subjects.HeaderDelay) != "" {
		t.Errorf("%v", m.Header)
	}
	item = newMessage(t, 42, "old")
	item.Backfill, item.Pts, item.Index = true, 0, 7
	if m := w.message(item); m.Header.Get(subjects.HeaderDelay) != "" || m.Header.Get(subjects.HeaderBackfill) != "true" ||
		m.Header.Get(subjects.HeaderPts) != "" || m.Header.Get(subjects.HeaderMsgID) != "main/1/0/common/0/7" {
		t.Errorf("%v", m.Header)
	}
}

func TestGapAndBoxless(t *testing.T) {
	for encoding, decode := range map[string]func([]byte, any) error{"json": json.Unmarshal, "msgpack": msgpack.Unmarshal} {
		w := testWriter(t, func(s *settings.Settings) { s.Encoding = encoding })
		box := updates.Box{Kind: updates.Channel, ID: 77}
		m := w.message(&updates.Item{
			Name: "gap", Box: box, Pts: 90, Peer: updates.Peer{Kind: updates.PeerChannel, ID: 77},
			Gap: &updates.Gap{Box: box, From: 10, To: 90, Reason: updates.GapTooLong, Fill: true},
		})
		var body struct {
			Gap struct {
				Box      string `json:"box" msgpack:"box"`
				From, To int
				Reason   string
				Filled   bool `msgpack:"filled"`
			} `json:"gap" msgpack:"gap"`
		}
		if m.Subject != "tg.upd.main.gap.channel.77" || decode(m.Data, &body) != nil || body.Gap.Box != "channel.77" || !body.Gap.Filled {
			t.Errorf("%s %q", m.Subject, m.Data)
		}
	}
	w := testWriter(t, nil)
	ids := map[string]bool{}
	for range 3 {
		item := newMessage(t, 42, "x")
		item.Box, item.Pts = updates.Box{}, 0
		m := w.message(item)
		ids[m.Header.Get(subjects.HeaderMsgID)] = true
		if m.Header.Get(subjects.HeaderBox) != "none" || m.Header.Get(subjects.HeaderPts) != "" {
			t.Errorf("%v", m.Header)
		}
	}
	if len(ids) != 3 {
		t.Errorf("%v", ids)
	}
	live := newMessage(t, 42, "x")
	live.Live = true
	if m := w.message(live); m.Subject != "tg.live.main.updateNewMessage.user.42" || m.Header.Get(subjects.HeaderMsgID) != "" {
		t.Errorf("%s %v", m.Subject, m.Header)
	}
}

func BenchmarkMessage(b *testing.B) {
	w := testWriter(b, nil)
	item := newMessage(b, 42, "a message of usual length, as people write them in groups")
	b.ReportAllocs()
	for b.Loop() {
		w.message(item)
	}
}

// D3: what no schema at hand can read goes out as it came, unless it may hold a login code: whose message it is cannot be read.
func TestMessageOfANewerLayer(t *testing.T) {
	w := testWriter(t, nil)
	raw := []byte{0xad, 0xde, 0xca, 0xfe, 1, 2, 3, 4}
	m := w.message(&updates.Item{Name: updates.Unknown, Update: raw, Box: updates.Box{Kind: updates.None}, Peer: updates.Peer{Kind: updates.PeerNone}})
	if m.Subject != "tg.upd.main.unknown.none.0" || m.Header.Get(subjects.HeaderContentType) != "application/x-tl" || !bytes.Equal(m.Data, raw) {
		t.Errorf("%s %v %x", m.Subject, m.Header, m.Data)
	}
	code := append(binary.LittleEndian.AppendUint64(raw, 777000), "Login code: 12345"...)
	m = w.message(&updates.Item{Name: updates.Unknown, Update: code, Box: updates.Box{Kind: updates.Common}, Pts: 7})
	if len(m.Data) > 0 || m.Header.Get(subjects.HeaderRedacted) == "" {
		t.Errorf("%v %x", m.Header, m.Data)
	}
}

// An update that came to a bot by a business connection names it.
func TestMessageOfABusinessConnection(t *testing.T) {
	w := testWriter(t, nil)
	u := encode(t, codec.M{"_": "updateBotDeleteBusinessMessage", "connection_id": "abc", "peer": codec.M{"_": "peerUser", "user_id": 7}, "messages": []int{1}, "qts": 11})
	m := w.message(&updates.Item{Name: "updateBotDeleteBusinessMessage", Update: u, Box: updates.Box{Kind: updates.Secret}, Pts: 11})
	if got := m.Header.Get(subjects.HeaderBusiness); got != "abc" {
		t.Errorf("%q: %v", got, m.Header)
	}
}
