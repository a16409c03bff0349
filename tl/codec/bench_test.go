package codec

import (
	"fmt"
	"strings"
	"testing"
)

// history is a messages.messages as a busy chat has it: n messages, most with text, some with photo, reactions, replies.
func history(tb testing.TB, n int) []byte {
	tb.Helper()
	var messages, users []M
	for i := range n {
		messages = append(messages, message(i))
	}
	for i := range max(3, n/4) {
		users = append(users, M{
			"_": "user", "id": 700000000 + i, "access_hash": int64(0x1122334455667788) * int64(i+1), "first_name": "Александра",
			"last_name": "Smith", "username": fmt.Sprintf("user_%d", i), "photo": M{"_": "userProfilePhoto",
				"photo_id": int64(5300000000000000000) + int64(i), "stripped_thumb": make([]byte, 40), "dc_id": 2},
			"status": M{"_": "userStatusOffline", "was_online": 1750000000}, "premium": true,
		})
	}
	chat := M{
		"_": "channel", "id": 1234567890, "access_hash": int64(-77), "title": "Новости и погода", "username": "news",
		"photo": M{"photo_id": int64(5300000000000000000), "_": "chatPhoto", "dc_id": 4}, "date": 1600000000,
		"megagroup": true, "participants_count": 12345,
	}
	b, err := api().Encode(nil, M{"_": "messages.messages", "messages": messages, "topics": []M{}, "chats": []M{chat}, "users": users})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func message(i int) M {
	m := M{
		"_": "message", "id": 100000 + i, "from_id": M{"_": "peerUser", "user_id": 700000000 + i%5},
		"peer_id": M{"_": "peerChannel", "channel_id": 1234567890}, "date": 1750000000 + i*37,
		"message": strings.Repeat("The quick brown fox said \"no\" to the lazy dog.\n", 1+i%6) + strings.Repeat("Съешь ещё этих мягких булок. ", i%5),
		"views":   1000 + i, "forwards": i,
	}
	if i%2 == 0 {
		m["reply_to"] = M{"_": "messageReplyHeader", "reply_to_msg_id": 99000 + i, "quote": true, "quote_text": "the quick"}
		m["entities"] = []M{{"_": "messageEntityBold", "offset": 0, "length": 9}, {"_": "messageEntityUrl", "offset": 10, "length": 5}}
	}
	if i%2 == 1 {
		m["media"] = M{"_": "messageMediaPhoto", "photo": photo(i)}
	}
	if i%4 == 1 {
		m["reactions"] = M{"_": "messageReactions", "results": []M{
			{"reaction": M{"_": "reactionEmoji", "emoticon": "👍"}, "count": 17}, {"reaction": M{"_": "reactionEmoji", "emoticon": "🔥"}, "count": 3},
		}}
		m["replies"] = M{"_": "messageReplies", "replies": 4, "replies_pts": 123, "comments": true, "channel_id": 1234567891}
	}
	return m
}

func photo(i int) M {
	return M{
		"_": "photo", "id": int64(5400000000000000000) + int64(i), "access_hash": int64(-5400000000000000000) + int64(i),
		"file_reference": make([]byte, 37), "date": 1750000000, "dc_id": 2, "sizes": []M{
			{"_": "photoStrippedSize", "type": "i", "bytes": make([]byte, 400)},
			{"_": "photoSize", "type": "m", "w": 320, "h": 240, "size": 21000},
			{"_": "photoSizeProgressive", "type": "y", "w": 1280, "h": 960, "sizes": []int{12000, 30000, 55000, 80000, 140000}},
		},
	}
}

func benchHistory(b *testing.B, run func(b *testing.B, src []byte)) {
	for _, n := range []int{20, 100} {
		src := history(b, n)
		b.Run(fmt.Sprintf("%dmessages", n), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			run(b, src)
		})
	}
}

func BenchmarkTLToJSON(b *testing.B) {
	benchHistory(b, func(b *testing.B, src []byte) { benchOut(b, api().AppendJSON, src) })
}

func BenchmarkTLToMsgpack(b *testing.B) {
	benchHistory(b, func(b *testing.B, src []byte) { benchOut(b, api().AppendMsgpack, src) })
}

func benchOut(b *testing.B, convert func(dst, src []byte, t Type) ([]byte, error), src []byte) {
	t, _ := api().Type("messages.Messages")
	var dst []byte
	for b.Loop() {
		var err error
		if dst, err = convert(dst[:0], src, t); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(dst)), "out-B")
}

func BenchmarkJSONToTL(b *testing.B) {
	benchHistory(b, func(b *testing.B, src []byte) {
		text, _ := api().AppendJSON(nil, src, api().AnyObject())
		benchIn(b, api().AppendTLFromJSON, text)
	})
}

func BenchmarkMsgpackToTL(b *testing.B) {
	benchHistory(b, func(b *testing.B, src []byte) {
		text, _ := api().AppendMsgpack(nil, src, api().AnyObject())
		benchIn(b, api().AppendTLFromMsgpack, text)
	})
}

func benchIn(b *testing.B, convert func(dst, src []byte, t Type, o *Options) ([]byte, error), src []byte) {
	t, _ := api().Type("messages.Messages")
	var dst []byte
	for b.Loop() {
		var err error
		if dst, err = convert(dst[:0], src, t, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// What the update machine asks of an update: type, pts, and whom it mentions.
func BenchmarkViewUpdate(b *testing.B) {
	src, err := api().Encode(nil, M{"_": "updateNewMessage", "message": message(6), "pts": 500, "pts_count": 1})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := api().View(src)
		m, ok := v.Object("message")
		peer, _ := m.Object("peer_id")
		if err != nil || !ok || v.Int("pts") != 500 || peer.Int("channel_id") != 1234567890 {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkCheckCall(b *testing.B) {
	f, _ := api().Function("messages.sendMessage")
	call, err := api().AppendCallFromJSON(nil, []byte(sendMessage), f, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if api().CheckCall(call, f) != nil {
			b.Fatal("wrong")
		}
	}
}

const sendMessage = `{"peer":{"_":"inputPeerChannel","channel_id":"1234567890","access_hash":"-77"},"message":"hello","random_id":"99"}`

func BenchmarkCallFromJSON(b *testing.B) {
	f, _ := api().Function("messages.sendMessage")
	dst, src := []byte(nil), []byte(sendMessage)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = api().AppendCallFromJSON(dst[:0], src, f, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	m := M{"_": "updates", "updates": []M{{"_": "updateNewMessage", "message": message(6), "pts": 1, "pts_count": 1}}, "users": []M{}, "chats": []M{}, "date": 1, "seq": 0}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = api().Encode(dst[:0], m); err != nil {
			b.Fatal(err)
		}
	}
}
