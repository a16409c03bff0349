package client

import (
	"testing"

	"github.com/nats-io/nats.go"
)

type sample struct{ data []byte }

func (s sample) Subject() string      { return "" }
func (s sample) Data() []byte         { return s.data }
func (s sample) Headers() nats.Header { return nil }

// One new message of a private chat with its sender, from the stream's JSON to Go types.
func BenchmarkUpdate(b *testing.B) {
	msg := sample{[]byte(`{"update":{"_":"updateNewMessage","message":{"_":"message","out":true,"id":17,"from_id":{"_":"peerUser","user_id":"1000001"},` +
		`"peer_id":{"_":"peerUser","user_id":"1000002"},"date":1700000000,"message":"hello, how are you","entities":[{"_":"messageEntityBold","offset":0,"length":5}]},"pts":5,"pts_count":1},` +
		`"users":[{"_":"user","contact":true,"id":"1000002","access_hash":"123456789012345678","first_name":"Alice","username":"alice","phone":"99966","status":{"_":"userStatusRecently"}}],"chats":[]}`)}
	meta := Meta{Type: "updateNewMessage", Layer: 223}
	b.ReportAllocs()
	b.SetBytes(int64(len(msg.data)))
	for b.Loop() {
		if u := newUpdate(meta, msg); u.Err != nil {
			b.Fatal(u.Err)
		}
	}
}

// What the first update costs once.
func BenchmarkDecoder(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := newDecoder(); err != nil {
			b.Fatal(err)
		}
	}
}
