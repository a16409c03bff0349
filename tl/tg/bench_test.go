package tg_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl/tg"
)

// history is a messages.messages as a busy chat has it, the same as codec's benchmarks have.
func history(n int) *tg.MessagesMessages {
	h := &tg.MessagesMessages{Chats: []tg.ChatClass{&tg.Channel{
		Megagroup: true, ID: 1234567890, AccessHash: tg.Some(int64(-77)), Title: "Новости и погода", Username: tg.Some("news"),
		Photo: &tg.ChatPhoto{PhotoID: 5300000000000000000, DcID: 4}, Date: 1600000000, ParticipantsCount: tg.Some(12345),
	}}}
	for i := range n {
		h.Messages = append(h.Messages, message(i))
	}
	for i := range max(3, n/4) {
		h.Users = append(h.Users, &tg.User{
			ID: int64(700000000 + i), AccessHash: tg.Some(int64(0x1122334455667788) * int64(i+1)), FirstName: tg.Some("Александра"),
			LastName: tg.Some("Smith"), Username: tg.Some(fmt.Sprintf("user_%d", i)), Premium: true,
			Photo:  &tg.UserProfilePhoto{PhotoID: 5300000000000000000 + int64(i), StrippedThumb: make([]byte, 40), DcID: 2},
			Status: &tg.UserStatusOffline{WasOnline: 1750000000},
		})
	}
	return h
}

func message(i int) *tg.Message {
	m := &tg.Message{
		ID: 100000 + i, FromID: &tg.PeerUser{UserID: int64(700000000 + i%5)}, PeerID: &tg.PeerChannel{ChannelID: 1234567890}, Date: 1750000000 + i*37,
		Message: strings.Repeat("The quick brown fox said \"no\" to the lazy dog.\n", 1+i%6) + strings.Repeat("Съешь ещё этих мягких булок. ", i%5),
		Views:   tg.Some(1000 + i), Forwards: tg.Some(i),
	}
	if i%2 == 0 {
		m.ReplyTo = &tg.MessageReplyHeader{ReplyToMsgID: tg.Some(99000 + i), Quote: true, QuoteText: tg.Some("the quick")}
		m.Entities = []tg.MessageEntityClass{&tg.MessageEntityBold{Offset: 0, Length: 9}, &tg.MessageEntityUrl{Offset: 10, Length: 5}}
	}
	if i%2 == 1 {
		m.Media = &tg.MessageMediaPhoto{Photo: photo(i)}
	}
	if i%4 == 1 {
		m.Reactions = &tg.MessageReactions{Results: []*tg.ReactionCount{
			{Reaction: &tg.ReactionEmoji{Emoticon: "👍"}, Count: 17}, {Reaction: &tg.ReactionEmoji{Emoticon: "🔥"}, Count: 3},
		}}
		m.Replies = &tg.MessageReplies{Replies: 4, RepliesPts: 123, Comments: true, ChannelID: tg.Some(int64(1234567891))}
	}
	return m
}

func photo(i int) *tg.Photo {
	return &tg.Photo{
		ID: 5400000000000000000 + int64(i), AccessHash: -5400000000000000000 + int64(i), FileReference: make([]byte, 37), Date: 1750000000, DcID: 2,
		Sizes: []tg.PhotoSizeClass{
			&tg.PhotoStrippedSize{Type: "i", Bytes: make([]byte, 400)},
			&tg.PhotoSize{Type: "m", W: 320, H: 240, Size: 21000},
			&tg.PhotoSizeProgressive{Type: "y", W: 1280, H: 960, Sizes: []int{12000, 30000, 55000, 80000, 140000}},
		},
	}
}

func benchHistory(b *testing.B, run func(b *testing.B, h *tg.MessagesMessages, src []byte)) {
	for _, n := range []int{20, 100} {
		h := history(n)
		src := encode(b, h)
		b.Run(fmt.Sprintf("%dmessages", n), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			run(b, h, src)
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	benchHistory(b, func(b *testing.B, _ *tg.MessagesMessages, src []byte) {
		for b.Loop() {
			if _, err := tg.DecodeMessagesMessages(src); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	benchHistory(b, func(b *testing.B, h *tg.MessagesMessages, dst []byte) {
		for b.Loop() {
			if _, err := tg.Append(dst[:0], h); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What codec does with the same bytes: to JSON, without Go types in between.
func BenchmarkCodecToJSON(b *testing.B) {
	benchHistory(b, func(b *testing.B, _ *tg.MessagesMessages, src []byte) {
		var dst []byte
		for b.Loop() {
			var err error
			if dst, err = compiled().AppendJSON(dst[:0], src, compiled().AnyObject()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A whole call, but for the Invoker.
func BenchmarkCall(b *testing.B) {
	inv := &answers{result: encode(b, &tg.UpdateShortSentMessage{ID: 7, Pts: 8, PtsCount: 1})}
	b.ReportAllocs()
	for b.Loop() {
		_, err := tg.MessagesSendMessage(b.Context(), inv, &tg.MessagesSendMessageRequest{Peer: &tg.InputPeerSelf{}, Message: "hello", RandomID: 9})
		if err != nil {
			b.Fatal(err)
		}
	}
}
